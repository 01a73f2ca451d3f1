"""The columns of a CSV file: numbers, or words with a place each."""

from array import array
from collections.abc import Iterable, Iterator
from itertools import islice
from math import nan

import numpy as np
from numpy.typing import NDArray

from gpunet.datasets.csv_rows import Row
from gpunet.datasets.labels import MISSING
from gpunet.errors import DataError

# Rows that are read at a time.
ROWS = 512

Chunk = tuple[list[int], list[tuple[str, ...]]]  # the line of each row, the cells of each column


def chunks(rows: Iterable[Row], width: int, name: str) -> Iterator[Chunk]:
    """Yield rows by columns; raises DataError, with the line, for one of another width."""
    rows = iter(rows)
    while some := list(islice(rows, ROWS)):
        for line, cells in some:
            if len(cells) != width:
                raise DataError(
                    f"{name}, line {line}: expected {width} cells as in the first line, got "
                    f"{len(cells)}; mend that line"
                )
        yield [line for line, _ in some], list(zip(*(cells for _, cells in some), strict=True))


def is_missing(cell: str) -> bool:
    """Return whether a cell says that there is no value."""
    return cell.lower() in MISSING or cell.lower() == "nan"


def numbers(cells: tuple[str, ...]) -> list[float] | None:
    """Return the numbers that the cells spell, NaN for missing ones; None if one is a word."""
    if "_" in "".join(cells):  # Python would read 1_0 as ten
        return None
    try:
        return list(map(float, cells))
    except ValueError:
        pass
    try:
        return [nan if is_missing(cell) else float(cell) for cell in cells]
    except ValueError:
        return None


class NotOnlyNumbersError(Exception):
    """A column that began with numbers has words; its cells have to be read again."""


class ColumnOfCells:
    """A column while it is read: numbers as long as all its cells are, then words.

    Args:
        words: Whether to take all cells for words from the start.
    """

    def __init__(self, words: bool = False) -> None:
        self.numbers: array | None = None if words else array("d")
        self._codes = array("q")
        self._place: dict[str, int] = {}

    def extend(self, cells: tuple[str, ...]) -> None:
        """Take in more cells; raises NotOnlyNumbersError where earlier ones are numbers already."""
        if self.numbers is not None:
            found = numbers(cells)
            if found is not None:
                self.numbers.fromlist(found)
                return
            if self.numbers:
                raise NotOnlyNumbersError
            self.numbers = None
        place = self._place
        self._codes.extend([place.setdefault(cell, len(place)) for cell in cells])

    @property
    def words(self) -> tuple[str, ...]:
        """The distinct words, in the order in which they came."""
        return tuple(self._place)

    def values(self) -> NDArray:
        """Return the numbers (n,) float64, or the place of each cell among the words, int64."""
        if self.numbers is not None:
            return np.frombuffer(self.numbers, np.float64)
        return np.frombuffer(self._codes, np.int64)
