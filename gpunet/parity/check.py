"""The result of one comparison."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpunet.parity.running_error import Bounded


@dataclass(frozen=True)
class Check:
    """One tensor, or one formula's result, against its bound.

    Attributes:
        name: What was compared: "W1", "dW1", "loss", "gelu slope".
        step: The training step, from 1; 0 outside of training.
        ratio: The largest difference in units of its bound; at most 1 passes.
        ulps: The largest difference in units in the last place of the reference.
        where: The index of the element with the largest ratio; () for a tensor as a whole.
        unbounded: How many elements have an infinite bound, and so prove nothing.
    """

    name: str
    step: int
    ratio: float
    ulps: float
    where: tuple[int, ...]
    unbounded: int = 0

    @property
    def passed(self) -> bool:
        """Whether no element is out of bounds; a NaN is."""
        return self.ratio <= 1.0


def compare(name: str, found: NDArray, expected: Bounded, step: int = 0) -> Check:
    """Compare a device's result with the exact one and its bound.

    Raises:
        ValueError: The two have not the same shape.
    """
    value, error = np.atleast_1d(expected.value), np.atleast_1d(expected.error)
    found = np.atleast_1d(found)
    if found.shape != value.shape:
        raise ValueError(f"{name} has shape {found.shape}, the reference {value.shape}")
    # A network may have diverged: the verdict says so, not a warning.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        difference = np.abs(found.astype(np.float64) - value)
        ratios = np.where(difference == 0, 0.0, difference / error)
        ulps = difference / np.spacing(np.abs(value).astype(found.dtype)).astype(np.float64)
    ratios, ulps = (np.where(np.isnan(x), np.inf, x) for x in (ratios, ulps))
    worst = np.unravel_index(int(ratios.argmax()), ratios.shape)
    where = tuple(int(i) for i in worst)
    return Check(
        name, step, float(ratios[worst]), float(ulps.max()), where, int(np.isinf(error).sum())
    )
