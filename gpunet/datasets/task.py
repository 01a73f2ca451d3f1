"""Whether labels are classes, or the numbers of a regression."""

import re
from collections.abc import Sequence

from gpunet.errors import ArgumentError, DataError, did_you_mean

TASKS = ("auto", "classification", "regression")

# So many different numbers are classes, however few rows they have: digits, grades, ratings.
FEW_NUMBERS = 20
# Rows a class in the mean, below which more of them are taken for measurements; and below which
# they are even where they are numbered without a gap from 0 or 1, as classes are and measurements
# seldom.
ROWS_A_NUMBER = 50
ROWS_A_CLASS = 5
# Below so many rows a word, words are names or dates of the rows.
ROWS_A_WORD = 2

_UNLESS = (
    "If they are classes, say so with --task classification (in Python "
    'task="classification"); else, is it the right label column?'
)
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")


def check_task(task: str) -> None:
    """Raise ArgumentError unless ``task`` is one that data from files can be loaded for."""
    if task not in TASKS:
        raise ArgumentError(
            f"unknown task {task!r}{did_you_mean(task, TASKS)}; choose one of {', '.join(TASKS)}"
        )


def refuse_regression(classes: Sequence[str], rows: int, name: str) -> None:
    """Raise DataError where the labels look like measurements, or like names of the rows.

    They do where they are more than 20 different numbers with fewer than 50 rows each in the
    mean, or fewer than 5 if they run without a gap from 0 or 1; or numbers with decimal commas. Of
    more than 20 words hardly one of which recurs, none can be learnt.

    Args:
        classes: The distinct labels, numbers in their canonical form.
        rows: How many examples there are.
        name: What messages call the labels.
    """
    k = len(classes)
    if all(_DECIMAL_COMMA.fullmatch(label) for label in classes):
        raise DataError(
            f"{name}: expected classes, but the labels are numbers with decimal commas such as "
            f"{classes[0]}, which looks like the target of a regression. {_UNLESS}"
        )
    if k <= FEW_NUMBERS:
        return
    try:
        numbers = sorted(int(label) for label in classes)
    except ValueError:
        if rows < ROWS_A_WORD * k:
            raise DataError(
                f"{name}: expected classes, but the labels are {k} different words in {rows} rows, "
                f"such as {classes[0]!r}, and hardly one recurs. {_UNLESS}"
            ) from None
        return
    counted = numbers[0] in (0, 1) and numbers[-1] - numbers[0] == k - 1
    if rows < k * (ROWS_A_CLASS if counted else ROWS_A_NUMBER):
        raise DataError(
            f"{name}: expected classes, but the labels are {k} different numbers from {numbers[0]} "
            f"to {numbers[-1]} in {rows} rows, which looks like the target of a regression. If it "
            f"is one, say so with --task regression. {_UNLESS}"
        )
