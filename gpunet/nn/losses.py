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
    """Return A - Y, for both crossentropies."""
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


def head(loss: Loss, output: Activation) -> Callable[..., tuple[Array, Array]]:
    """Return the formula of the network's end: the logits and dZ.

    Its arguments are Z = A_in W (n, outputs), b (outputs,), Y (n, outputs), and ``share``: what
    the gradient is multiplied by, 1/n for a mean over examples and 1 for a sum.
    """

    def formula(xp: Any, Z: Array, b: Array, Y: Array, share: float) -> tuple[Array, Array]:
        Z = Z + b
        A = output.g(xp, Z)
        if loss.dZ is not None:
            dZ = loss.dZ(xp, A, Y)
        else:
            assert loss.dA is not None
            assert output.g_prime is not None
            dZ = loss.dA(xp, A, Y) * output.g_prime(xp, Z, A)
        return Z, share * dZ

    return formula


def score(loss: Loss, output: Activation) -> Callable[..., tuple[Array, Array]]:
    """Return the formula (loss, correct) of each example, from the logits Z and Y (n, outputs)."""

    def formula(xp: Any, Z: Array, Y: Array) -> tuple[Array, Array]:
        A = output.g(xp, Z)
        return loss.per_example(xp, Z, A, Y), correct(xp, output.name, Z, A, Y)

    return formula


def end(loss: Loss, hidden: Activation, output: Activation) -> Callable[..., tuple[Array, ...]]:
    """Return the formula of the last two layers of a network with one output.

    There the product A W2 is a sum along each row and dA = dZ2 W2^T an outer product, so that all
    from one layer's product to its gradient is one pass over the rows:

        Z1 = X W1, b1 (k,), W2^T (1, k), b2 (1,), Y (n, 1), share  ->  A1, logits Z2, dZ2, dZ1
    """
    last = head(loss, output)
    assert hidden.g_prime is not None
    g_prime = hidden.g_prime

    def formula(
        xp: Any, Z1: Array, b1: Array, W2_T: Array, b2: Array, Y: Array, share: float
    ) -> tuple[Array, ...]:
        Z1 = Z1 + b1
        A1 = hidden.g(xp, Z1)
        Z2, dZ2 = last(xp, xp.sum(A1 * W2_T, axis=-1, keepdims=True), b2, Y, share)
        return A1, Z2, dZ2, dZ2 * W2_T * g_prime(xp, Z1, A1)

    return formula
