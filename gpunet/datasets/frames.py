"""Tables in memory: DataFrames of pandas and polars, pyarrow's tables; none of them is imported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet.datasets.columns import label_position
from gpunet.datasets.csv_columns import ColumnOfCells, is_missing
from gpunet.datasets.parts import Part
from gpunet.datasets.preparation import Column, Preparation
from gpunet.datasets.ranges import warn_of_prepared
from gpunet.datasets.words import DROP, categories
from gpunet.errors import ArgumentError, DataError

NAME = "the DataFrame"


def is_frame(X: Any) -> bool:
    """Return whether X is a table with named columns, and no array."""
    if isinstance(X, np.ndarray):
        return False
    return hasattr(X, "columns") and (hasattr(X, "dtypes") or hasattr(X, "column_names"))


def read_frame(
    frame: Any,
    label_column: str | int | None = None,
    drop: Sequence[str | int] = (),
    labels: Any = None,
    called: str = NAME,
) -> Part:
    """Return the features, float64 (n, columns), and the labels of a table; see ``read_csv``.

    Args:
        frame: Columns of numbers, booleans and text.
        label_column, drop: As in ``read_csv``.
        labels: (n,) where the table has no column for them.
        called: What messages call the table.

    Raises:
        DataError: A column can be neither numbers nor categories, such as one of dates.
        ArgumentError: An unknown column, or a table without rows or columns.
    """
    names, series = _columns(frame)
    if not names or not len(series[0]):
        raise ArgumentError(f"{called} is empty, shape {(len(series and series[0]), len(names))}")
    label_at = -1
    if labels is None:
        label_at = label_position(called, len(names), label_column, names)
        labels = series[label_at]
    dropped = {label_position(called, len(names), c, names, what="column") for c in drop}
    features = [i for i in range(len(names)) if i != label_at and i not in dropped]
    X, columns = frame_columns(names, series, features, called=called)
    label_name = names[label_at] if label_at >= 0 else str(getattr(labels, "name", "") or "")
    return Part(
        *(X, label_array(labels), called, f"{called}, {label_name or 'labels'}"),
        row="row {} (from 0)".format,
        columns=columns,
        width=len(names),
        target=(label_name, label_at if label_at >= 0 else len(names)),
    )


def prepared(table: Any, preparation: Preparation) -> NDArray:
    """Return features, float64 (n, features), of a table like the one that was learnt from.

    Args:
        table: A DataFrame, whose columns are found by name; or (n, columns), in the order of
            training: numbers as a Dataset stores them, or words among them.
        preparation: What was learnt.

    Raises:
        DataError: Columns are missing, or hold other things than in training.
    """
    if not is_frame(table):
        rows = np.asarray(table)
        if rows.dtype.kind in "buif":
            warn_of_prepared(rows, preparation)
            return preparation.apply(rows)
    X, columns = stored_columns(table, preparation.names)
    return preparation.apply(preparation.stored(X, columns, "the table"))


def stored_columns(table: Any, wanted: Sequence[str] = ()) -> tuple[NDArray, tuple[Column, ...]]:
    """Return a table's columns, X as ``Preparation.stored`` takes it; only the ``wanted``, if any.

    Args:
        table: A DataFrame, or (n, columns) of numbers and text.
        wanted: Names.

    Raises DataError as ``read_frame``.
    """
    if is_frame(table):
        names, series = _columns(table)
    else:
        array = np.asarray(table)
        if array.ndim != 2:
            raise DataError(f"expected a DataFrame or (n, columns); got shape {array.shape}")
        names, series, wanted = [""] * array.shape[1], list(array.T), ()
    features = [i for i, name in enumerate(names) if not wanted or name in wanted]
    return frame_columns(names, series, features, check=False)


def frame_columns(
    names: Sequence[str],
    series: Sequence[NDArray],
    features: Sequence[int],
    check: bool = True,
    called: str = NAME,
) -> tuple[NDArray, tuple[Column, ...]]:
    """Return these columns: X (n, columns) of numbers and places of words, and what they are.

    ``check`` refuses words that cannot be categories to learn from.
    """
    X = np.empty((len(series[0]), len(features)))
    columns = []
    for i, position in enumerate(features):
        name, words = names[position], None
        values = _numbers(series[position], name, called)
        if values is None:
            cells = ColumnOfCells(words=True)
            cells.extend(tuple("" if _absent(v) else str(v).strip() for v in series[position]))
            words, values = cells.words, cells.values()
            if check:
                words, values = categories(values, words, _row_of(name, called), name)
            else:
                gone = np.array([is_missing(word) for word in words])
                values = np.where(gone[values], np.nan, values)
        X[:, i] = values
        columns.append(Column(name, position, categories=words))
    return X, tuple(columns)


def label_array(labels: Any) -> NDArray:
    """Return labels as numbers or text."""
    array = np.asarray(labels)
    if array.dtype.kind in "buifUS":
        return array
    absent = [_absent(value) for value in array.tolist()]
    if all(gone or isinstance(v, Real) for v, gone in zip(array.tolist(), absent, strict=True)):
        pairs = zip(array.tolist(), absent, strict=True)
        return np.array([np.nan if gone else float(v) for v, gone in pairs])
    pairs = zip(array.tolist(), absent, strict=True)
    return np.array(["" if gone else str(value) for value, gone in pairs])


def _columns(frame: Any) -> tuple[list[str], list[NDArray]]:
    """Return the names and the columns, as NumPy arrays."""
    if hasattr(frame, "column_names"):  # pyarrow
        names = list(frame.column_names)
        series = [column.to_numpy(zero_copy_only=False) for column in _arrow(frame)]
    else:
        names = [str(name) for name in frame.columns]
        at: Callable[[int], Any] = (
            (lambda i: frame.iloc[:, i]) if hasattr(frame, "iloc") else (lambda i: frame[:, i])
        )
        series = [np.asarray(at(i)) for i in range(len(names))]
    return names, series


def _arrow(table: Any) -> Any:
    return (c.combine_chunks() if hasattr(c, "combine_chunks") else c for c in table.columns)


def _numbers(values: NDArray, name: str, called: str) -> NDArray | None:
    """Return numbers, NaN where missing; None for words. Raises DataError for other things."""
    if values.dtype.kind == "b":
        return None  # two categories, as in a CSV file
    if values.dtype.kind in "uif":
        floats = values.astype(np.float64)
    elif values.dtype.kind in "USO" or values.dtype.kind == "T":
        objects = values.tolist()
        if any(isinstance(v, str | bytes | bool | np.bool_) for v in objects):
            return None
        try:
            floats = np.array([np.nan if _absent(v) else float(v) for v in objects])
        except (TypeError, ValueError) as error:
            raise _unusable(values, name, called) from error
    else:
        raise _unusable(values, name, called)
    if np.isinf(floats).any():
        row = int(np.isinf(floats).argmax())
        raise DataError(
            f"{_row_of(name, called)(row)}: expected a finite number, got {floats[row]}"
        )
    return floats


def _unusable(values: NDArray, name: str, called: str) -> DataError:
    found = next((v for v in values.tolist() if not _absent(v)), None)
    kind = "dates or times" if values.dtype.kind in "mM" or hasattr(found, "year") else "objects"
    return DataError(
        f"{called}: column {name!r} holds {kind} such as {str(found)!r} ({values.dtype}); expected "
        "numbers, booleans or words. Write numbers in their place (the year, the day of the week), "
        "or " + DROP.format(column=name)
    )


def _absent(value: Any) -> bool:
    """Return whether a value is None, NaN, or pandas' NA or NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and value != value  # noqa: PLR0124


def _row_of(name: str, called: str) -> Callable[[int], str]:
    return lambda i: f"{called}, row {i} (from 0), column {name!r}"
