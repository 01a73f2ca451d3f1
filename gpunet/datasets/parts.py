"""From what a file holds to a Dataset: checks, classes, and a training and a test part."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpunet.datasets.dataset import Dataset
from gpunet.datasets.labels import has_fractions, number_labels, number_values
from gpunet.datasets.mapped import MappedRows, lazily
from gpunet.datasets.preparation import Column, Preparation, fit_columns, fit_target
from gpunet.datasets.task import refuse_regression
from gpunet.errors import ArgumentError, DataError
from gpunet.ranges import whole


@dataclass(frozen=True)
class Part:
    """Features and labels as they stand in a file.

    Attributes:
        X: (n, features), or pictures (n, rows, columns); any numeric type.
        labels: (n,) numbers or text.
        name: What messages call X.
        labels_name: What messages call the labels.
        row: How messages call example i of ``labels_name``.
        columns: Of a table: what X's columns are, all words of one as its categories. X then holds
            NaN where a cell is missing. None of what is not to be prepared.
        width, target: Of a table: its number of columns; the label column's name and position.
    """

    X: NDArray
    labels: NDArray
    name: str
    labels_name: str = "labels"
    row: Callable[[int], str] = "row {}".format
    columns: tuple[Column, ...] = ()
    width: int = 0
    target: tuple[str, int] = ("", 0)

    def check(self) -> None:
        """Raise DataError unless this is a table of numbers with one label a row."""
        X, labels = self.X, self.labels
        if X.ndim not in (2, 3):
            raise DataError(
                f"{self.name}: expected X of shape (n, features) or (n, rows, columns), got "
                f"{X.shape}; reshape it"
            )
        if X.dtype.kind not in "buif":
            raise DataError(
                f"{self.name}: expected numbers in X, got the type {X.dtype}; convert it with "
                ".astype('float32')"
            )
        if labels.ndim != 1:
            raise DataError(
                f"{self.labels_name}: expected one label a row, shape (n,), got {labels.shape}; "
                "for one-hot labels store labels.argmax(axis=1)"
            )
        if len(X) != len(labels):
            raise DataError(
                f"{self.name} has {len(X)} rows but {self.labels_name} has {len(labels)} labels; "
                "expected as many of one as of the other. Do they belong together?"
            )
        if X.size == 0:
            raise DataError(
                f"{self.name} is empty, shape {X.shape}; expected at least one row and one feature"
            )


def build_datasets(
    name: str,
    train: Part,
    test: Part | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
    task: str = "auto",
    split_rows: int | None = None,
    preparation: Preparation | None = None,
) -> tuple[Dataset, Dataset]:
    """Return the training and the test set.

    Without ``test`` a seeded share of the rows of ``train`` becomes the test set; with
    ``split_rows``, that of so many rows, and all that come behind them. The columns of a table
    are found again by ``preparation``, or a new one is learnt from the training rows.
    Raises DataError for bad data, and with the task "auto" for labels that look like
    a regression's (see ``task``); ArgumentError for a bad fraction or seed.
    """
    X, shape = _features(train)
    classes, y = _labels(train, task)
    scale = 1 / 255 if X.dtype == np.uint8 else 1.0
    if test is None:
        divided = len(X) if split_rows is None else min(whole("split_rows", split_rows, 2), len(X))
        first, second = _split(divided, name, test_fraction, seed)
        second = np.concatenate([second, np.arange(divided, len(X))])
    else:
        first = np.arange(len(X))
    if preparation is None:
        preparation, X = _prepared(train, X, first, None if classes else y)
    elif preparation.columns and train.columns:
        X = preparation.stored(X, train.columns, train.name)
    if test is None:
        X, y, X_test, y_test = X[first], y[first], X[second], y[second]
    else:
        X_test, test_shape = _features(test)
        if (X_test.shape[1], test_shape, X_test.dtype) != (X.shape[1], shape, X.dtype):
            raise DataError(
                f"{test.name}: expected examples like those of {train.name}, "
                f"{train.X.dtype.name} {train.X.shape[1:]}, got {test.X.dtype.name} "
                f"{test.X.shape[1:]}; store both the same way"
            )
        if classes:
            _, y_test = number_labels(test.labels, test.labels_name, test.row, classes)
        else:
            y_test = number_values(test.labels, test.labels_name, test.row)
    return (
        Dataset(X, y, scale, classes, name, shape, preparation),
        Dataset(X_test, y_test, scale, classes, name, shape, preparation),
    )


def whole_dataset(name: str, part: Part, task: str) -> Dataset:
    """Return all of a part as a data set to learn from; raises as ``build_datasets``."""
    X, shape = _features(part)
    classes, y = _labels(part, task)
    preparation, X = _prepared(part, X, np.arange(len(X)), None if classes else y)
    scale = 1 / 255 if X.dtype == np.uint8 else 1.0
    return Dataset(X, y, scale, classes, name, shape, preparation)


def _labels(part: Part, task: str) -> tuple[tuple[str, ...], NDArray]:
    """Return the classes and the class numbers; or none, and the values of a regression."""
    about = part.labels, part.labels_name, part.row
    if task == "regression" or (task == "auto" and has_fractions(part.labels)):
        return (), number_values(*about)
    classes, y = number_labels(*about)
    if task == "auto":
        refuse_regression(classes, len(y), part.labels_name)
    return classes, y


def _prepared(
    part: Part, X: NDArray, rows: NDArray, values: NDArray | None
) -> tuple[Preparation | None, NDArray]:
    """Return what is learnt from the training rows, and X as it is stored with that."""
    if not part.columns and values is None:
        return None, X
    name, position = part.target
    target = None if values is None else fit_target(values, rows, name)
    if not part.columns:
        return Preparation(target=target), X
    columns, X = fit_columns(X, rows, part.columns)
    return Preparation(columns, part.width, name, position, target), X


def _features(part: Part) -> tuple[NDArray, tuple[int, int] | None]:
    """Return X (n, features) as uint8, float32 or float64, and the shape of a picture."""
    part.check()
    X = part.X
    shape = X.shape[1:] if X.ndim == 3 else None
    dtype = X.dtype.newbyteorder("=")
    kept = dtype if dtype in (np.uint8, np.float32) else np.float64
    lazy = lazily(X)
    if isinstance(lazy, MappedRows):
        for rows in lazy.pieces() if dtype.kind == "f" else ():
            _check_finite(np.asarray(lazy[rows]), part.name, rows.start)
        table: NDArray = lazily(X.reshape(len(X), -1)).converted(kept)
        return table, shape
    if dtype.kind == "f" and not part.columns:  # in a table's, NaN stands for what is missing
        _check_finite(X, part.name)
    return np.ascontiguousarray(X.reshape(len(X), -1), kept), shape


def _check_finite(X: NDArray, name: str, first: int = 0) -> None:
    """Refuse NaN and infinity; ``first`` is the number of the first row."""
    bad = ~np.isfinite(X)
    if bad.any():
        where = tuple(int(index) for index in np.unravel_index(bad.argmax(), X.shape))
        raise DataError(
            f"{name}: expected finite numbers, but X{[first + where[0], *where[1:]]} (counted from "
            f"0) is {X[where]}; drop that row or fill it in"
        )


def _split(n: int, name: str, test_fraction: float, seed: int) -> tuple[NDArray, NDArray]:
    """Return the row numbers of the training and of the test set, each ascending."""
    if not isinstance(test_fraction, int | float | np.floating) or not 0 < test_fraction < 1:
        raise ArgumentError(
            f"test_fraction must lie between 0 and 1, such as 0.2, but is {test_fraction!r}"
        )
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ArgumentError(f"seed must be an integer from 0 up, but is {seed!r}")
    if n < 2:
        raise DataError(f"{name} has {n} row; expected at least 2, one of them for the test")
    order = np.random.Generator(np.random.Philox(seed)).permutation(n)
    tested = held_out(n, test_fraction)
    return np.sort(order[tested:]), np.sort(order[:tested])


def held_out(n: int, test_fraction: float) -> int:
    """Return how many of n rows are the test part: at least one, and not all."""
    return min(max(1, round(n * test_fraction)), n - 1)
