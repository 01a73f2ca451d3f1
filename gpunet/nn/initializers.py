"""Initial weights: each draws a (fan_in, fan_out) float64 matrix; biases start at zero."""

from collections.abc import Callable
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from gpunet import random

Initializer = Callable[[int, int, int, int], NDArray[np.float64]]  # (seed, stream, in, out)


def lecun_normal(seed: int, stream: int, fan_in: int, fan_out: int) -> NDArray[np.float64]:
    """Return N(0, 1) / sqrt(fan_in). LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998."""
    return random.normal(seed, stream, (fan_in, fan_out)) / sqrt(fan_in)


def normal_001(seed: int, stream: int, fan_in: int, fan_out: int) -> NDArray[np.float64]:
    """Return N(0, 1) / 100."""
    return random.normal(seed, stream, (fan_in, fan_out)) * 0.01


def uniform(seed: int, stream: int, fan_in: int, fan_out: int) -> NDArray[np.float64]:
    """Return U[0, 1)."""
    return random.uniform(seed, stream, (fan_in, fan_out))


def glorot_uniform(seed: int, stream: int, fan_in: int, fan_out: int) -> NDArray[np.float64]:
    """Return U[-r, r), r = sqrt(6 / (fan_in + fan_out)). Glorot and Bengio, AISTATS 2010."""
    r = sqrt(6 / (fan_in + fan_out))
    return (2 * random.uniform(seed, stream, (fan_in, fan_out)) - 1) * r


def he_normal(seed: int, stream: int, fan_in: int, fan_out: int) -> NDArray[np.float64]:
    """Return N(0, 1) sqrt(2 / fan_in). He, Zhang, Ren and Sun, ICCV 2015."""
    return random.normal(seed, stream, (fan_in, fan_out)) * sqrt(2 / fan_in)


def zeros(seed: int, stream: int, fan_in: int, fan_out: int) -> NDArray[np.float64]:
    """Return zeros (then every hidden neuron stays equal to its neighbours)."""
    return np.zeros((fan_in, fan_out))


INITIALIZERS: dict[str, Initializer] = {
    f.__name__: f for f in (lecun_normal, normal_001, uniform, glorot_uniform, he_normal, zeros)
}
