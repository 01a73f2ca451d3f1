"""Learning from the training rows of a table how its columns become features."""

import numpy as np
from numpy.typing import NDArray

from gpunet.datasets.preparation.column import Column, Target


def fit_columns(
    X: NDArray, rows: NDArray, columns: tuple[Column, ...]
) -> tuple[tuple[Column, ...], NDArray]:
    """Return the columns as ``rows`` of X (n, columns) show them, and X stored by them.

    Args:
        X: Numbers, NaN where missing; for words, their places in a column's categories. If it can
            be written, it is what is returned.
        rows: The numbers of the training rows, from which alone is learnt.
        columns: With names and positions; with all words as their categories, where they are words.
    """
    fitted, stored = [], np.require(X, np.float64, "W")
    for i, column in enumerate(columns):
        if column.categories is None:
            mean, scale = mean_and_scale(stored[rows, i])
            fitted.append(Column(column.name, column.position, mean, scale))
        else:
            seen, stored[:, i] = _categories(stored[:, i], rows, column.categories)
            fitted.append(Column(column.name, column.position, categories=seen))
    return tuple(fitted), stored


def fit_target(y: NDArray, rows: NDArray, name: str = "") -> Target:
    """Return how the values y (n,) of a regression are standardised, by the training rows."""
    return Target(name, *mean_and_scale(y[rows]))


def mean_and_scale(x: NDArray) -> tuple[float, float]:
    """Return mean and standard deviation of what is not NaN; 1 for a deviation of 0."""
    x = x[~np.isnan(x)]
    if not x.size:
        return 0.0, 1.0
    largest = float(np.abs(x).max()) or 1.0  # squares of the largest numbers would be infinite
    mean, scale = float((x / largest).mean()), float((x / largest).std())
    # A constant's mean may be off by rounding, and so be all that its deviation shows.
    constant = scale <= 8 * np.finfo(np.float64).eps
    return mean * largest, 1.0 if constant or not scale * largest else scale * largest


def _categories(
    codes: NDArray, rows: NDArray, words: tuple[str, ...]
) -> tuple[tuple[str, ...], NDArray]:
    """Return the words of the training rows in alphabetic order, and each row's place in them."""
    missing = len(words)
    whole = np.where(np.isnan(codes), missing, codes).astype(np.int64)
    spelled = [*words, ""]
    seen = sorted(spelled[code] for code in np.unique(whole[rows]))
    place = {word: float(i) for i, word in enumerate(seen)}
    places = np.array([place.get(word, np.nan) for word in spelled])
    return tuple(seen), places[whole]
