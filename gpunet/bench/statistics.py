"""Medians and quartiles of rounds."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import quantiles


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return {"median", "q1", "q3"}; of one value, that value."""
    if len(values) == 1:
        return dict.fromkeys(("median", "q1", "q3"), values[0])
    q1, middle, q3 = quantiles(values, n=4, method="inclusive")
    return {"median": middle, "q1": q1, "q3": q3}


def ratios(values: Sequence[float], others: Sequence[float]) -> dict[str, float] | None:
    """Return the spread of ``values[r] / others[r]`` over the rounds r; None without any.

    What slows the machine for some seconds slows both of one round: their ratio is steadier than
    the ratio of two medians.
    """
    pairs = list(zip(values, others, strict=False))
    return spread([a / b for a, b in pairs]) if pairs else None
