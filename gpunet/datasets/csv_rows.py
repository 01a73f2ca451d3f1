"""The rows of a CSV file: cells separated by commas, semicolons or tabs, some of them quoted."""

import csv
import re
from collections.abc import Iterator
from itertools import chain

from gpunet.errors import DataError

Row = tuple[int, list[str]]  # the line in which it starts, its cells

_LINE_BREAK = re.compile(r"\r\n|\r|\n")


def read_rows(lines: Iterator[str], name: str) -> Iterator[Row]:
    """Yield the rows that aren't blank lines; what separates cells is told by the first.

    A quoted cell may hold a line break, or what separates cells. One that holds both is taken for
    a quote that was forgotten: two rows in one always show it.

    Args:
        lines: With their ends, as a file opened with newline="" gives them.
        name: What messages call the file.

    Raises DataError, with the line where the quote opens, for one that isn't closed.
    """
    head: list[str] = []
    for line in lines:
        head.append(line)
        if line.strip():
            break
    delimiter = _delimiter(head[-1]) if head else ","
    at_end = False

    def watched() -> Iterator[str]:
        nonlocal at_end
        yield from chain(head, lines)
        at_end = True

    reader = csv.reader(watched(), delimiter=delimiter, skipinitialspace=True)
    start = 1
    try:
        for cells in reader:
            if at_end:  # the row wanted more lines than there are
                opened = start + _line_breaks(cells[:-1])
                raise DataError(
                    f"{name}, line {opened}: a quote opens and is never closed, so that all the "
                    "rest of the file would be one cell; close it or take it out"
                )
            if reader.line_num > start:
                _check_quotes(cells, start, delimiter, name)
            if len(cells) > 1 or "".join(cells).strip():
                yield start, [cell.strip() for cell in cells]
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{name}, line {start}: {error}; expected rows of cells separated by {delimiter!r}. "
            "Mend that line; is a quote left open in it?"
        ) from error


def _delimiter(line: str) -> str:
    """Return what parts the line into the most cells.

    The comma, which may stand in a number, gives way where others make as many: ``0,5;a``.
    """

    def cells(delimiter: str) -> int:
        try:
            return len(next(csv.reader([line], delimiter=delimiter, skipinitialspace=True)))
        except csv.Error:  # reading the rows will say so
            return 0

    return max(";\t,", key=cells)


def _check_quotes(cells: list[str], start: int, delimiter: str, name: str) -> None:
    """Refuse a cell into which rows have gone; ``start`` is the line of the first cell."""
    for i, cell in enumerate(cells):
        if delimiter in cell and (breaks := _line_breaks([cell])):
            opened = start + _line_breaks(cells[:i])
            raise DataError(
                f"{name}, line {opened}: a quote opens and is closed in line {opened + breaks} "
                f"only, with {delimiter!r} and whole rows in between; close it where the cell "
                "ends. A cell with several lines must not contain what separates cells"
            )


def _line_breaks(cells: list[str]) -> int:
    return sum(len(_LINE_BREAK.findall(cell)) for cell in cells)
