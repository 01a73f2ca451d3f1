"""Losses and gradients of random networks against the textbook's, within their error bounds."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
import textbook
from hypothesis import assume, given
from hypothesis import strategies as st
from rounding import gradient_errors, loss_error

import gpunet
from gpunet.backends import Backend

UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}
ELEMENTWISE = ("identity", "sigmoid", "tanh", "relu", "leaky_relu", "gelu")
ENDS = [
    ("sigmoid", "binary_crossentropy"),
    ("softmax", "categorical_crossentropy"),
    *((output, loss) for output in ELEMENTWISE for loss in ("squared_error", "half_squared_error")),
]


@dataclass
class Case:
    """A network's settings and numbers; the numbers are rounded to float32 for both precisions."""

    sizes: list[int]
    activations: list[str]
    loss: str
    bias: bool
    reduction: str
    parameters: dict[str, np.ndarray]
    X: np.ndarray
    Y: np.ndarray

    @property
    def textbook(self) -> tuple:
        return self.parameters, self.X, self.Y, self.activations, self.loss, self.reduction

    def network(self, backend: Backend, dtype: str) -> gpunet.Network:
        network = gpunet.Network(
            self.sizes,
            hidden=self.activations[:-1],
            output=self.activations[-1],
            loss=self.loss,
            bias=self.bias,
            reduction=self.reduction,
            device=backend,
            dtype=dtype,
        )
        network.load_parameters(self.parameters)
        return network


def rounded(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float32).astype(np.float64)


def make_case(
    sizes: list[int],
    activations: list[str],
    loss: str,
    bias: bool = True,
    reduction: str = "mean",
    n: int = 4,
    seed: int = 0,
) -> Case:
    random = np.random.default_rng(seed)
    parameters = {}
    for layer, (fan_in, fan_out) in enumerate(pairwise(sizes), 1):
        parameters[f"W{layer}"] = rounded(random.normal(size=(fan_in, fan_out)))
        if bias:
            parameters[f"b{layer}"] = rounded(random.normal(size=fan_out))
    if loss == "categorical_crossentropy":
        Y = np.eye(sizes[-1])[random.integers(0, sizes[-1], n)]
    elif loss == "binary_crossentropy":
        Y = random.integers(0, 2, (n, sizes[-1])).astype(np.float64)
    else:
        Y = rounded(random.normal(size=(n, sizes[-1])))
    X = rounded(random.normal(size=(n, sizes[0])))
    return Case(sizes, activations, loss, bias, reduction, parameters, X, Y)


def away_from_kinks(case: Case) -> bool:
    Zs, _ = textbook.forward(case.parameters, case.X, case.activations)
    kinked = [Z for Z, g in zip(Zs, case.activations, strict=True) if g.endswith("relu")]
    return all(np.abs(Z).min() > 1e-3 for Z in kinked)


FEW = st.integers(1, 6)


@st.composite
def cases(draw: st.DrawFn, size: st.SearchStrategy[int] = FEW, kinks: bool = True) -> Case:
    chosen = [g for g in ELEMENTWISE if kinks or not g.endswith("relu")]
    output, loss = draw(st.sampled_from([e for e in ENDS if e[0] in (*chosen, "softmax")]))
    hidden = draw(st.lists(st.sampled_from(chosen), max_size=3))
    sizes = [draw(size) for _ in range(len(hidden) + 1)]
    sizes.append(draw(size) + (output == "softmax"))
    case = make_case(
        sizes,
        [*hidden, output],
        loss,
        bias=draw(st.booleans()),
        reduction=draw(st.sampled_from(["mean", "sum"])),
        n=draw(size),
        seed=draw(st.integers(0, 10**6)),
    )
    assume(away_from_kinks(case))
    return case


def check(case: Case, found: dict[str, np.ndarray], dtype: str) -> None:
    expected = textbook.gradients(*case.textbook)
    # The oracle's own roundings, in float64, come on top.
    u = UNIT[dtype] + UNIT["float64"]
    errors = gradient_errors(*case.textbook, u)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == dtype
        difference = np.abs(found[name].astype(np.float64) - value)
        # 1.1: the bounds leave out terms of order u^2.
        assert (difference <= 1.1 * errors[name] + np.finfo(dtype).tiny).all(), name


@given(case=cases())
def test_gradients_are_the_textbooks(backend: Backend, dtype: str, case: Case) -> None:
    _, found = case.network(backend, dtype).loss_and_gradients(case.X, case.Y)
    check(case, found, dtype)


# Tables that a GPU's kernels keep in registers, some that are just too wide for it, and some as
# wide as a warp; as many rows as a block has warps, and one more or less.
@given(case=cases(st.one_of(st.integers(1, 20), st.integers(31, 34)), kinks=False))
def test_gradients_of_narrow_layers_beside_wide_ones(
    backend: Backend, dtype: str, case: Case
) -> None:
    _, found = case.network(backend, dtype).loss_and_gradients(case.X, case.Y)
    check(case, found, dtype)


@pytest.mark.parametrize(("output", "loss"), ENDS)
@pytest.mark.parametrize("hidden", ELEMENTWISE)
def test_every_activation_with_every_loss(
    backend: Backend, dtype: str, output: str, loss: str, hidden: str
) -> None:
    case = make_case([4, 5, 3], [hidden, output], loss)
    assert away_from_kinks(case)
    _, found = case.network(backend, dtype).loss_and_gradients(case.X, case.Y)
    check(case, found, dtype)


@given(case=cases())
def test_the_loss_is_the_textbooks(backend: Backend, dtype: str, case: Case) -> None:
    found, _ = case.network(backend, dtype).loss_and_gradients(case.X, case.Y)
    expected = textbook.loss(*case.textbook)
    u = UNIT[dtype] + UNIT["float64"]
    assert abs(found - expected) <= 1.1 * loss_error(*case.textbook, u) + np.finfo(dtype).tiny


@pytest.mark.parametrize("dtype", ["float32"])
def test_the_bounds_would_notice_tf32(backend: Backend, dtype: str) -> None:
    """Weights rounded to 11 bits, as a tensor core would take them, must be out of bounds."""
    case = make_case([6, 6, 3], ["tanh", "softmax"], "categorical_crossentropy", n=6)
    network = case.network(backend, dtype)
    # Adding and subtracting 2^13 times the number leaves its leading 11 bits.
    coarse = {
        name: (W.astype("f4") * np.float32(2**13 + 1)) - (W.astype("f4") * np.float32(2**13))
        for name, W in case.parameters.items()
    }
    network.load_parameters(coarse)
    _, found = network.loss_and_gradients(case.X, case.Y)
    with pytest.raises(AssertionError):
        check(case, found, dtype)


def test_a_dropped_share_is_out_of_bounds(backend: Backend, dtype: str) -> None:
    case = make_case([3, 4, 1], ["sigmoid", "sigmoid"], "binary_crossentropy")
    _, found = case.network(backend, dtype).loss_and_gradients(case.X, case.Y)
    with pytest.raises(AssertionError):
        check(case, {name: len(case.X) * g for name, g in found.items()}, dtype)
