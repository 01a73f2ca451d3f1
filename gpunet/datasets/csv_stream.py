"""A CSV file to predict from, a few thousand rows at a time, however large it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpunet.datasets.columns import is_number
from gpunet.datasets.csv_columns import chunks, is_missing, numbers
from gpunet.datasets.csv_file import csv_rows
from gpunet.datasets.preparation import Column, Preparation
from gpunet.datasets.words import not_a_number, spelled
from gpunet.errors import DataError


def stream_csv(
    path: Path, preparation: Preparation, header: bool | None = None
) -> Iterator[NDArray]:
    """Yield the rows of a file as a Dataset stores them, (n, columns) float64.

    Columns are found by name; where the file or the training data had no header, by their order,
    with the label's column or without it. Others are passed over.

    Args:
        path: See ``read_csv``.
        preparation: What the network has learnt from.
        header: Whether the first row is one; None to find out by the names.

    Raises:
        DataError: Columns are missing, or a cell is no number where one is needed.
        FileError: The file cannot be read.
    """
    rows, name = csv_rows(path), path.name
    first = next(rows, None)
    if first is None:
        raise DataError(f"{name} is empty; expected a table with the columns of training")
    cells = first[1]
    if header is None:
        header = _is_header(cells, preparation)
    names = cells if header else []
    at = preparation.positions(names, len(cells), name)
    for lines, columns in chunks(rows if header else chain([first], rows), len(cells), name):
        yield np.column_stack(
            [
                _stored(columns[i], column, f"column {i + 1}{_named(names, i)}", name, lines)
                for i, column in zip(at, preparation.columns, strict=True)
            ]
        )


def _is_header(cells: Sequence[str], preparation: Preparation) -> bool:
    """Return whether a first row has any of the names, or only words where numbers are needed."""
    if any(name in cells for name in preparation.names if name):
        return True
    has_numbers = any(column.categories is None for column in preparation.columns)
    return has_numbers and not any(is_number(cell) or is_missing(cell) for cell in cells)


def _named(names: Sequence[str], i: int) -> str:
    return f" ({names[i]})" if names else ""


def _stored(
    cells: tuple[str, ...], column: Column, place: str, name: str, lines: Sequence[int]
) -> NDArray:
    """Return the cells of a column as numbers, or as the places of their categories."""
    if column.categories is not None:
        places = {word: float(i) for i, word in enumerate(column.categories)}
        absent = places.get("", np.nan)
        return np.array(
            [absent if is_missing(c) else places.get(spelled(c), np.nan) for c in cells]
        )
    found = numbers(cells)
    values = np.array(found if found is not None else [np.inf])
    if np.isinf(values).any():
        bad = next(i for i, c in enumerate(cells) if not is_missing(c) and not is_number(c, True))
        raise not_a_number(f"{name}, line {lines[bad]}, {place}", cells[bad])
    return values
