"""Whether labels are classes, or the numbers of a regression."""

from collections.abc import Sequence

from gpunet.errors import ArgumentError, DataError, did_you_mean

TASKS = ("auto", "classification")

# So many different numbers are classes, however few rows they have: digits, grades, ratings.
FEW_NUMBERS = 20
# Rows a class in the mean, below which more of them are taken for measurements; and below which
# they are even where they are numbered without a gap from 0 or 1, as classes are and measurements
# seldom.
ROWS_A_NUMBER = 50
ROWS_A_CLASS = 5


def check_task(task: str) -> None:
    """Raise ArgumentError unless ``task`` is one that data from files can be loaded for."""
    if task == "regression":
        raise ArgumentError(
            "regression from files isn't there yet; expected the task auto or classification. In "
            'Python: gpunet.fit(gpunet.Network([...], output="identity", '
            'loss="half_squared_error"), X, y)'
        )
    if task not in TASKS:
        raise ArgumentError(
            f"unknown task {task!r}{did_you_mean(task, TASKS)}; choose one of {', '.join(TASKS)}"
        )


def refuse_regression(classes: Sequence[str], rows: int, name: str) -> None:
    """Raise DataError where the labels look like measurements and not like classes.

    They do where they are more than 20 different numbers with fewer than 50 rows each in the
    mean, or fewer than 5 if they run without a gap from 0 or 1. Text is always classes.

    Args:
        classes: The distinct labels, numbers in their canonical form.
        rows: How many examples there are.
        name: What messages call the labels.
    """
    k = len(classes)
    if k <= FEW_NUMBERS:
        return
    try:
        numbers = sorted(int(label) for label in classes)
    except ValueError:
        return
    counted = numbers[0] in (0, 1) and numbers[-1] - numbers[0] == k - 1
    if rows < k * (ROWS_A_CLASS if counted else ROWS_A_NUMBER):
        raise DataError(
            f"{name}: expected classes, but the labels are {k} different numbers from {numbers[0]} "
            f"to {numbers[-1]} in {rows} rows, which looks like the target of a regression, and "
            "gpunet doesn't train those from files yet. If they are classes, say so with --task "
            'classification (in Python task="classification"); else, is it the right label column?'
        )
