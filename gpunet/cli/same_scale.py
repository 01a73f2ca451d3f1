"""Whether features are on the scale of those that a network has learnt from."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from typing import Any

import click
import numpy as np

from gpunet.datasets import Dataset
from gpunet.errors import ScaleWarning

# So many times as large or small is no accident of some rows: bytes beside numbers from 0 to 1 are
# 255 times as large.
FACTOR = 100
LOOKED_AT = 1024  # rows, spread evenly


@contextmanager
def told_warnings() -> Iterator[list[str]]:
    """Provide a list of the scale warnings in this context; each is also told, at its end."""
    told: list[str] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ScaleWarning)
            yield told
    finally:
        for warning in caught:
            if issubclass(warning.category, ScaleWarning):
                told.append(str(warning.message))
                click.echo(f"warning: {warning.message}", err=True)
            else:
                warnings.warn_explicit(
                    warning.message, warning.category, warning.filename, warning.lineno
                )


def mean_size(data: Dataset) -> float:
    """Return the mean absolute value of the features as a network gets them, or 0 if unknown."""
    n = len(data)
    rows = np.linspace(0, n - 1, min(LOOKED_AT, n)).astype(np.int64)
    X = np.asarray(data.X[rows], np.float64)
    if not X.size:
        return 0.0
    with np.errstate(over="ignore"):
        mean = float(np.nan_to_num(np.abs(X)).mean()) * data.scale
    return mean if isfinite(mean) else 0.0


def told_scale(source: dict[str, Any], data: Dataset, name: str) -> str | None:
    """Tell on standard error, and return, that the features are on another scale; else None.

    Args:
        source: What the network keeps of its training data: "mean_size", if it is not too old.
        data: The features at hand.
        name: What to call them.
    """
    known, found = source.get("mean_size"), mean_size(data)
    if not isinstance(known, float) or not known or not found:
        return None
    if known / FACTOR < found < known * FACTOR:
        return None
    warning = (
        f"the features of {name} are {found:.2g} in the mean, but {known:.2g} where the network "
        "learnt, each without its sign; scale both alike, else the answers mean nothing"
    )
    click.echo(f"warning: {warning}", err=True)
    return warning
