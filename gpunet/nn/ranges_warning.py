"""Telling of features that a network cannot learn from as they are."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from gpunet.datasets.preparation import Preparation
from gpunet.errors import ScaleWarning

LOOKED_AT = 1024  # rows, spread evenly
# One column's numbers are so many times another's, and are so large: a network then sees hardly
# more than that column.
FACTOR = 100
# How much nearer columns are to the table's than to standardised ones, where they are taken for
# columns of the table.
NEARER = 10


def warn_of_ranges(X: Any) -> None:
    """Warn of floats X (n, features), to be learnt from, of very different ranges."""
    if X.dtype.kind != "f" or X.shape[1] < 2:
        return
    size = np.sqrt((_some(X) ** 2).mean(axis=0))
    if not np.isfinite(size).all() or not (size > 0).any():
        return
    largest, smallest = int(size.argmax()), int(np.where(size > 0, size, np.inf).argmin())
    if size[largest] >= FACTOR and size[largest] >= FACTOR * size[smallest]:
        warnings.warn(
            f"the features have very different ranges: column {largest} is {size[largest]:.3g} in "
            f"the mean, column {smallest} {size[smallest]:.3g} (root mean square). A network "
            "learns badly from such numbers; standardise them, (X - X.mean(axis=0)) / "
            "X.std(axis=0), or load them as a table (gpunet.datasets.load of a CSV file or a "
            "DataFrame), which does that",
            ScaleWarning,
            stacklevel=2,
        )


def warn_of_unprepared(X: Any, preparation: Preparation) -> None:
    """Warn of a plain array X (n, features) that looks like a table not yet prepared."""
    numbers = [c for c in preparation.columns if c.categories is None]
    if X.dtype.kind != "f" or len(numbers) < len(preparation.columns):
        return
    middle = np.median(_some(X), axis=0)
    mean, scale = np.array([(c.mean, c.scale) for c in numbers]).T
    as_table, as_prepared = np.abs((middle - mean) / scale).mean(), np.abs(middle).mean()
    if NEARER * as_table < as_prepared:
        warnings.warn(
            "these numbers look like the table that the network has learnt from, but a plain array "
            "is taken for what is prepared already; pass net.prepare(X), or a DataFrame with the "
            "columns' names",
            ScaleWarning,
            stacklevel=2,
        )


def _some(X: Any) -> Any:
    rows = np.linspace(0, len(X) - 1, min(LOOKED_AT, len(X))).astype(np.int64)
    return np.asarray(X[rows], np.float64)
