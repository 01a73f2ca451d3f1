"""Activation functions g and their derivatives.

Each is a pair of pure functions of an array namespace and arrays:

    g(xp, Z)            the activation A = g(Z)
    g_prime(xp, Z, A)   its derivative g'(Z), from whichever of Z and A = g(Z) is handier

They hold for any real Z without overflow (but exp, whose values do overflow), and a NaN stays a
NaN.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi, sqrt
from typing import Any

Array = Any


@dataclass(frozen=True)
class Activation:
    """An activation function with its derivative.

    ``elementwise`` is False where an output depends on the whole row (softmax), or where the loss
    that it belongs to does without a derivative (exp); such a function has no ``g_prime`` and can
    only be the output of a network.
    """

    name: str
    g: Callable[[Any, Array], Array]
    g_prime: Callable[[Any, Array, Array], Array] | None

    @property
    def elementwise(self) -> bool:
        """Whether it may stand between layers: each output depends on its own input only."""
        return self.g_prime is not None


def identity(xp: Any, Z: Array) -> Array:
    """Return Z itself."""
    return Z


def identity_prime(xp: Any, Z: Array, A: Array) -> Array:
    """Return 1."""
    return 1.0


def sigmoid(xp: Any, Z: Array) -> Array:
    """Return 1 / (1 + exp(-Z)).

    For Z << 0, exp(-Z) is infinite and 1 / inf is 0, as it should be. The form by way of tanh,
    which avoids that, is off by a relative 100 % where the sigmoid is below the unit roundoff;
    gradients of saturated neurons need those values.
    """
    return 1.0 / (1.0 + xp.exp(-Z))


def sigmoid_prime(xp: Any, Z: Array, A: Array) -> Array:
    """Return A (1 - A)."""
    return A * (1.0 - A)


def tanh(xp: Any, Z: Array) -> Array:
    """Return the hyperbolic tangent."""
    return xp.tanh(Z)


def tanh_prime(xp: Any, Z: Array, A: Array) -> Array:
    """Return 1 - A^2."""
    return 1.0 - A * A


def relu(xp: Any, Z: Array) -> Array:
    """Return max(Z, 0)."""
    return xp.maximum(Z, 0.0)


def relu_prime(xp: Any, Z: Array, A: Array) -> Array:
    """Return 1 where Z > 0, else 0: the sign of A, which is never negative."""
    return xp.sign(A)


LEAK = 0.01


def leaky_relu(xp: Any, Z: Array) -> Array:
    """Return Z where Z > 0, else Z / 100."""
    return xp.where(Z > 0.0, Z, LEAK * Z)


def leaky_relu_prime(xp: Any, Z: Array, A: Array) -> Array:
    """Return 1 where Z > 0, else 1/100; A has the sign of Z, and a NaN is passed on."""
    return xp.where(A > 0.0, 1.0, xp.where(A <= 0.0, LEAK, A))


# D. Hendrycks and K. Gimpel, "Gaussian error linear units", 2016: the tanh form, since the array
# API has no erf.
GELU_SCALE, GELU_CUBE = sqrt(2 / pi), 0.044715
# Beyond |Z| = 10 the tanh is 1 in every precision; stopping there keeps Z^3 from overflowing.
GELU_FLAT = 10.0


def _gelu_tanh(xp: Any, Z: Array) -> tuple[Array, Array]:
    C = xp.maximum(xp.minimum(Z, GELU_FLAT), -GELU_FLAT)
    return C, xp.tanh(GELU_SCALE * (C + GELU_CUBE * C * C * C))


def gelu(xp: Any, Z: Array) -> Array:
    """Return Z (1 + tanh(sqrt(2/pi) (Z + 0.044715 Z^3))) / 2."""
    _, T = _gelu_tanh(xp, Z)
    return 0.5 * Z * (1.0 + T)


def gelu_prime(xp: Any, Z: Array, A: Array) -> Array:
    """Return (1 + T) / 2 + Z (1 - T^2) sqrt(2/pi) (1 + 3 * 0.044715 Z^2) / 2, T the tanh."""
    C, T = _gelu_tanh(xp, Z)
    slope = GELU_SCALE * (1.0 + 3.0 * GELU_CUBE * C * C)
    return 0.5 * (1.0 + T) + 0.5 * C * (1.0 - T * T) * slope


def softmax(xp: Any, Z: Array) -> Array:
    """Return exp(Z) / sum(exp(Z)) along each row, shifted by the row's maximum."""
    E = xp.exp(Z - xp.max(Z, axis=-1, keepdims=True))
    return E / xp.sum(E, axis=-1, keepdims=True)


def exp(xp: Any, Z: Array) -> Array:
    """Return exp(Z), the mean of a Poisson distribution with the logarithm Z (a log link)."""
    return xp.exp(Z)


ACTIVATIONS = {
    a.name: a
    for a in (
        Activation("identity", identity, identity_prime),
        Activation("sigmoid", sigmoid, sigmoid_prime),
        Activation("tanh", tanh, tanh_prime),
        Activation("relu", relu, relu_prime),
        Activation("leaky_relu", leaky_relu, leaky_relu_prime),
        Activation("gelu", gelu, gelu_prime),
        Activation("softmax", softmax, None),
        Activation("exp", exp, None),
    )
}
