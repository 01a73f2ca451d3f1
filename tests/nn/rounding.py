"""How far a pass in precision u may be from the exact one: a running error analysis.

After Higham, "Accuracy and Stability of Numerical Algorithms", 2002, sections 3.1 and 3.3. Beside
each quantity of the textbook's pass goes a bound E on its error, to first order in u: what its
operands' errors do to it, plus its own roundings. A product of length k adds gamma_k |A||B|.
"""

import numpy as np
from textbook import DA, G_PRIME, forward

# Largest |g'| and |g''|: how far an error in Z reaches A and g'(Z). At their kink, the derivatives
# of relu and leaky_relu jump; data are chosen away from it.
SLOPE = {"identity": 1, "sigmoid": 0.25, "tanh": 1, "relu": 1, "leaky_relu": 1, "gelu": 1.13}
BEND = {"identity": 0, "relu": 0, "leaky_relu": 0, "gelu": 0.8}
# Roundings within g and within g', in units of the largest value on the way: exp and tanh are good
# to 4 units, and each further operation adds one; gelu's 12 are on numbers of up to 3.5 times the
# result.
WITHIN = {"identity": 0, "sigmoid": 6, "tanh": 4, "relu": 0, "leaky_relu": 1, "gelu": 48}
WITHIN |= {"softmax": 16}


def gamma(k, u):
    return k * u / (1 - k * u)


def product(A, E_A, B, E_B, u):
    """Bound the error of A @ B from the errors of A and B."""
    A, B = np.abs(A), np.abs(B)
    return E_A @ (B + E_B) + A @ E_B + gamma(A.shape[1] + 2, u) * (A + E_A) @ (B + E_B)


def forward_errors(parameters, X, activations, u):
    """Return bounds on the errors of every Z and of every A, the first of which is X."""
    Zs, As = forward(parameters, X, activations)
    E_Zs, E_As = [], [np.zeros_like(X)]
    for l, name in enumerate(activations, 1):  # noqa: E741
        W, b = parameters[f"W{l}"], parameters.get(f"b{l}", 0)
        E_Z = product(As[l - 1], E_As[-1], W, 0 * W, u) + u * (np.abs(b) + np.abs(Zs[l - 1]))
        if name == "softmax":  # |dA_i| <= A_i (|dZ_i| + sum_j A_j |dZ_j|) <= 2 max |dZ|
            E_A = np.ones_like(E_Z) * 2 * E_Z.max(axis=1, keepdims=True) + WITHIN[name] * u
        else:
            largest = np.abs(As[l]) + (1 if name == "gelu" else 0)
            E_A = SLOPE[name] * E_Z + WITHIN[name] * u * largest
        E_Zs.append(E_Z)
        E_As.append(E_A)
    return E_Zs, E_As


def loss_error(parameters, X, Y, activations, loss_name, reduction, u):
    """Bound the error of ``textbook.loss`` in precision u."""
    Zs, As = forward(parameters, X, activations)
    E_Zs, E_As = forward_errors(parameters, X, activations, u)
    if loss_name.endswith("crossentropy"):
        # A change of Z is felt times |A - Y|; max(Z, 0), Y Z and the logarithm are rounded, each
        # of them at most about the largest |Z| of the row.
        felt = (np.abs(As[-1] - Y) + E_As[-1]) * E_Zs[-1]
        terms = 4 * np.abs(Zs[-1]).max(axis=1, keepdims=True) + 4 + 0 * Y
    else:
        felt = (np.abs(DA[loss_name](As[-1], Y)) + E_As[-1]) * E_As[-1]
        terms = (As[-1] - Y) ** 2
    share = 1 / len(X) if reduction == "mean" else 1.0
    return share * (felt.sum() + gamma(8 + Y.size, u) * terms.sum())


def gradient_errors(parameters, X, Y, activations, loss_name, reduction, u):
    """Return {"W1": E_W1, ...}: bounds on the errors of ``textbook.gradients`` in precision u."""
    Zs, As = forward(parameters, X, activations)
    E_Zs, E_As = forward_errors(parameters, X, activations, u)
    share = 1 / len(X) if reduction == "mean" else 1.0
    if loss_name.endswith("crossentropy"):
        dZ = share * (As[-1] - Y)
        E_dZ = share * E_As[-1] + 4 * u * np.abs(dZ)
    else:
        dA = share * DA[loss_name](As[-1], Y)
        E_dA = (2 if loss_name == "squared_error" else 1) * share * E_As[-1] + 4 * u * np.abs(dA)
        dZ, E_dZ = through(activations[-1], Zs[-1], E_Zs[-1], E_As[-1], dA, E_dA, u)
    errors = {}
    for l in range(len(activations), 0, -1):  # noqa: E741
        errors[f"W{l}"] = product(As[l - 1].T, E_As[l - 1].T, dZ, E_dZ, u)
        if f"b{l}" in parameters:
            ones = np.ones((1, len(X)))
            errors[f"b{l}"] = product(ones, 0 * ones, dZ, E_dZ, u)[0]
        if l > 1:
            W = parameters[f"W{l}"].T
            dA, E_dA = dZ @ W, product(dZ, E_dZ, W, 0 * W, u)
            dZ, E_dZ = through(activations[l - 2], Zs[l - 2], E_Zs[l - 2], E_As[l - 1], dA, E_dA, u)
    return errors


def through(name, Z, E_Z, E_A, dA, E_dA, u):
    """Return dZ = dA * g'(Z) and the bound on its error."""
    slope = G_PRIME[name](Z)
    if name in ("sigmoid", "tanh"):  # from A: A (1 - A) changes by at most 1, 1 - A^2 by 2 E_A
        E_slope = (1 if name == "sigmoid" else 2) * E_A + 3 * u
    else:
        E_slope = BEND[name] * E_Z + WITHIN[name] * u
    dA_most = np.abs(dA) + E_dA
    return dA * slope, E_dA * np.abs(slope) + dA_most * E_slope + 2 * u * dA_most * np.abs(slope)
