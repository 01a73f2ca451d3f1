"""A user's own data: the split, and the way in."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpunet.datasets import load
from gpunet.datasets.parts import Part, build_datasets
from gpunet.errors import ArgumentError, FileError

IRIS = "width,height,species\n1,2.5,rose\n3,4,tulip\n-5,6e1,rose\n"
X = np.arange(24.0).reshape(8, 3)
y = np.arange(8) % 2


def write(folder: Path, text: str, name: str = "data.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder / name


def savez(folder: Path, **arrays: np.ndarray) -> Path:
    np.savez(folder / "data.npz", **arrays)
    return folder / "data.npz"


@given(st.integers(2, 60), st.floats(0.001, 0.999), st.integers(0, 2**70))
def test_the_split_takes_every_row_once(n: int, fraction: float, seed: int) -> None:
    part = Part(np.arange(float(n))[:, None], np.arange(n) % 2, "t")
    train, test = build_datasets("t", part, None, fraction, seed)
    rows = np.concatenate([train.X, test.X]).ravel()
    assert sorted(rows) == list(range(n))
    assert len(train) >= 1
    assert len(test) == min(max(1, round(n * fraction)), n - 1)
    for half in (train, test):
        np.testing.assert_array_equal(half.y, half.X.ravel() % 2)  # each row with its label
    again, _ = build_datasets("t", part, None, fraction, seed)
    np.testing.assert_array_equal(again.X, train.X)


@given(st.integers(2, 40), st.integers(0, 40), st.floats(0.001, 0.999), st.integers(0, 2**70))
def test_added_rows_are_test_rows_and_move_no_other(
    n: int, added: int, fraction: float, seed: int
) -> None:
    part = Part(np.arange(float(n + added))[:, None], np.arange(n + added) % 2, "t")
    first = Part(part.X[:n], part.labels[:n], "t")
    (train, test), (known, held_out) = (
        build_datasets("t", part, None, fraction, seed, split_rows=n),
        build_datasets("t", first, None, fraction, seed),
    )
    np.testing.assert_array_equal(train.X, known.X)
    np.testing.assert_array_equal(test.X, np.vstack([held_out.X, part.X[n:]]))
    fewer, _ = build_datasets("t", first, None, fraction, seed, split_rows=n + added)
    np.testing.assert_array_equal(fewer.X, known.X)


def test_another_seed_is_another_split(tmp_path: Path) -> None:
    path = savez(tmp_path, X=np.arange(100.0)[:, None], y=np.arange(100) % 2)
    assert load(path)[1].X.ravel().tolist() != load(path, seed=1)[1].X.ravel().tolist()
    # Pinned: the same rows on every machine and in every version.
    assert load(path)[1].X.ravel()[:5].tolist() == [6, 7, 15, 18, 40]


@pytest.mark.parametrize("fraction", [0, 1, -0.5, float("nan"), "0.2"])
def test_bad_fraction_and_seed(tmp_path: Path, fraction: float) -> None:
    path = savez(tmp_path, X=X, y=y)
    with pytest.raises(ArgumentError, match="test_fraction must lie between 0 and 1"):
        load(path, test_fraction=fraction)
    with pytest.raises(ArgumentError, match="seed must be an integer from 0 up, but is -1"):
        load(path, seed=-1)


def test_unknown_names_and_kinds(tmp_path: Path) -> None:
    with pytest.raises(
        ArgumentError, match=r"unknown data set 'monns' .did you mean 'moons'.*path"
    ):
        load("monns")
    with pytest.raises(ArgumentError, match=r"unknown data set .*gone.csv"):
        load(tmp_path / "gone.csv")
    with pytest.raises(ArgumentError, match=r"did you mean '.csv'"):
        load(write(tmp_path, IRIS, "data.cvs"))
    with pytest.raises(ArgumentError, match="label_column is for tables"):
        load("moons", label_column="y")
    with pytest.raises(ArgumentError, match="label_column is for tables"):
        load(savez(tmp_path, X=X, y=y), label_column="y")
    with pytest.raises(FileError, match="lacks train-images"):
        load(tmp_path)
