"""Telling of features on a scale that no network learns from, or not this one."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet.datasets.preparation import Preparation
from gpunet.errors import ScaleWarning

LOOKED_AT = 1024  # rows, spread evenly
# One column's numbers are so many times another's, and are so large: a network then sees hardly
# more than that column.
FACTOR = 100
# Columns are taken for standardised ones where their medians are so many standard deviations away
# from the table's means, and so many times nearer to 0.
FAR, NEARER = 3, 10


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


def warn_of_prepared(X: NDArray, preparation: Preparation) -> None:
    """Warn of rows X (n, columns) that look prepared already, where the table's are wanted."""
    numbers = [c for c in preparation.columns if c.categories is None]
    if not X.size or X.dtype.kind != "f" or X.shape[1:] != (len(numbers),):
        return
    if len(numbers) < len(preparation.columns):
        return
    middle = np.nan_to_num(np.median(_some(X), axis=0))
    mean, scale = np.array([(c.mean, c.scale) for c in numbers]).T
    as_table, as_prepared = np.abs((middle - mean) / scale).mean(), np.abs(middle).mean()
    if as_table > FAR and as_table > NEARER * as_prepared:
        warnings.warn(
            "these rows look standardised, but the network standardises them itself; pass them as "
            "they are in the table",
            ScaleWarning,
            stacklevel=2,
        )


def _some(X: Any) -> Any:
    rows = np.linspace(0, len(X) - 1, min(LOOKED_AT, len(X))).astype(np.int64)
    return np.asarray(X[rows], np.float64)
