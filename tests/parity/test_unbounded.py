"""Elements whose bound is infinite pass, so they are counted and told."""

import numpy as np

from gpunet.parity.check import compare
from gpunet.parity.running_error import Bounded
from gpunet.parity.verify import _finding


def test_they_are_counted_and_told() -> None:
    expected = Bounded(np.ones(3), np.array([1e-9, np.inf, np.inf]))
    check = compare("W1", np.ones(3), expected, step=1)
    assert check.passed
    assert check.unbounded == 2
    finding = _finding("lockstep", "somewhere", "a network", [check, check])
    assert finding.to_dict()["unbounded"] == 4
    assert "4 elements have no finite bound" in finding.detail


def test_what_is_bounded_is_not_counted() -> None:
    check = compare("W1", np.ones(3), Bounded(np.ones(3), np.zeros(3)))
    assert check.unbounded == 0
    assert "bound" not in _finding("formulas", "somewhere", "W1", [check]).detail
