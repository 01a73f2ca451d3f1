"""scikit-learn's lists of coefficients and intercepts, and the network's arrays on the device."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet.backends import Backend
from gpunet.nn.mlp import MLP

Weights = tuple[list[NDArray], list[NDArray]]  # coefs_, intercepts_


def initial_weights(
    sizes: list[int], logistic: list[bool], random: np.random.RandomState, dtype: Any
) -> Weights:
    """Draw the weights with which scikit-learn begins.

    Both W and b are uniform within sqrt(6 / (fan_in + fan_out)), X. Glorot and Y. Bengio, AISTATS
    2010; within sqrt(2 / ...) where ``logistic`` says so of a layer.
    """
    coefs, intercepts = [], []
    for fan_in, fan_out, is_logistic in zip(sizes, sizes[1:], logistic, strict=False):
        bound = np.sqrt((2.0 if is_logistic else 6.0) / (fan_in + fan_out))
        W = random.uniform(-bound, bound, (fan_in, fan_out))
        b = random.uniform(-bound, bound, fan_out)
        coefs.append(W.astype(dtype, copy=False))
        intercepts.append(b.astype(dtype, copy=False))
    return coefs, intercepts


def device_weights(backend: Backend, mlp: MLP, weights: Weights) -> None:
    """Put them into the network."""
    for layer, (W, b) in enumerate(zip(*weights, strict=True), 1):
        backend.assign(mlp.parameters[f"W{layer}"], np.ascontiguousarray(W))
        backend.assign(mlp.parameters[f"b{layer}"], np.ascontiguousarray(b))


def host_weights(backend: Backend, mlp: MLP) -> Weights:
    """Return the network's, as new NumPy arrays."""
    layers = range(1, len(mlp.slices.widths) + 1)
    return (
        [backend.to_numpy(mlp.parameters[f"W{layer}"]) for layer in layers],
        [backend.to_numpy(mlp.parameters[f"b{layer}"]) for layer in layers],
    )


def unpacked(vector: NDArray, like: Weights) -> Weights:
    """Cut a flat vector into arrays of the shapes of ``like``: all coefficients come first."""
    parts, start = [], 0
    for array in (*like[0], *like[1]):
        parts.append(vector[start : start + array.size].reshape(array.shape).astype(array.dtype))
        start += array.size
    return parts[: len(like[0])], parts[len(like[0]) :]
