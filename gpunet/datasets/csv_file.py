"""A table in a text file: CSV with commas, semicolons or tabs."""

import os
import re
from array import array
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpunet.datasets.columns import is_number, label_position
from gpunet.datasets.csv_rows import Row, read_rows
from gpunet.datasets.header import is_header, told_by_the_rest
from gpunet.datasets.parts import Part
from gpunet.errors import DataError, FileError


def read_csv(
    path: str | os.PathLike[str],
    label_column: str | int | None = None,
    header: bool | None = None,
) -> Part:
    """Read numeric features, float64 (n, features), and labels as text, from a CSV file.

    Args:
        path: UTF-8 text, one example a row (see csv_rows).
        label_column: A name, or a number from 0 (negative: from the end); by default
            the one called label, class, target or y, else the last.
        header: Whether the first row is a header. By default it is one where none of
            its cells is a number, or where it can be nothing else; where it could be
            an example too, that is an error (see header.told_by_the_rest).

    Raises DataError naming line and column, ArgumentError for an unknown label
    column, FileError for an unreadable file.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _read_table(read_rows(file, path.name), path.name, label_column, header)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text (byte {error.object[error.start]:#04x}); expected a CSV "
            "file. Save it as UTF-8, or is it another kind of file?"
        ) from error
    except (FileError, DataError):
        raise
    except OSError as error:
        raise FileError(
            f"cannot read {path} ({error.strerror or error}); expected a CSV file. Check the path"
        ) from error


def _read_table(
    rows: Iterator[Row], name: str, label_column: str | int | None, header: bool | None
) -> Part:
    line, cells = next(rows, (0, []))
    width = len(cells)
    if width < 2:
        raise DataError(
            f"{name} has {width} columns; expected a table with features and a label in each "
            "line, separated by comma, semicolon or tab"
        )
    asked = header is None
    if header is None:
        header = is_header(name, cells, label_column)
    sure = header is True
    label_at = label_position(name, width, label_column, () if header is False else cells, sure)
    first, place = list(cells), f"{name}, line {line}"
    if not sure:
        rows = chain([(line, cells)], rows)

    values, labels, lines = array("d"), [], array("q")
    for line, cells in rows:
        if len(cells) != width:
            raise DataError(
                f"{name}, line {line}: expected {width} cells as in the first line, got "
                f"{len(cells)}; mend that line"
            )
        labels.append(cells.pop(label_at))
        lines.append(line)
        try:
            numbers = [float(cell) for cell in cells]
            if "_" in "".join(cells) or not all(abs(x) < np.inf for x in numbers):
                raise ValueError
        except ValueError:
            names = first if sure else None
            unsure = asked and not sure and len(labels) == 1
            raise _bad_cell(name, line, cells, label_at, names, unsure) from None
        values.extend(numbers)
    if not labels:
        raise DataError(
            f"{name} has no rows; expected a table with features and a label in each line"
        )
    X = np.frombuffer(values, np.float64).reshape(len(labels), width - 1)
    if header is None and (header := told_by_the_rest(place, first, label_at, X, labels)):
        X, labels, lines = X[1:], labels[1:], lines[1:]
    if header:
        _refuse_index(name, first[:label_at] + first[label_at + 1 :], X)
    return Part(X, np.array(labels), name, f"{name}, label column", lambda i: f"line {lines[i]}")


def _refuse_index(name: str, features: list[str], X: NDArray) -> None:
    """Refuse the column of row numbers that pandas writes; it would tell the order of the file."""
    if features[0] in ("", "Unnamed: 0") and (X[:, 0] == np.arange(len(X))).all():
        raise DataError(
            f"{name}: column 1 has no name and counts the rows, as pandas writes its index; a "
            "network must not learn from that. Write the file with to_csv(..., index=False)"
        )


def _bad_cell(
    name: str,
    line: int,
    features: list[str],
    label_at: int,
    header: list[str] | None,
    unsure: bool,
) -> DataError:
    """Describe the first feature of a row that is no finite number."""
    bad = next(i for i, cell in enumerate(features) if not is_number(cell, finite=True))
    column = bad + (bad >= label_at)  # the label had been taken out
    place = f"column {column + 1}" + (f" ({header[column]})" if header else "")
    cell = repr(features[bad]) if features[bad] else "nothing"
    if is_number(re.sub("[,.' ]", "", features[bad]), finite=True):
        remedy = "write it with a decimal point, and nothing between thousands"
    else:
        remedy = "drop that line, fill it in, or write categories as numbers"
    return DataError(
        f"{name}, line {line}, {place}: expected a finite number, got {cell}; {remedy}"
        + (". If that line is a header, say --header yes (in Python header=True)" * unsure)
    )
