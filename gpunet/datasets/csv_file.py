"""A table in a text file: CSV with commas, semicolons or tabs."""

import os
from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpunet.datasets.columns import label_position
from gpunet.datasets.csv_columns import ColumnOfCells, NotOnlyNumbersError, chunks
from gpunet.datasets.csv_rows import Row, read_rows
from gpunet.datasets.header import is_header, told_by_the_rest
from gpunet.datasets.parts import Part
from gpunet.datasets.preparation import Column
from gpunet.datasets.words import categories, not_a_number
from gpunet.errors import DataError, FileError


def read_csv(
    path: str | os.PathLike[str],
    label_column: str | int | None = None,
    header: bool | None = None,
    drop: Sequence[str | int] = (),
) -> Part:
    """Read features, float64 (n, columns), and labels as text, from a CSV file.

    Cells that are empty or NaN, NA, null, none or ? are missing: NaN. A column of words is one of
    categories: X holds the place of each.

    Args:
        path: UTF-8 text, one example a row (see csv_rows).
        label_column: A name, or a number from 0 (negative: from the end); by default
            the one called label, class, target or y, else the last.
        header: Whether the first row is a header. By default it is one where none of
            its cells is a number, or where it can be nothing else; where it could be
            an example too, that is an error (see header.told_by_the_rest).
        drop: Columns to leave out, by name or number.

    Raises DataError naming line and column, ArgumentError for an unknown
    column, FileError for an unreadable file.
    """
    path = Path(path)
    words: set[int] = set()
    while True:
        try:
            return _Reading(path, label_column, header, drop, words).part()
        except _WordsInError as found:  # after numbers: read again
            words.add(found.column)


def csv_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file (see csv_rows); raises DataError and FileError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from read_rows(file, path.name)
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


class _WordsInError(Exception):
    """Words in a column that began with numbers."""

    def __init__(self, column: int) -> None:
        super().__init__(column)
        self.column = column


class _Reading:
    """One reading of a file.

    Args:
        path, label_column, header, drop: As in read_csv.
        words: The columns that are known to hold words.
    """

    def __init__(
        self,
        path: Path,
        label_column: str | int | None,
        header: bool | None,
        drop: Sequence[str | int],
        words: set[int],
    ) -> None:
        self.name = name = path.name
        rows = csv_rows(path)
        first_line, self.first = next(rows, (0, []))
        self.width = width = len(self.first)
        if width < 2:
            raise DataError(
                f"{name} has {width} columns; expected a table with features and a label in each "
                "line, separated by comma, semicolon or tab"
            )
        self.asked, self.place = header is None, f"{name}, line {first_line}"
        self.header = is_header(name, self.first, label_column) if self.asked else header
        self.sure = self.header is True
        names = () if self.header is False else self.first
        self.label_at = label_position(name, width, label_column, names, self.sure)
        dropped = {label_position(name, width, c, names, self.sure, "column") for c in drop}
        self.features = [i for i in range(width) if i != self.label_at and i not in dropped]
        if not self.features or self.label_at in dropped:
            raise DataError(f"{name}: expected columns besides the label's; drop fewer of them")
        if not self.sure:
            rows = chain([(first_line, self.first)], rows)
        self._read(rows, words)

    def _read(self, rows: Iterator[Row], words: set[int]) -> None:
        self.lines = array("q")
        columns = {i: ColumnOfCells(i in words) for i in self.features}
        labels = ColumnOfCells(words=True)
        for lines, cells in chunks(rows, self.width, self.name):
            self.lines.extend(lines)
            labels.extend(cells[self.label_at])
            for i, column in columns.items():
                try:
                    column.extend(cells[i])
                except NotOnlyNumbersError:
                    raise _WordsInError(i) from None
        if not self.lines:
            raise DataError(
                f"{self.name} has no rows; expected a table with features and a label in each line"
            )
        self.labels = np.array(labels.words)[labels.values()]
        self.values = [column.values() for column in columns.values()]
        self.words = [c.words if c.numbers is None else None for c in columns.values()]

    def part(self) -> Part:
        """Return what was read."""
        if self.header is None and self._told():
            self.values = [values[1:] for values in self.values]
            self.labels, self.lines, self.header = self.labels[1:], self.lines[1:], True
        if self.asked and self.sure and all(words is not None for words in self.words):
            self._refuse_an_example()
        X = np.empty((len(self.lines), len(self.features)))
        columns = []
        unsure = ". If that line is a header, say --header yes (in Python header=True)"
        if not self.asked or self.header:
            unsure = ""
        for i, (position, values) in enumerate(zip(self.features, self.values, strict=True)):
            name = self.first[position] if self.header else ""
            words = self.words[i]
            if words is None:
                X[:, i] = self._finite(position, values)
            else:
                words, X[:, i] = categories(
                    *(values, words, self._cell(position), name or str(position), unsure)
                )
            columns.append(Column(name, position, categories=words))
        if self.header:
            self._refuse_index(X)
        return Part(
            *(X, self.labels, self.name, f"{self.name}, label column"),
            row=lambda i: f"line {self.lines[i]}",
            columns=tuple(columns),
            width=self.width,
            target=(self.first[self.label_at] if self.header else "", self.label_at),
        )

    def _told(self) -> bool:
        numeric = [v for v, words in zip(self.values, self.words, strict=True) if words is None]
        X = np.column_stack(numeric) if numeric else np.empty((len(self.lines), 0))
        label_at = min(sum(i < self.label_at for i in self.features), X.shape[1])
        return told_by_the_rest(self.place, self.first, label_at, X, self.labels.tolist())

    def _refuse_an_example(self) -> None:
        """Refuse a first row of words above words that may be one of them."""
        words = [words or () for words in self.words]
        first = [self.first[i] for i in self.features]
        if all(cell in known for cell, known in zip(first, words, strict=True)):
            raise DataError(
                f"{self.place} may be a header or an example: each of its words occurs in other "
                "rows. Say which with --header yes or --header no (in Python header=True or False)"
            )

    def _cell(self, position: int) -> Callable[[int], str]:
        """Return how messages call the cells of a column."""
        name = f" ({self.first[position]})" if self.header else ""

        def where(i: int) -> str:
            return f"{self.name}, line {self.lines[i]}, column {position + 1}{name}"

        return where

    def _finite(self, position: int, values: NDArray) -> NDArray:
        if (infinite := np.isinf(values)).any():
            row = int(infinite.argmax())
            raise not_a_number(self._cell(position)(row), str(values[row]))
        return values

    def _refuse_index(self, X: NDArray) -> None:
        """Refuse the column of row numbers that pandas writes; it would tell the file's order."""
        first = self.features[0]
        unnamed = self.first[first] in ("", "Unnamed: 0")
        if first == 0 and unnamed and (X[:, 0] == np.arange(len(X))).all():
            raise DataError(
                f"{self.name}: column 1 has no name and counts the rows, as pandas writes its "
                "index; a network must not learn from that. Write the file with to_csv(..., "
                "index=False), or leave it out with --drop 0"
            )
