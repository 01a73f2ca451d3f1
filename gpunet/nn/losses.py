"""Losses: what a network's outputs cost, and the gradient dZ at its last layer.

Each takes the last layer's logits Z, its outputs A = g(Z) and the targets Y, all (n, outputs):

    per_example(xp, Z, A, Y)    the loss of each example, (n, 1): the sum over its outputs
    dA(xp, A, Y)                its derivative by the outputs (squared errors), or
    dZ(xp, A, Y)                its derivative by the logits (crossentropies)

The crossentropies belong to one output activation each and are computed from the logits: the
textbook's -(Y log A + (1-Y) log(1-A)) is infinite as soon as A rounds to 0 or 1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gpunet.nn.activations import Activation

Array = Any


@dataclass(frozen=True)
class Loss:
    """A loss; ``output`` names the only activation it goes with, or is None for any elementwise."""

    name: str
    per_example: Callable[[Any, Array, Array, Array], Array]
    dA: Callable[[Any, Array, Array], Array] | None = None
    dZ: Callable[[Any, Array, Array], Array] | None = None
    output: str | None = None

    def gradient(self, xp: Any, Z: Array, A: Array, Y: Array, output: Activation) -> Array:
        """Return dZ of each example, (n, outputs), for outputs A = g(Z)."""
        if self.dZ is not None:
            return self.dZ(xp, A, Y)
        assert self.dA is not None
        assert output.g_prime is not None
        return self.dA(xp, A, Y) * output.g_prime(xp, Z, A)

    def scores(self, xp: Any, Z: Array, Y: Array, output: Activation) -> tuple[Array, Array]:
        """Return each example's loss, and 1 or 0 for right or wrong, (n, 1), from its logits."""
        A = output.g(xp, Z)
        return self.per_example(xp, Z, A, Y), correct(xp, output.name, Z, A, Y)


def binary_crossentropy(xp: Any, Z: Array, A: Array, Y: Array) -> Array:
    """Return -(Y log s(Z) + (1-Y) log(1 - s(Z))) = max(Z, 0) - Y Z + log(1 + exp(-|Z|))."""
    L = xp.maximum(Z, 0.0) - Y * Z + xp.log1p(xp.exp(-xp.abs(Z)))
    return xp.sum(L, axis=-1, keepdims=True)


def categorical_crossentropy(xp: Any, Z: Array, A: Array, Y: Array) -> Array:
    """Return -sum(Y log softmax(Z)); the logarithm of softmax is S - log(sum(exp(S)))."""
    S = Z - xp.max(Z, axis=-1, keepdims=True)
    log_A = S - xp.log(xp.sum(xp.exp(S), axis=-1, keepdims=True))
    return xp.sum(-(Y * log_A), axis=-1, keepdims=True)


def crossentropy_dZ(xp: Any, A: Array, Y: Array) -> Array:
    """Return A - Y, for both crossentropies, and for Poisson's deviance of exp(Z)."""
    return A - Y


def squared_error(xp: Any, Z: Array, A: Array, Y: Array) -> Array:
    """Return sum((A - Y)^2)."""
    return xp.sum((A - Y) * (A - Y), axis=-1, keepdims=True)


def squared_error_dA(xp: Any, A: Array, Y: Array) -> Array:
    """Return 2 (A - Y)."""
    return 2.0 * (A - Y)


def half_squared_error(xp: Any, Z: Array, A: Array, Y: Array) -> Array:
    """Return sum((A - Y)^2) / 2."""
    return xp.sum(0.5 * (A - Y) * (A - Y), axis=-1, keepdims=True)


def half_squared_error_dA(xp: Any, A: Array, Y: Array) -> Array:
    """Return A - Y."""
    return A - Y


def poisson(xp: Any, Z: Array, A: Array, Y: Array) -> Array:
    """Return sum(Y log(Y / A) - Y + A): half of the deviance of Poisson's distribution, A = exp(Z).

    P. McCullagh and J. Nelder, "Generalized Linear Models", 1989, section 2.3. Y is at least 0, and
    0 log 0 is 0.
    """
    log_Y = xp.log(xp.where(Y > 0.0, Y, 1.0))
    return xp.sum(Y * (log_Y - Z) - Y + A, axis=-1, keepdims=True)


LOSSES = {
    loss.name: loss
    for loss in (
        Loss("binary_crossentropy", binary_crossentropy, dZ=crossentropy_dZ, output="sigmoid"),
        Loss(
            "categorical_crossentropy",
            categorical_crossentropy,
            dZ=crossentropy_dZ,
            output="softmax",
        ),
        Loss("half_squared_error", half_squared_error, dA=half_squared_error_dA),
        Loss("squared_error", squared_error, dA=squared_error_dA),
        Loss("poisson", poisson, dZ=crossentropy_dZ, output="exp"),
    )
}


def correct(xp: Any, output: str, Z: Array, A: Array, Y: Array) -> Array:
    """Return 1 for each example whose class is predicted rightly, else 0, (n, 1).

    One output decides by A > 1/2, several sigmoids must all be right, and softmax takes the
    largest; where k are equally large, each counts 1/k.
    """
    if output == "softmax":
        largest = xp.astype(xp.max(Z, axis=-1, keepdims=True) <= Z, Z.dtype)
        hits = xp.sum(Y * largest, axis=-1, keepdims=True)
        return hits / xp.sum(largest, axis=-1, keepdims=True)
    right = xp.astype(xp.equal(A > 0.5, Y > 0.5), Z.dtype)
    return -xp.max(-right, axis=-1, keepdims=True)  # the smallest
