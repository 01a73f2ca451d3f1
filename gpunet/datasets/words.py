"""Whether the words of a table's column can be categories."""

import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gpunet.datasets.columns import is_number
from gpunet.datasets.csv_columns import is_missing
from gpunet.errors import DataError

# A column of which at least this share are numbers was meant to hold numbers; but for a few codes,
# such as 1, 2 and A, of which those that are words recur.
MOSTLY_NUMBERS = 0.5
# More words than these, that recur less than twice in the mean, are names of the rows.
FEW_WORDS, ROWS_A_WORD = 20, 2
# Each category is an input of the network.
MOST_WORDS = 1000

_DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?([T ]\d.*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}( .*)?"
    r"|\d{1,2}:\d{2}(:\d{2}.*)?|\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{2,4}|[A-Za-z]{3,9} \d{1,2},? \d{4}"
)
DROP = "leave the column out (--drop {column}, in Python drop=[{column!r}])"


def categories(
    codes: NDArray,
    words: tuple[str, ...],
    where: Callable[[int], str],
    column: str,
    first_row: str = "",
) -> tuple[tuple[str, ...], NDArray]:
    """Return the words that are categories, and the codes (n,) float64, NaN where one is missing.

    Args:
        codes: (n,) the place of each row's cell among the words.
        words: What the cells hold.
        where: How messages call the cell of row i.
        column: The column's name or number, to drop it by.
        first_row: What more to say of a first row that is refused.

    Raises:
        DataError: They are numbers with some words among them, or with decimal commas; dates; or
            names of the rows.
    """
    counts = np.bincount(codes, minlength=len(words))
    missing = np.array([is_missing(word) for word in words])
    number = np.array([is_number(word, finite=True) for word in words])
    present = counts[~missing].sum()
    mostly_numbers = counts[number].sum() >= MOSTLY_NUMBERS * present
    recur = counts[~(missing | number)].min(initial=ROWS_A_WORD) >= ROWS_A_WORD
    if mostly_numbers and not (recur and len(words) <= FEW_WORDS):
        row = int((~(missing | number)[codes]).argmax())
        raise not_a_number(where(row), words[codes[row]], "" if row else first_row)
    kept = [word for word, gone in zip(words, missing, strict=True) if not gone]
    if all(_DATE.fullmatch(word) for word in kept):
        raise DataError(
            f"{where(int((~missing)[codes].argmax()))}: {kept[0]!r} looks "
            "like a date or a time, which is neither a number nor a category; write numbers in its "
            "place (the year, the day of the week, days since a first day), or "
            + DROP.format(column=column)
        )
    if all(_is_number_with_commas(word) for word in kept):
        row = int((~missing)[codes].argmax())
        raise not_a_number(where(row), words[codes[row]])
    distinct = len(kept)
    if distinct > MOST_WORDS or (distinct > FEW_WORDS and present < ROWS_A_WORD * distinct):
        raise DataError(
            f"{where(0)}: the column holds {distinct:,} different words in {len(codes):,} rows, "
            f"such as {kept[0]!r}; expected categories that recur. Names "
            "and free text say nothing to a network: " + DROP.format(column=column)
        )
    place: dict[str, int] = {}
    places = [
        np.nan if gone else place.setdefault(spelled(word), len(place))
        for word, gone in zip(words, missing, strict=True)
    ]
    return tuple(place), np.array(places, np.float64)[codes]


def spelled(word: str) -> str:
    """Return the word; but true and false as Python and pandas spell them."""
    return {"true": "True", "false": "False"}.get(word.lower(), word)


def not_a_number(place: str, cell: str, more: str = "") -> DataError:
    """Describe a cell that is no finite number in a column of numbers."""
    if _is_number_with_commas(cell):
        remedy = "write it with a decimal point, and nothing between thousands"
    else:
        remedy = "drop that line, or leave the cell empty if the number is missing"
    found = repr(cell) if cell else "nothing"
    return DataError(f"{place}: expected a finite number, got {found}; {remedy}{more}")


def _is_number_with_commas(word: str) -> bool:
    bare = re.sub("[,.' ]", "", word)
    return bare != word and is_number(bare, finite=True) and not is_number(word)
