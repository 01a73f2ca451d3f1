"""From a table's columns to features: learnt from the training rows alone, and kept exactly."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gpunet.datasets.parts import Part, build_datasets
from gpunet.datasets.preparation import Column, Preparation, Target, fit_columns
from gpunet.errors import DataError

NUMBERS = arrays(np.float64, st.tuples(st.integers(2, 30), st.integers(1, 4)), elements=st.floats(
    -1e6, 1e6, width=32))  # fmt: skip


def fitted(X: np.ndarray, rows: np.ndarray | None = None) -> Preparation:
    rows = np.arange(len(X)) if rows is None else rows
    columns, _ = fit_columns(X, rows, tuple(Column(f"c{i}", i) for i in range(X.shape[1])))
    return Preparation(columns, X.shape[1] + 1, "y", X.shape[1])


@given(NUMBERS)
def test_numbers_are_standardised_as_scikit_learn_does(X: np.ndarray) -> None:
    scaler = pytest.importorskip("sklearn.preprocessing").StandardScaler
    found = fitted(X).apply(X)
    spread = np.ptp(X, axis=0) > 1e-6 * np.abs(X).max(initial=0)
    # Columns whose spread is rounding are divided by one or the other deviation.
    expected = scaler().fit_transform(X)
    # The mean is off by some units in the last place, which the division makes larger.
    np.testing.assert_allclose(found[:, spread], expected[:, spread], rtol=1e-7, atol=1e-7)
    assert np.isfinite(found).all()


@given(NUMBERS, st.data())
def test_missing_numbers_become_the_mean_of_the_others(X: np.ndarray, data: st.DataObject) -> None:
    holes = data.draw(arrays(bool, X.shape))
    with_holes = np.where(holes, np.nan, X)
    found = fitted(with_holes).apply(with_holes)
    assert (found[holes] == 0).all()
    for j in range(X.shape[1]):
        known = X[~holes[:, j]][:, [j]]
        if len(known):
            np.testing.assert_allclose(
                found[~holes[:, j], j], fitted(known).apply(known)[:, 0], rtol=1e-9, atol=1e-9
            )


@given(st.integers(2, 40), st.integers(0, 100))
def test_only_the_training_rows_say_how(n: int, seed: int) -> None:
    X, labels = np.arange(2.0 * n).reshape(n, 2), np.arange(n) % 2

    def learnt(X: np.ndarray) -> tuple[Preparation | None, np.ndarray]:
        part = Part(X, labels, "t", columns=(Column("a", 0), Column("b", 1)), width=3)
        train, test = build_datasets("t", part, seed=seed)
        assert test.preparation is train.preparation
        return train.preparation, test.X

    preparation, tested = learnt(X)
    changed = np.where(np.isin(X, tested), 1e9, X)
    assert learnt(changed)[0] == preparation
    other = np.where(np.isin(X, tested), X, X + 1)  # a change in the training rows shows
    assert learnt(other)[0] != preparation


WORDS = st.lists(st.sampled_from(["red", "green", "blue", ""]), min_size=2, max_size=20)


def coded(words: list[str]) -> tuple[np.ndarray, Column]:
    known = sorted(set(words) - {""})
    codes = [known.index(word) if word else np.nan for word in words]
    return np.array(codes, np.float64)[:, None], Column("colour", 0, categories=tuple(known))


@given(WORDS)
def test_categories_are_one_hot_as_scikit_learn_does(words: list[str]) -> None:
    encoder = pytest.importorskip("sklearn.preprocessing").OneHotEncoder(sparse_output=False)
    X, column = coded(words)
    columns, stored = fit_columns(X, np.arange(len(X)), (column,))
    found = Preparation(columns).apply(stored)
    np.testing.assert_array_equal(found, encoder.fit_transform(np.array(words)[:, None]))


def test_a_category_that_training_has_not_seen_is_none_of_them() -> None:
    X, column = coded(["red", "green", "blue", ""])
    columns, stored = fit_columns(X, np.array([0, 1]), (column,))
    assert columns[0].categories == ("green", "red")
    assert Preparation(columns).apply(stored).tolist() == [[0, 1], [1, 0], [0, 0], [0, 0]]


@given(NUMBERS, st.lists(st.text(max_size=3), min_size=1, max_size=4, unique=True))
def test_json_keeps_every_bit(X: np.ndarray, words: list[str]) -> None:
    numbers = fitted(X)
    about = replace(
        numbers,
        columns=(*numbers.columns, Column("w", 9, categories=tuple(words))),
        target=Target("price", *np.float64([1 / 3, 0.1]).tolist()),
    )
    again = Preparation.from_dict(json.loads(json.dumps(about.to_dict())))
    assert again == about


def test_columns_are_found_by_name_in_any_order() -> None:
    X = np.array([[1.0, 10.0], [2.0, 30.0], [4.0, 20.0]])
    known = fitted(X)
    other = np.column_stack([X[:, 1], np.full(3, 7.0), X[:, 0]])
    columns = [Column(name, i) for i, name in enumerate(["c1", "more", "c0"])]
    np.testing.assert_array_equal(known.stored(other, columns, "t"), X)
    with pytest.raises(DataError, match=r"t has no column 'c1' .did you mean 'c1x'.*c0, c1"):
        known.stored(other, [Column(n, i) for i, n in enumerate(["c1x", "more", "c0"])], "t")
    with pytest.raises(DataError, match="several columns called 'c0'"):
        known.stored(other, [Column(n, i) for i, n in enumerate(["c0", "c1", "c0"])], "t")


def test_columns_without_names_are_taken_in_their_order() -> None:
    X = np.array([[1.0, 10.0], [2.0, 30.0], [4.0, 20.0]])
    known = Preparation((Column("", 0), Column("", 2)), 3, "", 1)  # the label was in between

    def stored(X: np.ndarray) -> list:
        return known.stored(X, [Column("", i) for i in range(X.shape[1])], "t").tolist()

    assert stored(X) == X.tolist()
    assert stored(np.insert(X, 1, 5.0, axis=1)) == X.tolist()
    with pytest.raises(DataError, match=r"t has 4 columns; .* from 2 or, with the label, 3"):
        stored(np.hstack([X, X]))


@pytest.mark.parametrize(
    ("preparation", "problem"),
    [
        (Preparation((Column("a", 0, scale=0.0),)), "a is standardised by .*scale 0"),
        (Preparation((Column("a", 0, mean=float("nan")),)), "mean nan"),
        (Preparation(target=Target("y", 0.0, -1.0)), "y is standardised"),
        (Preparation((Column("a", 0), Column("b", 1))), "2 features for 1 inputs"),
    ],
)
def test_what_contradicts_itself(preparation: Preparation, problem: str) -> None:
    import re

    assert re.search(problem, preparation.contradiction(1, 1))
    assert Preparation((Column("a", 0),)).contradiction(1, 1) == ""


@pytest.mark.parametrize("size", [1e300, 1e-300, 1e-200])
def test_the_largest_and_smallest_numbers(size: float) -> None:
    X = np.array([[1.0], [2.0], [3.0]]) * size
    np.testing.assert_allclose(fitted(X).apply(X)[:, 0], [-(1.5**0.5), 0, 1.5**0.5], atol=1e-12)
