"""The oracle: the textbook in float64 NumPy, plainly. It imports nothing from gpunet.

Everything is samples-first: X (n, features), W (fan_in, fan_out), b (fan_out,), Y (n, outputs).
Parameters are a dictionary {"W1": ..., "b1": ..., "W2": ...}; networks without biases have no b.
"""

import numpy as np

# --- activations, and their derivatives by Z --------------------------------------------------


def identity(Z):
    return Z


def identity_prime(Z):
    return np.ones_like(Z)


def sigmoid(Z):
    with np.errstate(over="ignore"):  # exp(-Z) = inf gives 0, as it should
        return 1 / (1 + np.exp(-Z))


def sigmoid_prime(Z):
    # s (1 - s), where 1 - s(Z) = s(-Z) without cancellation
    return sigmoid(Z) * sigmoid(-Z)


def tanh(Z):
    return np.tanh(Z)


def tanh_prime(Z):
    return 1 - np.tanh(Z) ** 2


def relu(Z):
    return np.where(Z > 0, Z, 0)


def relu_prime(Z):
    return np.where(Z > 0, 1.0, 0.0)


def leaky_relu(Z):
    return np.where(Z > 0, Z, Z / 100)


def leaky_relu_prime(Z):
    return np.where(Z > 0, 1.0, 0.01)


def gelu(Z):
    # Hendrycks and Gimpel's tanh form
    return Z / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (Z + 0.044715 * Z**3)))


def gelu_prime(Z):
    inner = np.sqrt(2 / np.pi) * (Z + 0.044715 * Z**3)
    inner_prime = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * Z**2)
    T = np.tanh(inner)
    return (1 + T) / 2 + Z / 2 * (1 - T**2) * inner_prime


def softmax(Z):
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


G = {
    "identity": identity,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "gelu": gelu,
    "softmax": softmax,
}
G_PRIME = {
    "identity": identity_prime,
    "sigmoid": sigmoid_prime,
    "tanh": tanh_prime,
    "relu": relu_prime,
    "leaky_relu": leaky_relu_prime,
    "gelu": gelu_prime,
}

# --- losses, one number an example ------------------------------------------------------------


def binary_crossentropy(A, Y):
    return -(Y * np.log(A) + (1 - Y) * np.log(1 - A)).sum(axis=1)


def binary_crossentropy_from_logits(Z, Y):
    # log s(Z) = -log(1 + exp(-Z)) and log(1 - s(Z)) = -log(1 + exp(Z))
    return (Y * np.logaddexp(0, -Z) + (1 - Y) * np.logaddexp(0, Z)).sum(axis=1)


def categorical_crossentropy(A, Y):
    return -(Y * np.log(A)).sum(axis=1)


def categorical_crossentropy_from_logits(Z, Y):
    log_sum = np.logaddexp.reduce(Z, axis=1, keepdims=True)
    return (Y * (log_sum - Z)).sum(axis=1)


def squared_error(A, Y):
    return ((A - Y) ** 2).sum(axis=1)


def half_squared_error(A, Y):
    return squared_error(A, Y) / 2


LOSS = {  # of the logits Z, the outputs A = g(Z) and the targets
    "binary_crossentropy": lambda Z, A, Y: binary_crossentropy_from_logits(Z, Y),
    "categorical_crossentropy": lambda Z, A, Y: categorical_crossentropy_from_logits(Z, Y),
    "squared_error": lambda Z, A, Y: squared_error(A, Y),
    "half_squared_error": lambda Z, A, Y: half_squared_error(A, Y),
}
DA = {
    "binary_crossentropy": lambda A, Y: (A - Y) / (A * (1 - A)),
    "categorical_crossentropy": lambda A, Y: -Y / A,
    "squared_error": lambda A, Y: 2 * (A - Y),
    "half_squared_error": lambda A, Y: A - Y,
}

# --- the network ------------------------------------------------------------------------------


def forward(parameters, X, activations):
    """Return the lists [Z1, Z2, ...] and [X, A1, A2, ...]."""
    Zs, As = [], [X]
    for l, name in enumerate(activations, 1):  # noqa: E741
        Z = As[-1] @ parameters[f"W{l}"] + parameters.get(f"b{l}", 0)
        Zs.append(Z)
        As.append(G[name](Z))
    return Zs, As


def loss(parameters, X, Y, activations, loss_name, reduction):
    Zs, As = forward(parameters, X, activations)
    each = LOSS[loss_name](Zs[-1], As[-1], Y)
    return each.mean() if reduction == "mean" else each.sum()


def gradients(parameters, X, Y, activations, loss_name, reduction):
    """Return {"W1": dW1, "b1": db1, ...} by the chain rule, from the outputs back."""
    Zs, As = forward(parameters, X, activations)
    if loss_name.endswith("crossentropy"):  # what dA g'(Z) comes to (see chain_rule)
        dZ = As[-1] - Y
    else:
        dZ = DA[loss_name](As[-1], Y) * G_PRIME[activations[-1]](Zs[-1])
    if reduction == "mean":
        dZ = dZ / len(X)
    found = {}
    for l in range(len(activations), 0, -1):  # noqa: E741
        found[f"W{l}"] = As[l - 1].T @ dZ
        if f"b{l}" in parameters:
            found[f"b{l}"] = dZ.sum(axis=0)
        if l > 1:
            dA = dZ @ parameters[f"W{l}"].T
            dZ = dA * G_PRIME[activations[l - 2]](Zs[l - 2])
    return found


def chain_rule(Z, Y, output, loss_name):
    """Return dZ of the last layer the long way, which loses digits where A is near 0 or 1."""
    A = G[output](Z)
    dA = DA[loss_name](A, Y)
    if output == "softmax":  # dZ_i = sum_j dA_j A_j ([i = j] - A_i)
        return A * dA - A * (A * dA).sum(axis=1, keepdims=True)
    return dA * G_PRIME[output](Z)


# --- optimizers: each takes theta, grad, its state (a dictionary) and the step's number from 1 --


def sgd(theta, grad, state, t, rate):
    return theta - rate * grad


def momentum(theta, grad, state, t, rate, mu):
    state["v"] = mu * state.get("v", 0) - rate * grad
    return theta + state["v"]


def nesterov(theta, grad, state, t, rate, mu):
    """Return Sutskever's form: the velocity's step, seen from where it will lead."""
    before = state.get("v", np.zeros_like(theta))
    state["v"] = mu * before - rate * grad
    return theta - mu * before + (1 + mu) * state["v"]


def adam(theta, grad, state, t, rate, b1, b2, epsilon):
    state["m"] = b1 * state.get("m", 0) + (1 - b1) * grad
    state["v"] = b2 * state.get("v", 0) + (1 - b2) * grad**2
    m_hat = state["m"] / (1 - b1**t)
    v_hat = state["v"] / (1 - b2**t)
    return theta - rate * m_hat / (np.sqrt(v_hat) + epsilon)


def adamw(theta, grad, state, t, rate, b1, b2, epsilon, decay):
    """``decay`` is a vector: 0 for biases."""
    return adam(theta, grad, state, t, rate, b1, b2, epsilon) - rate * decay * theta


def rmsprop(theta, grad, state, t, rate, rho, epsilon):
    state["s"] = rho * state.get("s", 0) + (1 - rho) * grad**2
    return theta - rate * grad / (np.sqrt(state["s"]) + epsilon)
