"""Activations and their derivatives, one by one."""

import numpy as np
import pytest
import textbook
from pieces import kernel

from gpunet.backends import Backend
from gpunet.nn.activations import ACTIVATIONS

UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}
ELEMENTWISE = [name for name, a in ACTIVATIONS.items() if a.elementwise]


def g(backend: Backend, name: str, Z: np.ndarray) -> np.ndarray:
    out = backend.zeros(Z.shape, Z.dtype)
    kernel(backend, ACTIVATIONS[name].g)(backend.array(Z, Z.dtype), out=out)
    return backend.to_numpy(out)


def g_prime(backend: Backend, name: str, Z: np.ndarray) -> np.ndarray:
    derivative = ACTIVATIONS[name].g_prime
    out, A = backend.zeros(Z.shape, Z.dtype), backend.array(g(backend, name, Z), Z.dtype)
    run = kernel(backend, lambda xp, Z, A: xp.abs(Z) * 0.0 + derivative(xp, Z, A))
    run(backend.array(Z, Z.dtype), A, out=out)
    return backend.to_numpy(out)


def ordinary(dtype: str) -> np.ndarray:
    return np.linspace(-12, 12, 1001).reshape(-1, 1).astype(dtype)


# exp and tanh are good to 4 units in NumPy and in CUDA, and a formula adds at most 12 roundings, on
# values of at most 1 + |Z| (gelu's 0.5 Z (1 + T)) or 3.5 (its slope's terms): 64 units of those.


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_activation(backend: Backend, dtype: str, name: str) -> None:
    Z = ordinary(dtype)
    expected = textbook.G[name](Z.astype(np.float64))
    error = np.abs(g(backend, name, Z) - expected)
    if name == "sigmoid":
        # To a few units of itself, however small it is: saturated neurons still learn. exp's
        # argument is exact, so its error is not multiplied.
        assert (error <= 8 * UNIT[dtype] * expected).all()
    else:
        assert (error <= 64 * UNIT[dtype] * (1 + np.abs(Z))).all()


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_derivative(backend: Backend, dtype: str, name: str) -> None:
    Z = ordinary(dtype)
    Z = Z[Z[:, 0] != 0]  # the kink of relu
    expected = textbook.G_PRIME[name](Z.astype(np.float64))
    assert (np.abs(g_prime(backend, name, Z) - expected) <= 64 * 3.5 * UNIT[dtype]).all()


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "gelu"])
def test_the_textbooks_derivatives_are_derivatives(name: str) -> None:
    """Of an analytic g: Im g(Z + ih) / h, which is exact but for rounding as h -> 0."""
    Z, h = np.linspace(-5, 5, 101), 1e-100
    with np.errstate(all="ignore"):
        numeric = textbook.G[name](Z + 1j * h).imag / h
    np.testing.assert_allclose(textbook.G_PRIME[name](Z), numeric, rtol=0, atol=1e-14)


def test_softmax(backend: Backend, dtype: str) -> None:
    Z = (np.random.default_rng(0).normal(size=(50, 7)) * 4).astype(dtype)
    A, expected = g(backend, "softmax", Z), textbook.softmax(Z.astype(np.float64))
    # Z - max is rounded once and enters an exponent of up to 30; then 4 units of exp, 7 additions.
    assert (np.abs(A - expected) <= (30 + 4 + 7 + 2) * UNIT[dtype] * expected).all()
    # Each share is rounded on its own.
    np.testing.assert_allclose(A.sum(axis=1), 1, rtol=0, atol=(7 + 7) * UNIT[dtype])


def extremes(dtype: str) -> np.ndarray:
    kind = np.finfo(dtype)
    positive = [0.0, kind.smallest_subnormal, kind.tiny, kind.eps, 1.0, 1e4, kind.max]
    return np.array([[x, -x] for x in positive], dtype).reshape(-1, 1)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_extreme_inputs(backend: Backend, dtype: str, name: str) -> None:
    """Far out each activation is its limit; nothing overflows to NaN, and nothing warns."""
    Z = extremes(dtype)
    with np.errstate(over="ignore"):  # the textbook's Z^3
        expected = textbook.G[name](Z.astype(np.longdouble)).astype(dtype)
    A = g(backend, name, Z)
    assert not np.isnan(A).any()
    tiny = 2 * np.finfo(dtype).tiny  # what a denormal may be flushed to, or rounded from
    np.testing.assert_allclose(A, expected, rtol=64 * UNIT[dtype], atol=tiny)
    slope = g_prime(backend, name, Z)
    assert np.isfinite(slope).all()
    # Between its limits, but for gelu's slight overshoot (1.129).
    assert ((slope >= -0.13) & (slope <= 1.13)).all()


def test_far_out_the_slopes_are_their_limits(backend: Backend, dtype: str) -> None:
    Z = np.array([[-1e4, 1e4]], dtype)
    limits = {"identity": [1, 1], "sigmoid": [0, 0], "tanh": [0, 0], "relu": [0, 1], "gelu": [0, 1]}
    for name, expected in limits.items():
        assert g_prime(backend, name, Z).tolist() == [expected]
    np.testing.assert_array_equal(
        g_prime(backend, "leaky_relu", Z), np.array([[0.01, 1]]).astype(dtype)
    )


def test_softmax_of_extreme_rows(backend: Backend, dtype: str) -> None:
    # A quarter of the largest number: differences stay finite.
    huge = np.finfo(dtype).max / 4
    Z = np.array([[1e4, -1e4], [huge, -huge], [-huge, -huge], [0.0, -0.0]], dtype)
    assert g(backend, "softmax", Z).tolist() == [[1, 0], [1, 0], [0.5, 0.5], [0.5, 0.5]]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_nan_passes_through(backend: Backend, dtype: str, name: str) -> None:
    Z = np.array([[np.nan], [1.0]], dtype)
    assert np.isnan(g(backend, name, Z)).tolist() == [[True], [False]]
    if ACTIVATIONS[name].elementwise and name != "identity":  # whose slope is 1 anywhere
        derivative = ACTIVATIONS[name].g_prime
        out, A = backend.zeros((2, 1), dtype), backend.array(g(backend, name, Z), dtype)
        run = kernel(backend, lambda xp, Z, A, one: one * derivative(xp, Z, A))
        run(backend.array(Z, dtype), A, backend.array([[1], [1]], dtype), out=out)
        assert np.isnan(backend.to_numpy(out)).tolist() == [[True], [False]]
