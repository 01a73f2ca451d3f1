"""The run that every library is given."""

import numpy as np
import pytest
import textbook
from hypothesis import given
from hypothesis import strategies as st

from gpunet.bench.job import Job, parse_network, ten_classes
from gpunet.bench.reference import disagreement, reference_losses
from gpunet.datasets import load
from gpunet.errors import ArgumentError

NETWORKS = [(784, 8, 1), (784, 6, 10), (784, 7, 5, 10)]


@pytest.mark.parametrize("network", NETWORKS, ids=str)
@pytest.mark.parametrize("batch", [30, None])
def test_the_reference_is_the_textbook(network: tuple[int, ...], batch: int | None) -> None:
    job = Job(network, batch, seed=3, examples=100)
    data = job.train()
    X, Y = data.X / 255, data.targets.astype(float)
    theta = {}
    for layer, (W, b) in enumerate(job.weights(), 1):
        theta |= {f"W{layer}": W.astype(float), f"b{layer}": b.astype(float)}
    output, loss = (
        ("sigmoid", "binary_crossentropy")
        if job.binary
        else ("softmax", "categorical_crossentropy")
    )
    activations = ["sigmoid"] * (len(network) - 2) + [output]
    states: dict[str, dict[str, object]] = {name: {} for name in theta}
    expected = []
    for epoch in range(2):
        order = job.order(epoch, 100) if batch else np.arange(100)
        total = 0.0
        for start in range(0, 100, batch or 100):
            rows = order[start : start + (batch or 100)]
            total += textbook.loss(theta, X[rows], Y[rows], activations, loss, "sum")
            grads = textbook.gradients(theta, X[rows], Y[rows], activations, loss, "mean")
            theta = {
                name: textbook.momentum(value, grads[name], states[name], 0, 0.1, job.momentum)
                for name, value in theta.items()
            }
        expected.append(total / 100)
    # Both are float64: only the order of additions differs.
    assert reference_losses(job, 2) == pytest.approx(expected, rel=1e-12)


@given(st.integers(1, 20_000), st.one_of(st.none(), st.integers(1, 20_000)))
def test_the_check_is_short_and_ends_with_a_batch_that_is_not_full(
    n: int, batch: int | None
) -> None:
    examples = Job((784, 8, 1), batch).for_check(n).examples
    assert examples is not None
    assert 1 <= examples <= n
    if batch is None:
        assert examples == min(n, 2048)
    elif n >= 2 * batch:
        assert batch <= examples <= max(2048, batch) + batch
        if batch > 1 and examples < n:
            assert examples % batch == (n % batch or batch // 2)


def test_it_survives_the_way_through_a_pipe() -> None:
    job = Job((784, 8, 10), None, "cuda:1", 4, 100, "there")
    assert Job.from_dict(job.to_dict()) == job


def test_examples_are_cut_off_or_repeated() -> None:
    everything = load("mnist58")[0]
    few = Job((784, 8, 1), 32, examples=50).train()
    assert (everything.X[:50] == few.X).all()
    many = Job((784, 8, 1), 32, examples=len(everything) + 7).train()
    assert (many.X[-7:] == everything.X[:7]).all()
    assert few.X.flags.writeable


def test_the_ten_made_up_classes_refine_the_two_digits_evenly() -> None:
    data = load("mnist58")[0]
    ten = ten_classes(data)
    assert (ten.y // 5 == data.y).all()
    assert len(ten.classes) == 10
    fifths = np.bincount(ten.y % 5)
    assert fifths.max() - fifths.min() <= 1
    means = [data.X[ten.y % 5 == k].mean() for k in range(5)]
    assert means == sorted(means)


def test_flops_are_those_of_the_products() -> None:
    # Z1, dW1, Z2, dW2, dA1 for 3 examples.
    assert Job((784, 8, 1), 3).flops(3) == 2 * 3 * (2 * 784 * 8 + 3 * 8 * 1)


@pytest.mark.parametrize("text", ["784-1", "784--1", "100-8-1", "784-8-2", "784-0-1", "x", ""])
def test_networks_that_cannot_be_compared_are_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match="784-196-1 or 784-2048-2048-10; got"):
        parse_network(text)


def test_curves_of_another_length_or_with_gaps_disagree() -> None:
    assert disagreement([0.5, 0.4], [0.5, 0.4]) == 0
    assert disagreement([0.5, 0.44], [0.5, 0.4]) == pytest.approx(0.1)
    assert disagreement([0.5], [0.5, 0.4]) == float("inf")
    assert disagreement([0.5, float("nan")], [0.5, 0.4]) == float("inf")
