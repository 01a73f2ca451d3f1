""".npz and .npy: read as meant, or refused with the place; no pickle is ever loaded."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from gpunet.datasets import load
from gpunet.errors import DataError

X = np.arange(24.0).reshape(8, 3)
y = np.arange(8) % 2


def savez(folder: Path, **arrays: np.ndarray) -> Path:
    np.savez(folder / "data.npz", **arrays)
    return folder / "data.npz"


def test_npz_without_a_test_part_is_split(tmp_path: Path) -> None:
    train, test = load(savez(tmp_path, X=X, y=y), test_fraction=0.25)
    assert (len(train), len(test)) == (6, 2)
    assert train.name == "data.npz"
    assert train.scale == 1.0
    assert train.image_shape is None


@pytest.mark.parametrize(
    "keys", [("X", "y", "X_test", "y_test"), ("x_train", "y_train", "x_test", "y_test")]
)
def test_npz_with_a_test_part(tmp_path: Path, keys: tuple[str, ...]) -> None:
    arrays = (X, np.array(["b", "a"] * 4), X[:2] + 1, np.array([["a"], ["b"]]))
    train, test = load(savez(tmp_path, **dict(zip(keys, arrays, strict=True))))
    np.testing.assert_array_equal(train.X, X)
    assert train.y.tolist() == [1, 0] * 4
    np.testing.assert_array_equal(test.X, X[:2] + 1)
    assert test.y.tolist() == [0, 1]
    assert train.classes == test.classes == ("a", "b")


def test_pictures_are_flattened_and_stay_integers(tmp_path: Path) -> None:
    images = np.arange(48, dtype=np.uint8).reshape(8, 2, 3)
    train, test = load(savez(tmp_path, X=images, y=y))
    for part in (train, test):
        assert part.X.dtype == np.uint8
        assert part.X.shape[1] == 6
        assert (part.image_shape, part.scale) == ((2, 3), 1 / 255)


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [
        ("float32", "float32"),
        (">f4", "float32"),
        ("float16", "float64"),
        (">i8", "float64"),
        ("bool", "float64"),
        ("int8", "float64"),
    ],
)
def test_types_of_features(tmp_path: Path, dtype: str, kept: str) -> None:
    train, _ = load(savez(tmp_path, X=np.asfortranarray(X).astype(dtype), y=y))
    assert train.X.dtype == np.dtype(kept)
    assert train.X.flags.c_contiguous
    assert train.scale == 1.0


def test_npy_has_its_labels_in_a_column(tmp_path: Path) -> None:
    np.save(tmp_path / "t.npy", np.column_stack([y + 5, X]))
    train, test = load(tmp_path / "t.npy", label_column=0)
    both = np.concatenate([train.X, test.X])
    np.testing.assert_array_equal(both[both[:, 0].argsort()], X)
    assert train.classes == ("5", "6")
    np.save(tmp_path / "t.npy", np.column_stack([X, y]))
    assert load(tmp_path / "t.npy")[0].classes == ("0", "1")


def with_bad_cell(value: float) -> np.ndarray:
    bad = X.copy()
    bad[3, 2] = value
    return bad


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": X}, "has no array y; expected X and y, .* it holds X"),
        ({"data": X}, "no array X and no y"),
        ({"X": X, "y": y, "X_test": X}, "no array y_test"),
        ({"X": X, "y": y[:5]}, "8 rows but .* has 5 labels"),
        ({"X": with_bad_cell(np.nan), "y": y}, r"X\[3, 2\] .counted from 0. is nan"),
        ({"X": with_bad_cell(-np.inf), "y": y}, r"X\[3, 2\] .* is -inf"),
        ({"X": X, "y": y, "X_test": with_bad_cell(np.inf), "y_test": y}, r"X_test: .*X\[3, 2\]"),
        ({"X": X, "y": y * 0}, "at least two classes, but every label is '0'"),
        ({"X": X, "y": np.eye(8)}, r"one label a row, shape \(n,\), got \(8, 8\).*argmax"),
        ({"X": X, "y": y, "X_test": X, "y_test": y + 1}, r"'2' doesn't occur in .*\(0, 1\)"),
        ({"X": X, "y": y, "X_test": X[:, :2], "y_test": y}, r"expected .*\(3,\), got .*\(2,\)"),
        ({"X": X, "y": y, "X_test": X.astype("u1"), "y_test": y}, "float64.*got uint8"),
        ({"X": X[:, :0], "y": y}, "is empty, shape .8, 0."),
        ({"X": X[:0], "y": y[:0]}, "is empty, shape .0, 3."),
        ({"X": X[:, 0], "y": y}, r"expected X of shape \(n, features\).*got \(8,\)"),
        ({"X": X.astype(str), "y": y}, "expected numbers in X, got the type <U"),
        ({"X": X.astype(complex), "y": y}, "expected numbers in X"),
        ({"X": X, "y": y.astype(object)}, "pickle, which gpunet never loads"),
    ],
)
def test_bad_npz_is_refused(tmp_path: Path, arrays: dict, message: str) -> None:
    with pytest.raises(DataError, match=rf"data\.npz.*{message}"):
        load(savez(tmp_path, **arrays))


class Trap:
    """Unpickling this leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple:
        return Path.touch, (self.trace,)


def test_no_pickle_is_ever_loaded(tmp_path: Path) -> None:
    trap = np.array([Trap(tmp_path / "trace")], object)
    np.save(tmp_path / "a.npy", trap, allow_pickle=True)
    (tmp_path / "b.npy").write_bytes(pickle.dumps(trap))
    (tmp_path / "c.npz").write_bytes(pickle.dumps(trap))
    savez(tmp_path, X=X, y=trap)
    for name in ("a.npy", "b.npy", "c.npz", "data.npz"):
        with pytest.raises(DataError, match="pickle, which gpunet never loads"):
            load(tmp_path / name)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("name", ["data.npz", "data.npy"])
def test_damaged_and_foreign_files(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    np.savez(tmp_path / "good.npz", X=X, y=y)
    np.save(tmp_path / "good.npy", X)
    good = (tmp_path / f"good{path.suffix}").read_bytes()
    for content in (b"", b"hello", b"PK\3\4", good[:-30], good[:40], b"\x93NUMPY\1\0\xff\xff{"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=f"cannot use .*{name}.*expected an .np"):
            load(path)


def test_one_kind_under_the_others_name(tmp_path: Path) -> None:
    savez(tmp_path, X=X, y=y).rename(tmp_path / "a.npy")
    np.save(tmp_path / "b", X)
    (tmp_path / "b.npy").rename(tmp_path / "b.npz")
    with pytest.raises(DataError, match=r"name it .npz"):
        load(tmp_path / "a.npy")
    with pytest.raises(DataError, match=r"name it .npy"):
        load(tmp_path / "b.npz")


@pytest.mark.parametrize("table", [X[0], X.reshape(2, 4, 3), X[:0], X.astype(str)])
def test_bad_npy_tables(tmp_path: Path, table: np.ndarray) -> None:
    np.save(tmp_path / "t.npy", table)
    with pytest.raises(DataError, match="expected a table of numbers"):
        load(tmp_path / "t.npy")
