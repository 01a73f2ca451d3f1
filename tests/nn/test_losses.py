"""Losses, their gradients at the last layer, and what counts as right."""

import numpy as np
import pytest
import textbook
from pieces import head, kernel, score

from gpunet.backends import Backend
from gpunet.nn.activations import ACTIVATIONS
from gpunet.nn.losses import LOSSES

UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}
CROSSENTROPIES = [("sigmoid", "binary_crossentropy"), ("softmax", "categorical_crossentropy")]


def end(
    backend: Backend, output: str, loss: str, Z: np.ndarray, Y: np.ndarray, share: float = 1.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (loss, correct, dZ) as a network's last kernels compute them."""
    dtype, (n, m) = Z.dtype, Z.shape
    outs = [backend.zeros(shape, dtype) for shape in ((n, 1), (n, 1), (n, m), (n, m))]
    parts = LOSSES[loss], ACTIVATIONS[output]
    b, Z, Y = backend.zeros((m,), dtype), backend.array(Z, dtype), backend.array(Y, dtype)
    kernel(backend, score(*parts))(Z, Y, out=tuple(outs[:2]))
    kernel(backend, head(*parts))(Z, b, Y, share, out=tuple(outs[2:]))
    each, correct, _, dZ = map(backend.to_numpy, outs)
    return each[:, 0], correct[:, 0], dZ


def logits(dtype: str, n: int = 40, m: int = 3) -> np.ndarray:
    return (np.random.default_rng(0).normal(size=(n, m)) * 3).astype(dtype)


def one_hot(n: int, m: int) -> np.ndarray:
    return np.eye(m)[np.random.default_rng(1).integers(0, m, n)]


def test_the_oracles_two_ways_agree() -> None:
    """From probabilities and from logits; the former loses digits near 0 and 1."""
    Z, Y = logits("float64"), one_hot(40, 3)
    for output, loss in CROSSENTROPIES:
        by_probability = getattr(textbook, loss)(textbook.G[output](Z), Y)
        by_logits = textbook.LOSS[loss](Z, None, Y)
        # 1 - A is off by u / (1 - A), and A < 1 - e^-12 here: 1e-16 * e^12 = 2e-11.
        np.testing.assert_allclose(by_probability, by_logits, rtol=2e-11)
        dZ = textbook.chain_rule(Z, Y, output, loss)
        np.testing.assert_allclose(dZ, textbook.G[output](Z) - Y, rtol=0, atol=2e-11)


@pytest.mark.parametrize(
    ("output", "loss"),
    [*CROSSENTROPIES, ("tanh", "squared_error"), ("identity", "half_squared_error")],
)
def test_loss_and_gradient(backend: Backend, dtype: str, output: str, loss: str) -> None:
    Z, Y = logits(dtype), one_hot(40, 3)
    each, _, dZ = end(backend, output, loss, Z, Y, share=0.25)
    exact_Z = Z.astype(np.float64)
    A = textbook.G[output](exact_Z)
    expected = textbook.LOSS[loss](exact_Z, A, Y)
    # 16 roundings (exp, log and tanh count 4), on terms of at most 4 (1 + |Z|) or (1 + |A|)^2.
    scale = np.maximum(4 * (1 + np.abs(Z).max(axis=1)), ((1 + np.abs(A)) ** 2).sum(axis=1))
    assert (np.abs(each - expected) <= 16 * UNIT[dtype] * scale).all()
    slope = 1 if loss.endswith("crossentropy") else textbook.G_PRIME[output](exact_Z)
    factor = 2 if loss == "squared_error" else 1
    error = np.abs(dZ - 0.25 * factor * (A - Y) * slope)
    assert (error <= 0.25 * 2 * 20 * UNIT[dtype] * (1 + np.abs(A))).all()


@pytest.mark.parametrize(("output", "loss"), CROSSENTROPIES)
def test_crossentropies_far_out(backend: Backend, dtype: str, output: str, loss: str) -> None:
    """Where A has long been rounded to 0 or 1, the loss is still the distance."""
    Z = np.array([[1e4, -1e4], [1e4, -1e4], [1e-30, -1e-30]], dtype)
    Y = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    each, correct, dZ = end(backend, output, loss, Z, Y)
    per_output = 2 if output == "sigmoid" else 1
    np.testing.assert_allclose(each, [0, 2e4, per_output * np.log(2)], rtol=8 * UNIT[dtype])
    assert correct.tolist()[:2] == [1, 0]
    assert dZ.tolist() == [[0, 0], [1, -1], [-0.5, 0.5]]


def test_small_losses_keep_their_digits(backend: Backend, dtype: str) -> None:
    """The nearer to certainty, the smaller: exp(-Z), to a few units of itself."""
    Z = np.array([[5.0], [20.0], [80.0]], dtype)
    each, _, _ = end(backend, "sigmoid", "binary_crossentropy", Z, np.ones((3, 1)))
    # exp and log1p, each within 4 units.
    np.testing.assert_allclose(each, np.log1p(np.exp(-Z[:, 0].astype("f8"))), 8 * UNIT[dtype])


@pytest.mark.parametrize(("output", "loss"), CROSSENTROPIES)
def test_huge_logits_give_no_nan(backend: Backend, dtype: str, output: str, loss: str) -> None:
    huge = np.finfo(dtype).max / 4
    Z = np.array([[huge, -huge], [0.0, huge]], dtype)
    each, _, dZ = end(backend, output, loss, Z, np.array([[1.0, 0.0], [0.0, 1.0]]))
    assert each[0] == 0
    assert np.isfinite(each).all()
    assert np.isfinite(dZ).all()


@pytest.mark.parametrize(("output", "loss"), [*CROSSENTROPIES, ("relu", "squared_error")])
def test_a_nan_shows_in_the_loss_and_in_the_gradient(
    backend: Backend, dtype: str, output: str, loss: str
) -> None:
    Z = np.array([[np.nan, 1.0], [0.0, 1.0]], dtype)
    each, _, dZ = end(backend, output, loss, Z, np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert np.isnan(each).tolist() == [True, False]
    assert np.isnan(dZ[0]).any()
    assert not np.isnan(dZ[1]).any()


def test_soft_targets(backend: Backend, dtype: str) -> None:
    Z, Y = logits(dtype, m=2), np.array([[0.25, 0.75]] * 40)
    for output, loss in CROSSENTROPIES:
        each, _, dZ = end(backend, output, loss, Z, Y)
        expected = textbook.LOSS[loss](Z.astype(np.float64), None, Y)
        np.testing.assert_allclose(each, expected, rtol=0, atol=16 * UNIT[dtype] * 4 * 12)
        A = textbook.G[output](Z.astype(np.float64))
        np.testing.assert_allclose(dZ, A - Y, rtol=0, atol=40 * UNIT[dtype])


def test_one_sigmoid_is_right_on_its_side_of_a_half(backend: Backend) -> None:
    Z, Y = np.array([[2.0], [-2.0], [2.0], [-2.0]]), np.array([[1.0], [0.0], [0.0], [1.0]])
    assert end(backend, "sigmoid", "binary_crossentropy", Z, Y)[1].tolist() == [1, 1, 0, 0]


def test_several_sigmoids_must_all_be_right(backend: Backend) -> None:
    Z, Y = np.array([[2.0, -2.0], [2.0, 2.0]]), np.array([[1.0, 0.0], [1.0, 0.0]])
    assert end(backend, "sigmoid", "binary_crossentropy", Z, Y)[1].tolist() == [1, 0]


def test_of_equally_large_logits_each_counts_its_share(backend: Backend) -> None:
    Z, Y = np.array([[1.0, 1.0], [1.0, 2.0], [2.0, 1.0]]), np.array([[1.0, 0.0]] * 3)
    assert end(backend, "softmax", "categorical_crossentropy", Z, Y)[1].tolist() == [0.5, 0, 1]
