"""From labels, numbers or text, to class numbers."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from gpunet.errors import DataError

# What programs write for a number that is missing, beside nothing and NaN.
MISSING = {"", "na", "n/a", "#n/a", "null", "none", "?"}


def number_labels(
    labels: NDArray,
    name: str,
    row: Callable[[int], str],
    classes: tuple[str, ...] | None = None,
) -> tuple[tuple[str, ...], NDArray]:
    """Return the names of the classes and each label's class number, int64 (n,).

    Args:
        labels: (n,) integers, whole floats, booleans or text. Text that spells
            numbers throughout counts as numbers.
        name: What messages call the labels.
        row: How messages call label i.
        classes: The classes to number by, for a test set; by default the
            distinct labels, numbers in numeric and text in alphabetic order.

    Raises DataError for a missing label (nothing, NaN; beside numbers only, also
    NA, null, none or ?), a fraction, fewer than two classes, or
    a label outside ``classes``.
    """
    if labels.dtype.kind not in "buifUS":
        raise DataError(
            f"{name}: expected labels that are integers or text, got the type {labels.dtype}; "
            "convert them with .astype('int64') or .astype('str')"
        )
    distinct, index = np.unique(labels, return_inverse=True)
    texts = [_text(value, name) for value in distinct.tolist()]

    def where(position: int) -> str:
        return row(int((index == position).argmax()))

    # Such a word among numbers is no class; among words it may be one (Namibia's code is NA).
    words = {text.lower() for text in texts if _numbers([text]) is None}
    amid_numbers = words <= MISSING and len(words) < len(texts)
    missing = {"", "nan"} | (words if amid_numbers else set())
    for position, text in enumerate(texts):
        if text.lower() in missing:
            raise DataError(
                f"{name}, {where(position)}: the label is missing; expected a class. "
                "Drop that row or fill it in"
            )
    numbers = _numbers(texts)
    keys: Sequence[int | str] = texts
    if numbers is not None:
        for position, number in enumerate(numbers):
            if number != number // 1:  # infinity too: inf // 1 is nan
                raise DataError(
                    f"{name}, {where(position)}: expected a class, got {texts[position]}. Labels "
                    "with fractions look like regression, and a data set holds classes; is it "
                    "the right label column?"
                )
        keys = [int(number) for number in numbers]
    if classes is None:
        classes = tuple(str(key) for key in sorted(set(keys)))
        if len(classes) < 2:
            raise DataError(
                f"{name}: expected at least two classes, but every label is {classes[0]!r}; "
                "is it the right label column?"
            )
    class_number = {name: number for number, name in enumerate(classes)}
    for position, key in enumerate(keys):
        if str(key) not in class_number:
            raise DataError(
                f"{name}, {where(position)}: the test label {str(key)!r} doesn't occur in the "
                f"training labels ({listed(classes)}); a network cannot learn it. Add such "
                "examples to the training set or drop them from the test set"
            )
    numbering = np.array([class_number[str(key)] for key in keys], dtype=np.int64)
    return classes, numbering[index]


def has_fractions(labels: NDArray) -> bool:
    """Return whether labels are numbers throughout, but for missing ones, and not all whole."""
    if labels.dtype.kind == "f":
        return bool((labels[np.isfinite(labels)] % 1 != 0).any())
    if labels.dtype.kind not in "US":
        return False
    texts = [_text(value, "labels") for value in np.unique(labels).tolist()]
    numbers = _numbers([text for text in texts if text.lower() not in MISSING | {"nan"}])
    return bool(numbers) and any(number != number // 1 for number in numbers or ())


def number_values(labels: NDArray, name: str, row: Callable[[int], str]) -> NDArray:
    """Return the values of a regression, float64 (n,).

    Args:
        labels: (n,) numbers, or text that spells them.
        name: What messages call the labels.
        row: How messages call label i.

    Raises DataError for one that is missing, or no finite number.
    """
    values = np.full(len(labels), np.nan)
    if labels.dtype.kind in "buif":
        values = labels.astype(np.float64)
    elif labels.dtype.kind in "US":
        for i, label in enumerate(labels.tolist()):
            try:
                values[i] = _number(_text(label, name))
            except (ValueError, OverflowError):
                break
    if not (finite := np.isfinite(values)).all():
        i = int((~finite).argmax())
        text = _text(labels[i].item(), name)
        problem = f"got {text!r}" if text and text.lower() != "nan" else "it is missing"
        raise DataError(
            f"{name}, {row(i)}: expected a finite number, the value to learn, but {problem}. Drop "
            "that row or mend it (numbers have decimal points); or is it another column? Name it "
            "with --target"
        )
    return values


def _text(label: object, name: str) -> str:
    if not isinstance(label, bytes):
        return str(label).strip()
    try:
        return label.decode().strip()
    except UnicodeDecodeError as error:  # what stands in for such bytes would make one class of two
        raise DataError(
            f"{name}: expected text in UTF-8, got the label {label!r}; store the labels as text "
            "(.astype('str') of the decoded ones)"
        ) from error


def _numbers(texts: Sequence[str]) -> list[int | float] | None:
    """Return the numbers that the texts spell, or None where one is no number."""
    try:
        return [_number(text) for text in texts]
    except ValueError:
        return None


def _number(text: str) -> int | float:
    if text in ("True", "False") or "_" in text:  # words; Python would read 1_0 as ten
        raise ValueError(text)
    try:
        return int(text)  # exact however long; a float isn't beyond 2**53
    except ValueError:
        return float(text)


def listed(classes: tuple[str, ...]) -> str:
    """Return the first ten names, for a message."""
    return ", ".join(classes[:10]) + (", ..." if len(classes) > 10 else "")
