"""The tutorials' initial weights, from NumPy's legacy generator, and their plain training."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet.nn.network import Network
from gpunet.optim import SGD
from gpunet.training import History, fit
from gpunet.training.interrupt import INTERRUPTED


def uniform(seed: int, sizes: list[int], biases: bool) -> dict[str, NDArray]:
    """Return U[0, 1) weights, and biases after each weight matrix if wanted."""
    draw, parameters = np.random.RandomState(seed), {}
    for layer, (fan_in, fan_out) in enumerate(pairwise(sizes), 1):
        parameters[f"W{layer}"] = draw.rand(fan_in, fan_out)
        if biases:
            parameters[f"b{layer}"] = draw.rand(fan_out)
    return parameters


def normal(seed: int, sizes: list[int], scale: Any) -> dict[str, NDArray]:
    """Return N(0, 1) * scale(fan_in) weights, drawn as (fan_out, fan_in), and zero biases."""
    draw, parameters = np.random.RandomState(seed), {}
    for layer, (fan_in, fan_out) in enumerate(pairwise(sizes), 1):
        parameters[f"W{layer}"] = draw.randn(fan_out, fan_in).T * scale(fan_in)
        parameters[f"b{layer}"] = np.zeros(fan_out)
    return parameters


def legacy_pairs(seed: int, skip: int, *shapes: tuple[int, int]) -> list[NDArray]:
    """Return U[0, 1) matrices that follow ``skip`` pairs of (4, 3) and (3, 1) in one stream."""
    draw = np.random.RandomState(seed)
    for _ in range(skip):
        draw.rand(4, 3), draw.rand(3, 1)
    return [draw.rand(*shape) for shape in shapes]


def descend(network: Network, X: Any, Y: Any, rate: float, epochs: int) -> History:
    """Train by plain gradient descent on all examples at once."""
    history = fit(network, X, Y, optimizer=SGD(rate), epochs=epochs)
    if history.stopped == INTERRUPTED:
        raise KeyboardInterrupt  # figures of half a run would only mislead
    return history
