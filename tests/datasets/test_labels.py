"""Labels, numbers or text, become class numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpunet.datasets.labels import number_labels
from gpunet.errors import DataError


@pytest.mark.parametrize(
    ("labels", "classes", "numbers"),
    [
        (["10", "9", "10"], ("9", "10"), [1, 0, 1]),
        (["1.0", "-2", "01"], ("-2", "1"), [1, 0, 1]),
        (["b", "10", "9"], ("10", "9", "b"), [2, 0, 1]),
        ([3.0, -1.0], ("-1", "3"), [1, 0]),
        (["NA", "DE", "NA"], ("DE", "NA"), [1, 0, 1]),  # a country
        (["none", "1", "many"], ("1", "many", "none"), [2, 0, 1]),
        (["none", "null"], ("none", "null"), [0, 1]),
        ([True, False], ("False", "True"), [1, 0]),
        ([b"x", b"a"], ("a", "x"), [1, 0]),
        ([2**53, 2**53 + 1], (str(2**53), str(2**53 + 1)), [0, 1]),
        ([str(2**53), str(2**53 + 1)], (str(2**53), str(2**53 + 1)), [0, 1]),
    ],
)
def test_labels_become_class_numbers(labels: list, classes: tuple, numbers: list) -> None:
    assert number_labels(np.array(labels), "y", str)[0] == classes
    assert number_labels(np.array(labels), "y", str)[1].tolist() == numbers


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, unique=True))
def test_integer_classes_are_in_numeric_order(labels: list[int]) -> None:
    classes, numbers = number_labels(np.array(labels, np.int64), "y", str)
    assert [int(name) for name in classes] == sorted(labels)
    assert [int(classes[number]) for number in numbers] == labels
    # Text gives what numbers give.
    assert number_labels(np.array([str(k) for k in labels]), "y", str)[0] == classes


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0.5, 1.0], "row 0: expected a class, got 0.5"),
        ([1.0, np.nan, 0.0], "row 1: the label is missing"),
        ([1.0, np.inf, 0.0], "row 1: expected a class, got inf"),
        (["1", "0", "NA"], "row 2: the label is missing"),
        (["1", "?", "0", "null"], "row 1: the label is missing"),
        ([b"\xe9", b"\xea", b"x"], r"got the label b'\\xe9'"),  # one class they are not
        ([1j, 2j], "integers or text, got the type complex128"),
    ],
)
def test_bad_labels(labels: list, message: str) -> None:
    with pytest.raises(DataError, match=message):
        number_labels(np.array(labels), "y", "row {}".format)
