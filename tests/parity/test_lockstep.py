"""Training in lockstep passes what is right, and catches every planted error on every backend."""

from typing import Any

import numpy as np
import pytest
from pieces import kernel

from gpunet import datasets, optim
from gpunet.backends import Backend, LaunchBackend, get_backend
from gpunet.parity.bounds_backend import PRECISIONS, Precision
from gpunet.parity.check import Check, compare
from gpunet.parity.lockstep import CONTROLS, Trainee, lockstep
from gpunet.parity.running_error import Bounded
from gpunet.parity.verify import MARGIN

SINGLE, DOUBLE = PRECISIONS["float32"], PRECISIONS["float64"]
NETWORK = {"sizes": [784, 20, 1]}


def train(
    backend: Backend, sabotage: Any = None, precision: Precision = SINGLE, **options: Any
) -> list[Check]:
    data = datasets.load("mnist58")[0].part(slice(0, 256))
    options = {"steps": 2, "batch": 64} | options
    return list(
        lockstep(backend, precision, NETWORK, data, optim.SGD(0.1), sabotage=sabotage, **options)
    )


def test_the_network_as_it_is_passes(backend: Backend) -> None:
    checks = train(backend)
    bad = [check for check in checks if not check.passed]
    assert not bad
    names = ["loss", "dW1", "dW2", "db1", "db2", "W1", "W2", "b1", "b2"]
    names += ["dW1 as a whole", "theta as a whole"]
    if not isinstance(backend, LaunchBackend):
        names += ["dW2 as a whole"]  # elsewhere it is made of sums
    for step in (1, 2):
        assert sorted(c.name for c in checks if c.step == step) == sorted(names)
    # float32 differs from the reference: this is no comparison of a thing with itself.
    assert min(check.ratio for check in checks if check.name == "W1") > 0


@pytest.mark.parametrize("name", CONTROLS)
def test_every_planted_error_is_caught(name: str, backend: Backend) -> None:
    checks = train(backend, CONTROLS[name])
    caught = [check for check in checks if not check.passed]
    assert caught
    assert caught[0].step == 1
    # What comes before the planted error is right still: nothing else is blamed.
    first = {"a drift of one ULP a step": "W1"}.get(name, "dW1")
    assert caught[0].name == first
    assert checks[0].passed, checks[0]
    assert max(check.ratio for check in checks) >= MARGIN


def test_a_drift_is_caught_in_float64_too(backend: Backend) -> None:
    """No element is far out of its bound: it has room for the reference's own roundings."""
    checks = train(backend, CONTROLS["a drift of one ULP a step"], DOUBLE, steps=1)
    ratio = {check.name: check.ratio for check in checks}
    assert ratio["W1"] < MARGIN < ratio["theta as a whole"]


def test_every_product_is_judged_as_a_whole(backend: Backend) -> None:
    """Those of a network with dropout."""
    network = {
        "sizes": [784, 12, 8, 2],
        "output": "softmax",
        "loss": "categorical_crossentropy",
        "hidden": ["relu", "gelu"],
        "dropout": 0.2,
    }
    data = datasets.load("mnist58")[0].part(slice(0, 64))
    checks = list(lockstep(backend, SINGLE, network, data, optim.Adam(), steps=2))
    assert [check for check in checks if not check.passed] == []
    whole = [check.name for check in checks if "whole" in check.name and check.step == 2]
    assert whole == [f"{x} as a whole" for x in ("dW1", "dW2", "dW3", "theta")]
    # They are no comparison of a thing with itself either.
    assert min(check.ratio for check in checks if check.name == "dW2 as a whole") > 0


def test_a_sabotage_without_effect_is_not_caught(backend: Backend) -> None:
    def write_the_same(subject: Trainee) -> None:
        theta = subject.mlp.theta
        same = kernel(subject.backend, lambda xp, x: 1.0 * x)
        subject.after_step = lambda: same(theta, out=theta)

    assert all(check.passed for check in train(backend, write_the_same))


def test_after_each_step_both_go_on_from_the_same_numbers() -> None:
    """An error in the first step is reported there, and not again in what follows from it."""

    def spoil_once(subject: Trainee) -> None:
        theta = subject.mlp.theta

        def once() -> None:
            theta[0] += 1.0
            subject.after_step = None

        subject.after_step = once

    checks = train(get_backend("cpu"), spoil_once, steps=3)
    bad = [(c.name, c.step) for c in checks if not c.passed]
    assert bad == [("W1", 1), ("theta as a whole", 1)]


def test_a_sick_network_is_caught_quietly() -> None:
    """NaN in a parameter: no warning takes the place of the verdict."""

    def make_nan(subject: Trainee) -> None:
        subject.mlp.theta[:] = np.nan

    checks = train(get_backend("cpu"), make_nan, steps=1)
    assert not any(check.passed for check in checks)


def expected(values: list[float], errors: list[float]) -> Bounded:
    return Bounded(np.array(values), np.array(errors))


def test_compare_reports_the_worst_element() -> None:
    found = np.array([[1.0, 2.0], [3.0, 4.5]], np.float32)
    table = Bounded(np.array([[1.0, 2.25], [3.0, 4.0]]), np.array([[0.0, 1.0], [1.0, 1.0]]))
    check = compare("W1", found, table, step=7)
    assert check == Check("W1", 7, ratio=0.5, ulps=0.5 / 2.0**-21, where=(1, 1))
    assert check.passed


@pytest.mark.parametrize(
    ("found", "value", "error", "passed"),
    [
        (1.5, 1.0, 0.5, True),  # just there
        (1.5, 1.0, 0.499, False),
        (1.0, 1.0, 0.0, True),  # no difference, no bound
        (1.0 + 2.0**-23, 1.0, 0.0, False),
        (0.0, 0.0, 0.0, True),
        (np.nan, 1.0, 0.5, False),
        (np.nan, 1.0, np.inf, False),  # a NaN is wrong also where nothing is known
        (np.inf, 1.0, 0.5, False),
        (-np.inf, 1.0, np.inf, False),
        (np.inf, np.inf, np.inf, False),  # both overflowed: that shows nothing
        (1.0, np.nan, np.nan, False),
        (1.0, 1e300, 1.0, False),  # what float32 cannot hold
        (1e30, 1.0, np.inf, True),
    ],
)
def test_compare_of_one_number(found: float, value: float, error: float, passed: bool) -> None:
    """Also without an axis, as a loss has none; and without warnings, which are errors here."""
    check = compare("loss", np.float32(found), expected([value], [error])[0])
    assert check.passed == passed
    assert check.where == (0,)
    both = compare("b1", np.array([0.5, found], np.float32), expected([0.5, value], [0.0, error]))
    assert both.passed == passed
    assert passed or both.where == (1,)


@pytest.mark.parametrize(("ratio", "passed"), [(0.0, True), (1.0, True), (1.001, False),
                                               (np.inf, False), (np.nan, False)])  # fmt: skip
def test_a_check_passes_up_to_its_bound(ratio: float, passed: bool) -> None:
    assert Check("W1", 1, ratio, 0.0, (0,)).passed == passed


def test_compare_refuses_another_shape() -> None:
    with pytest.raises(ValueError, match="shape"):
        compare("b1", np.zeros((3, 1), np.float32), expected([0.0] * 3, [1.0] * 3))
