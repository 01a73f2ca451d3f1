"""The losses as scikit-learn reports them, of each example, from logits Z and targets Y.

Its stopping rules and L-BFGS's line search go by these values, so they have its peculiarities:
probabilities are kept ``eps`` (of their type) away from 0 and 1, and a squared error is halved and
averaged over the outputs, where its gradient is summed over them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gpunet.backends import Array
from gpunet.nn.activations import sigmoid, softmax
from gpunet.nn.losses import poisson


def per_example(loss: str, outputs: int, dtype: str) -> Callable[..., Array]:
    """Return the formula (xp, Z, Y) -> (n, 1) for one of gpunet's losses."""
    eps = float(np.finfo(dtype).eps)

    def inside(xp: Any, A: Array) -> Array:
        return xp.minimum(xp.maximum(A, eps), 1.0 - eps)

    def several_sigmoids(xp: Any, Z: Array, Y: Array) -> Array:
        A = inside(xp, sigmoid(xp, Z))
        return xp.sum(-(Y * xp.log(A) + (1.0 - Y) * xp.log(1.0 - A)), axis=-1, keepdims=True)

    def one_class(xp: Any, Z: Array, Y: Array) -> Array:
        return xp.sum(-(Y * xp.log(inside(xp, softmax(xp, Z)))), axis=-1, keepdims=True)

    def squares(xp: Any, Z: Array, Y: Array) -> Array:
        return xp.sum((Z - Y) * (Z - Y), axis=-1, keepdims=True) * (0.5 / outputs)

    def deviance(xp: Any, Z: Array, Y: Array) -> Array:
        return poisson(xp, Z, xp.exp(Z), Y)

    return {
        "binary_crossentropy": several_sigmoids,
        "categorical_crossentropy": one_class,
        "half_squared_error": squares,
        "poisson": deviance,
    }[loss]
