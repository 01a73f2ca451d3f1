"""Whether a table's first row is a header."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gpunet.datasets.columns import LABEL_NAMES, is_number, label_position, whole_number
from gpunet.errors import DataError

# How many rows the first is compared with.
_LOOKED_AT = 1000
# Among so many rows it is no accident if the first alone has no fractions.
_MANY = 20
# The share of the other rows that may have a label of their own (misspelt ones, say) where that is
# still the exception.
_STRAY = 0.05


def is_header(name: str, cells: list[str], label_column: str | int | None) -> bool | None:
    """Return whether the first row is a header; None if only the other rows can tell.

    It is one if none of its cells is a number, or if one of them is the name that was given for
    the label column. Else it is an example if all its features are numbers, which the other rows
    have to tell. If they aren't, it is a header where one cell is called label, class, target or
    y; and else a bad row.

    Raises ArgumentError for an unknown label column.
    """
    if not any(is_number(cell) for cell in cells):
        return True
    if isinstance(label_column, str) and label_column in cells:
        number = whole_number(label_column)
        if number is None or not -len(cells) <= number < len(cells):
            return True
    label_at = label_position(name, len(cells), label_column, cells, sure=False)
    if all(is_number(cell, finite=True) for cell in cells[:label_at] + cells[label_at + 1 :]):
        return None
    return any(cell.lower() in LABEL_NAMES for cell in cells)


def told_by_the_rest(
    place: str, cells: list[str], label_at: int, X: NDArray, labels: Sequence[str]
) -> bool:
    """Return whether the first row is a header, where it could be an example too.

    It is one for certain if its label occurs in no other row, and is text above numbers only; or
    is "label", "class" or "target"; or if its numbers count 0, 1, 2, ..., as pandas names columns
    that have no names, and other labels do recur. It is an example if its label is text that
    recurs, or if nothing about it is unlike the other rows.

    Args:
        place: What messages call the first row.
        cells: The first row.
        label_at: Where its label is.
        X: The features (n, features), those of the first row in X[0].
        labels: All n labels.

    Raises DataError where it may be either: it is the only row that has a label of its own, or
    numbers in equal steps, or no fractions; or where its numbers count 0, 1, 2, ...
    or 1, 2, 3, ...
    """
    label, others = labels[0], labels[1:]
    if not others:
        return False
    counts = {label: 0, **dict.fromkeys(others, 0)}
    for other in others:
        counts[other] += 1
    alone = counts.pop(label) == 0
    recur = any(count > 1 for count in counts.values())
    numbers = [cell for cell in cells if is_number(cell)]
    counted = numbers == [str(i) for i in range(len(numbers))]
    if alone:
        above_numbers = not is_number(label) and all(is_number(other) for other in counts)
        named = label.lower() in (LABEL_NAMES if counted else LABEL_NAMES[:-1])
        if above_numbers or named or (counted and len(cells) > 2 and recur):
            return True
    elif not is_number(label):
        return False
    stray = sum(count == 1 for count in counts.values())
    counted |= cells == [str(i + 1) for i in range(len(cells))]
    steps = _equal_steps(_whole_rows(X, labels, label_at))
    if counted and not steps.all():
        reason = f"its numbers count from {numbers[0]}, as columns without names are numbered"
    elif alone and stray <= _STRAY * len(others):
        reason = f"its label, {label!r}, occurs in no other row"
    elif _only_the_first(steps):
        reason = "its numbers go up in equal steps, and those of other rows do not"
    elif len(X) > _MANY and _only_the_first((X[:_LOOKED_AT] == X[:_LOOKED_AT] // 1).all(axis=1)):
        reason = "it is the only row of whole numbers"
    else:
        return False
    raise DataError(
        f"{place} may be a header or an example: {reason}. Say which with --header yes or "
        "--header no (in Python header=True or False)"
    )


def _whole_rows(X: NDArray, labels: Sequence[str], label_at: int) -> NDArray:
    """Return the first rows as they stand in the file, without the labels if they are text."""
    labels = labels[:_LOOKED_AT]
    if not all(is_number(label) for label in labels):
        return X[:_LOOKED_AT]
    return np.insert(X[:_LOOKED_AT], label_at, [float(label) for label in labels], axis=1)


def _equal_steps(rows: NDArray) -> NDArray:
    """Return for each row whether it is three or more numbers in equal steps, such as years."""
    if rows.shape[1] < 3:
        return np.zeros(len(rows), bool)
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.diff(rows, axis=1)
    return (steps == steps[:, :1]).all(axis=1) & (steps[:, 0] != 0)


def _only_the_first(odd: NDArray) -> bool:
    return bool(odd[0]) and not odd[1:].any()
