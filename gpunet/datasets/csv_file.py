"""A table in a text file: CSV with commas, semicolons or tabs."""

import csv
import os
from array import array
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from gpunet.datasets.parts import Part
from gpunet.errors import ArgumentError, DataError, FileError, did_you_mean

LABEL_NAMES = ("label", "class", "target", "y")

Row = tuple[int, list[str]]  # its line number in the file, its cells


def read_csv(path: str | os.PathLike[str], label_column: str | int | None = None) -> Part:
    """Read numeric features, float64 (n, features), and labels as text, from a CSV file.

    The first line is a header when none of its cells is a number, or when one of
    them is the name given as the label column. The label column is ``label_column``, a
    name or a number from 0 (negative: from the end); by default the one called
    label, class, target or y, else the last.

    Raises DataError naming line and column, ArgumentError for an unknown label
    column, FileError for an unreadable file.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _read_table(_rows(file, path.name), path.name, label_column)
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


def _rows(file: Iterator[str], name: str) -> Iterator[Row]:
    """Yield the rows that aren't blank lines."""
    first = next(file, "")
    delimiter = max(",;\t", key=first.count)  # a tie goes to the comma
    reader = csv.reader(chain([first], file), delimiter=delimiter, skipinitialspace=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise DataError(
            f"{name}, line {reader.line_num}: {error}; expected rows of cells separated by "
            f"{delimiter!r}. Mend that line"
        ) from error


def _read_table(rows: Iterator[Row], name: str, label_column: str | int | None) -> Part:
    line, cells = next(rows, (0, []))
    width = len(cells)
    if width < 2:
        raise DataError(
            f"{name} has {width} columns; expected a table with features and a label in each "
            "line, separated by comma, semicolon or tab"
        )
    header = cells if _is_header(cells, label_column) else None
    label_at = _label_position(name, header, width, label_column)
    if header is None:
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
            raise _bad_cell(name, line, cells, label_at, header) from None
        values.extend(numbers)
    if not labels:
        raise DataError(
            f"{name} has no rows; expected a table with features and a label in each line"
        )
    X = np.frombuffer(values, np.float64).reshape(len(labels), width - 1)
    return Part(X, np.array(labels), name, f"{name}, label column", lambda i: f"line {lines[i]}")


def _is_header(cells: list[str], label_column: str | int | None) -> bool:
    numbers = [cell for cell in cells if _is_number(cell)]
    if not numbers or (label_column in cells and label_column not in numbers):
        return True
    # What pandas writes for a table without names to which a label was added.
    counted = numbers == [str(i) for i in range(len(numbers))]
    return counted and not {cell.lower() for cell in cells}.isdisjoint(LABEL_NAMES)


def _label_position(
    name: str, header: list[str] | None, width: int, label_column: str | int | None
) -> int:
    if header and label_column is None:
        lower = [cell.lower() for cell in header]
        return next((lower.index(usual) for usual in LABEL_NAMES if usual in lower), width - 1)
    if header and label_column in header:
        return header.index(str(label_column))
    return label_position(name, width, label_column, header or ())


def label_position(
    name: str, width: int, label_column: str | int | None, known: list[str] | tuple[str, ...] = ()
) -> int:
    """Return which of ``width`` columns a column number, or None (the last), stands for.

    Raises ArgumentError.
    """
    try:
        position = -1 if label_column is None else int(label_column)
    except ValueError:
        columns = f"its columns are {', '.join(known)}" if known else "it has no header line"
        raise ArgumentError(
            f"{name} has no column {label_column!r}{did_you_mean(str(label_column), known)}; "
            f"{columns}. Give one of its columns by name, or by number from 0 to {width - 1}"
        ) from None
    if not -width <= position < width:
        raise ArgumentError(
            f"{name} has {width} columns, so the label column must be a number from 0 to "
            f"{width - 1} (or negative, from the end), but is {position}"
        )
    return position % width


def _bad_cell(
    name: str, line: int, features: list[str], label_at: int, header: list[str] | None
) -> DataError:
    """Describe the first feature of a row that is no finite number."""
    bad = next(i for i, cell in enumerate(features) if not _is_number(cell, finite=True))
    column = bad + (bad >= label_at)  # the label had been taken out
    place = f"column {column + 1}" + (f" ({header[column]})" if header else "")
    cell = repr(features[bad]) if features[bad] else "nothing"
    return DataError(
        f"{name}, line {line}, {place}: expected a finite number, got {cell}; drop that line, "
        "fill it in, or write categories as numbers"
    )


def _is_number(cell: str, finite: bool = False) -> bool:
    try:
        number = float(cell)
    except ValueError:
        return False
    return "_" not in cell and (not finite or abs(number) < np.inf)
