"""Which column of a table holds the labels."""

from collections.abc import Sequence

import numpy as np

from gpunet.errors import ArgumentError, did_you_mean

LABEL_NAMES = ("label", "class", "target", "y")


def label_position(
    name: str,
    width: int,
    label_column: str | int | None,
    names: Sequence[str] = (),
    sure: bool = True,
    what: str = "label column",
) -> int:
    """Return which of ``width`` columns holds the labels.

    Args:
        name: What messages call the table.
        width: How many columns there are.
        label_column: A name; a number from 0 (negative: from the end), as a number or as text;
            or None: the one called label, class, target or y, else the last.
        names: What the columns are called, if they are.
        sure: Whether the names are known to be names; if not, a number is never taken for one.
        what: What messages call the column that is looked for.

    Raises ArgumentError.
    """
    if label_column is None:
        lower = [cell.lower() for cell in names]
        usual = next((usual for usual in LABEL_NAMES if usual in lower), None)
        return width - 1 if usual is None else _index(name, lower, usual)
    number = whole_number(label_column)
    named = isinstance(label_column, str) and label_column in names
    if number is None and not named:
        columns = (
            f"its columns are {', '.join(names)}" if sure and names else "it has no header line"
        )
        raise ArgumentError(
            f"{name} has no column {label_column!r}{did_you_mean(str(label_column), names)}; "
            f"{columns}. Give one of its columns by name, or by number from 0 to {width - 1}"
        )
    in_range = number is not None and -width <= number < width
    if named and (sure or not in_range):
        index = _index(name, names, str(label_column))
        if number is not None and in_range and number % width != index:
            raise ArgumentError(
                f"{name}: the {what} {label_column!r} is the name of column {index} and the "
                f"number of another one; give a negative number, from the end: {index - width} or "
                f"{number % width - width}"
            )
        return index
    if number is None or not in_range:
        raise ArgumentError(
            f"{name} has {width} columns, so the {what} must be a number from 0 to "
            f"{width - 1} (or negative, from the end), but is {label_column}"
        )
    return number % width


def _index(name: str, names: Sequence[str], wanted: str) -> int:
    if list(names).count(wanted) > 1:
        raise ArgumentError(
            f"{name} has {list(names).count(wanted)} columns called {wanted!r}; give the number of "
            f"the label column instead, from 0 to {len(names) - 1}"
        )
    return list(names).index(wanted)


def whole_number(value: str | int) -> int | None:
    """Return the number that a column is asked for by, or None if it is a name."""
    try:
        return int(value)
    except ValueError:
        return None


def is_number(cell: str, finite: bool = False) -> bool:
    """Return whether a cell spells a number; NaN and infinity are numbers unless ``finite``."""
    try:
        number = float(cell)
    except ValueError:
        return False
    return "_" not in cell and (not finite or abs(number) < np.inf)
