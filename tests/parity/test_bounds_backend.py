"""No correct device leaves the bounds, and they are not so wide that anything would pass."""

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from gpunet import datasets, optim
from gpunet.backends import Backend, get_backend
from gpunet.nn.activations import ACTIVATIONS
from gpunet.parity import lockstep as lockstep_module
from gpunet.parity.bounds_backend import PRECISIONS, BoundsBackend
from gpunet.parity.check import Check, compare
from gpunet.parity.lockstep import lockstep
from gpunet.parity.running_error import Bounded, Gamma, likely_gamma
from gpunet.parity.within import gamma

SINGLE = PRECISIONS["float32"]
ELEMENTWISE = [a.name for a in ACTIVATIONS.values() if a.elementwise]
ENDS = [
    ("sigmoid", "binary_crossentropy"),
    ("softmax", "categorical_crossentropy"),
    *((output, loss) for output in ELEMENTWISE for loss in ("squared_error", "half_squared_error")),
]
DECAYS = st.sampled_from([{}, {"weight_decay": 0.1}])
CLIPS = st.sampled_from([{}, {"clip_norm": 0.01}, {"clip_norm": 1.0}, {"clip_norm": 100.0}])
RULES = st.sampled_from(
    [
        (optim.SGD, {"learning_rate": 0.5}),
        (optim.SGD, {"momentum": 0.9}),
        (optim.SGD, {"momentum": 0.9, "nesterov": True}),
        (optim.Adam, {}),
        (optim.AdamW, {"learning_rate": 0.1}),
        (optim.RMSProp, {}),
    ]
)


@st.composite
def optimizers(draw: Any) -> optim.Optimizer:
    rule, arguments = draw(RULES)
    return rule(**arguments, **draw(DECAYS), **draw(CLIPS))


@st.composite
def networks(draw: Any) -> dict[str, Any]:
    width = st.integers(1, 8)
    hidden = draw(st.lists(st.sampled_from(ELEMENTWISE), max_size=3))
    output, loss = draw(st.sampled_from(ENDS))
    # One output stands for two classes, and more for one class each; a softmax needs two.
    outputs = draw(st.sampled_from([3, 8] if output == "softmax" else [1, 3, 8]))
    return {
        "sizes": [draw(width), *(draw(width) for _ in hidden), outputs],
        **({"hidden": hidden} if hidden else {}),
        "output": output,
        "loss": loss,
        "init": draw(st.sampled_from(["lecun_normal", "he_normal", "uniform", "zeros"])),
        "bias": draw(st.booleans()),
        "reduction": draw(st.sampled_from(["mean", "sum"])),
        "dropout": draw(st.sampled_from([0.0, 0.0, 0.0, 0.0, 0.3])),
    }


def examples(seed: int, features: int, outputs: int) -> datasets.Dataset:
    random = np.random.default_rng(seed)
    classes = max(outputs, 2)
    names = tuple(str(i) for i in range(classes))
    y = random.integers(0, classes, 12)
    if seed % 2:  # bytes that are scaled when they are gathered
        X, scale = random.integers(0, 256, (12, features)).astype(np.uint8), 1 / 255
    else:
        X, scale = random.normal(scale=3.0, size=(12, features)), 1.0
    return datasets.Dataset(X, y, scale, names)


@settings(max_examples=500)
@given(
    network=networks(), optimizer=optimizers(), batch=st.integers(1, 8), steps=st.integers(1, 2),
    seed=st.integers(0, 1000),
)  # fmt: skip
def test_random_networks_train_within_their_bounds(
    network: dict[str, Any], optimizer: optim.Optimizer, batch: int, steps: int, seed: int
) -> None:
    """The likely bound is the certain one here: no sum has more than 64 terms."""
    data = examples(seed, network["sizes"][0], network["sizes"][-1])
    run = {"steps": steps, "batch": batch, "seed": seed}
    unbounded, losses = set(), []

    def compare_and_look(name: str, found: Any, expected: Bounded, step: int) -> Check:
        if not np.isfinite(expected.error).all():
            unbounded.add(name)
        if name == "loss":
            losses.append(float(expected.value.max()))
        return compare(name, found, expected, step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lockstep_module, "compare", compare_and_look)
        checks = list(lockstep(get_backend("cpu"), SINGLE, network, data, optimizer, **run))
    layers = len(network["sizes"]) - 1
    tensors = 2 * layers * (2 if network["bias"] else 1)  # of parameters and of their gradients
    # As a whole: all that is updated, and each dW that is a product and not a sum.
    whole = 1 + sum(layer == 0 or width > 1 for layer, width in enumerate(network["sizes"][1:]))
    assert len(checks) == steps * (1 + tensors + whole)
    for check in checks:
        assert check.passed, check
    # Where training diverges, logits grow beyond 88, of which exp overflows.
    if max(losses) > 50:
        return
    # An infinite bound lets everything pass. There are some where a gradient that may be 0 (of a
    # saturated tanh, at the kink of a relu) is divided by its own size, and nowhere else.
    divides = not isinstance(optimizer, optim.SGD)
    if optimizer.clip_norm is None:
        assert not {name for name in unbounded if name == "loss" or name[0] == "d" or not divides}
    assert "loss" not in unbounded


@pytest.mark.parametrize("sum_error", [gamma, likely_gamma])
@pytest.mark.parametrize("rule", [optim.SGD(0.1, clip_norm=0.01), optim.Adam()])
def test_long_sums_stay_within_both_bounds(
    sum_error: Gamma, rule: optim.Optimizer, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """784 features and 200 examples: what is likely and what is certain differ."""
    assert likely_gamma(200, 2.0**-24) < gamma(200, 2.0**-24)
    monkeypatch.setattr(lockstep_module, "likely_gamma", sum_error)
    train = datasets.load("mnist58")[0].part(slice(0, 200))
    network = {"sizes": [784, 12, 1], "hidden": "gelu"}
    for check in lockstep(backend, SINGLE, network, train, rule, steps=2, batch=200):
        assert check.passed, check


def bounded_product(
    A: np.ndarray, B: np.ndarray, precision: str = "float32", sum_error: Gamma = gamma
) -> Any:
    bounds = BoundsBackend(PRECISIONS[precision], sum_error)
    return bounds.array(A, "float32") @ bounds.array(B, "float32")


def in_order(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """One addition after the other: of all orders the one with the largest error."""
    return np.cumsum(A[:, :, None] * B[None], axis=1, dtype=A.dtype)[:, -1]


# Medians of |difference| / bound for numbers from U[0, 1), as measured:
#
#     k                          10      100     784
#     in order, gamma            0.059   0.016   0.0059
#     in order, likely_gamma     0.059   0.020   0.021
#     OpenBLAS, gamma            0.053   0.014   0.0019
#     OpenBLAS, likely_gamma     0.053   0.017   0.0065    (it adds in blocks, so it errs less)
#
# For numbers of mean 0 they are about sqrt(k) smaller again (in order, likely_gamma: 0.029, 0.0031,
# 0.0010): their sum, and so its error, is that much smaller than the sum of magnitudes of which
# the bound is made.
@pytest.mark.parametrize("k", [10, 100, 784])
@pytest.mark.parametrize(
    ("product", "sum_error", "least"),
    [(in_order, likely_gamma, 0.01), (np.matmul, likely_gamma, 0.002), (np.matmul, gamma, 0.0005)],
)
def test_products_use_a_part_of_their_bound(
    k: int, product: Any, sum_error: Gamma, least: float
) -> None:
    """That of the last two depends on how a BLAS adds: they may be a third of the measured."""
    random = np.random.default_rng(k)
    A, B = random.random((40, k), np.float32), random.random((k, 50), np.float32)
    expected = bounded_product(A, B, sum_error=sum_error)
    used = np.abs(product(A, B).astype(np.float64) - expected.value) / expected.error
    assert used.max() <= 1
    assert np.median(used) >= least


@given(k=st.integers(1, 100), seed=st.integers(0, 1000), share=st.sampled_from([0.0, 1e-6, 0.1]))
def test_a_product_in_any_order_from_inputs_that_are_off(k: int, seed: int, share: float) -> None:
    """Also one addition after the other is within the certain bound."""
    random = np.random.default_rng(seed)
    bounds = BoundsBackend(SINGLE)
    held = [random.normal(size=shape).astype(np.float32) for shape in ((3, k), (k, 4))]
    exact = [bounds.array(x, "float32") for x in held]
    for x in exact:
        x.error[...] = share * np.abs(x.value)
        x.value[...] += x.error * random.choice([-1.0, 1.0], x.shape)
        x.error[...] *= 1 + 1e-12  # the line above rounds
    out = exact[0] @ exact[1]
    assert (np.abs(in_order(*held) - out.value) <= out.error).all()
    # Of the column sums, likewise.
    total = bounds.xp.sum(exact[0], axis=0)
    found = np.cumsum(held[0], axis=0, dtype=np.float32)[-1]
    assert (np.abs(found - total.value) <= total.error).all()


def test_tf32_has_room_for_rounded_operands_and_float32_has_not() -> None:
    random = np.random.default_rng(5)
    A, B = random.random((40, 100), np.float32), random.random((100, 50), np.float32)
    # Rounded to 11 bits: 13 of float32's 24 are dropped.
    rounded = [np.ldexp(np.rint(np.ldexp(m, 11)), e - 11) for m, e in (np.frexp(A), np.frexp(B))]
    found = rounded[0].astype(np.float64) @ rounded[1]
    for precision, inside in (("tf32", True), ("float32", False)):
        expected = bounded_product(A, B, precision)
        assert (np.abs(found - expected.value) <= expected.error).all() == inside


def test_gathered_bytes_are_exact_until_they_are_scaled() -> None:
    bounds = BoundsBackend(SINGLE)
    X = np.arange(256, dtype=np.uint8).reshape(64, 4)
    rows, out = np.arange(64)[::-1], bounds.zeros((64, 4), "float32")
    bounds.take(X, rows, 1.0, out=out)
    np.testing.assert_array_equal(out.value, X[rows])
    np.testing.assert_array_equal(out.error, 0)
    bounds.take(X, rows, 1 / 255, out=out)
    found = X[rows].astype(np.float32) * np.float32(1 / 255)
    off = np.abs(found - X[rows] / 255)
    assert (off <= out.error).all()
    assert (off > 0.5 * out.error).any()


@pytest.mark.parametrize("product", [lambda x, y: x @ y, lambda x, y: x * y])
def test_0_times_what_has_no_bound_has_none(product: Any) -> None:
    """A bound of NaN would fail a device that is right."""
    bounds = BoundsBackend(SINGLE)
    zero, unknown, out = (bounds.zeros((1, 1), "float32") for _ in range(3))
    unknown.error[...] = np.inf
    with np.errstate(invalid="ignore"):
        bounds.assign(out, product(zero, unknown))
    assert np.isinf(out.error)
    assert compare("x", np.full((1, 1), 0.5, np.float32), out).passed
