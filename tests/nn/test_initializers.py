"""The distributions that initial weights are drawn from."""

from math import erf, sqrt

import numpy as np
import pytest

from gpunet.nn.initializers import INITIALIZERS

FAN_IN, FAN_OUT = 200, 150
N = FAN_IN * FAN_OUT


def draw(name: str, seed: int = 0) -> np.ndarray:
    return INITIALIZERS[name](seed, 1, FAN_IN, FAN_OUT)


# The seed is fixed, so these either always pass or never do. A right generator fails a bound of
# five standard errors for one seed in a million.
NORMAL = {"lecun_normal": 1 / sqrt(FAN_IN), "normal_001": 0.01, "he_normal": sqrt(2 / FAN_IN)}
RADIUS = sqrt(6 / (FAN_IN + FAN_OUT))
UNIFORM = {"uniform": (0, 1), "glorot_uniform": (-RADIUS, RADIUS)}


@pytest.mark.parametrize("name", NORMAL)
def test_normal_ones(name: str) -> None:
    W, sigma = draw(name).ravel(), NORMAL[name]
    assert abs(W.mean()) < 5 * sigma / sqrt(N)
    # The variance of n normal numbers has the standard error sigma^2 sqrt(2 / (n - 1)).
    assert abs(W.var() - sigma**2) < 5 * sigma**2 * sqrt(2 / (N - 1))
    # The share within one and within two sigma, and its standard error sqrt(p (1-p) / n).
    for k in (1, 2):
        p = erf(k / sqrt(2))
        assert abs((np.abs(W) < k * sigma).mean() - p) < 5 * sqrt(p * (1 - p) / N)


@pytest.mark.parametrize("name", UNIFORM)
def test_uniform_ones(name: str) -> None:
    W, (low, high) = draw(name).ravel(), UNIFORM[name]
    assert low <= W.min()
    assert W.max() < high
    width = high - low
    assert abs(W.mean() - (low + high) / 2) < 5 * width / sqrt(12 * N)
    # The fourth central moment of a uniform number is width^4 / 80, so the variance's standard
    # error is width^2 sqrt((1/80 - 1/144) / n).
    assert abs(W.var() - width**2 / 12) < 5 * width**2 * sqrt((1 / 80 - 1 / 144) / N)


def test_zeros() -> None:
    assert not draw("zeros").any()


@pytest.mark.parametrize("name", [*NORMAL, *UNIFORM])
def test_draws_depend_on_the_seed_only(name: str) -> None:
    np.testing.assert_array_equal(draw(name), draw(name))
    assert (draw(name) != draw(name, seed=1)).all()
    assert draw(name).shape == (FAN_IN, FAN_OUT)
    assert draw(name).dtype == np.float64
