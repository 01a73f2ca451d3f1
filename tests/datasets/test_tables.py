"""A user's own files: read as meant, or refused with the place and the remedy."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpunet.datasets import load
from gpunet.datasets.csv_file import read_csv
from gpunet.datasets.labels import number_labels
from gpunet.datasets.parts import Part, build_datasets
from gpunet.errors import ArgumentError, DataError, FileError

IRIS = "width,height,species\n1,2.5,rose\n3,4,tulip\n-5,6e1,rose\n"


def write(folder: Path, text: str, name: str = "data.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder / name


def savez(folder: Path, **arrays: np.ndarray) -> Path:
    np.savez(folder / "data.npz", **arrays)
    return folder / "data.npz"


X = np.arange(24.0).reshape(8, 3)
y = np.arange(8) % 2


# --- CSV -------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        IRIS,
        IRIS.split("\n", 1)[1],  # no header
        IRIS.replace(",", ";"),
        IRIS.replace(",", "\t"),
        IRIS.replace("\n", "\r\n"),
        "\ufeff" + IRIS,  # as spreadsheets write it
        IRIS.replace("\n", "\n\n"),
        IRIS.replace(",", " , "),
        '"width","height","species"\n"1","2.5","rose"\n3,4,tulip\n-5,6e1,rose',
        "Label,width,height\nrose,1,2.5\ntulip,3,4\nrose,-5,6e1\n",
        "0,1,target\n1,2.5,rose\n3,4,tulip\n-5,6e1,rose\n",  # pandas' default names
    ],
)
def test_csv_in_its_many_forms(tmp_path: Path, text: str) -> None:
    part = read_csv(write(tmp_path, text))
    assert part.X.tolist() == [[1, 2.5], [3, 4], [-5, 60]]
    assert part.labels.tolist() == ["rose", "tulip", "rose"]


def test_a_text_label_in_the_first_row_makes_no_header(tmp_path: Path) -> None:
    part = read_csv(write(tmp_path, "1,2,y\n3,4,n\n"))
    assert part.labels.tolist() == ["y", "n"]


@pytest.mark.parametrize("column", ["a", "0", 0, -3, "-3"])
def test_the_label_column_by_name_and_number(tmp_path: Path, column: str | int) -> None:
    part = read_csv(write(tmp_path, "a,b,label\n7,1,2\n8,3,4\n"), column)
    assert part.labels.tolist() == ["7", "8"]
    assert part.X.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has 0 columns; expected a table"),
        ("\n\n", "has 0 columns"),
        ("a,b,label\n", "has no rows"),
        ("1\n2\n", "has 1 columns.*separated by"),
        ("1,2,a\n3,4,b\n5,6\n", "line 3: expected 3 cells as in the first line, got 2"),
        ("1,2,a\n3,4,b,c\n", "line 2: expected 3 cells as in the first line, got 4"),
        ("a,b,label\n1,2,x\n3,oops,y\n", r"line 3, column 2 \(b\): .* got 'oops'"),
        ("label,b,c\nx,2,2\ny,1,oops\n", r"line 3, column 3 \(c\): .* got 'oops'"),
        ("1,x,a\n3,4,b\n", "line 1, column 2: expected a finite number, got 'x'"),
        ("1,2,a\n3,,b\n", "line 2, column 2: expected a finite number, got nothing"),
        ("1,2,a\nnan,4,b\n", "line 2, column 1: expected a finite number, got 'nan'"),
        ("1,2,a\n3,-inf,b\n", "line 2, column 2: .* got '-inf'"),
        ("1,2,a\n3,1_0,b\n", "line 2, column 2: .* got '1_0'"),
        ("1,2,a\n3,4,a\n", "at least two classes, but every label is 'a'"),
        ("1,2,0.5\n3,4,1\n", "line 1: expected a class, got 0.5.*regression"),
        ("1,2,1\n3,4,\n", "line 2: the label is missing"),
        ('1,2,"a\n' * 2 + "x" * 200_000, "field larger than field limit"),
        ("1,2,a\n", "at least two classes"),
    ],
)
def test_bad_csv_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=rf"(?s)data\.csv.*{message}"):
        load(write(tmp_path, text))


def test_undecodable_text(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes("1,2,ä\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"is not UTF-8 text .byte 0xe4.*Save it as UTF-8"):
        load(tmp_path / "data.csv")


def test_an_unknown_label_column(tmp_path: Path) -> None:
    path = write(tmp_path, IRIS)
    with pytest.raises(ArgumentError, match=r"no column 'speces' .did you mean 'species'"):
        load(path, label_column="speces")
    with pytest.raises(ArgumentError, match=r"3 columns, .* from 0 to 2 .*but is 3"):
        load(path, label_column=3)
    with pytest.raises(ArgumentError, match="it has no header line"):
        load(write(tmp_path, "1,2,a\n2,3,b\n"), label_column="species")


# --- labels ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "classes", "numbers"),
    [
        (["10", "9", "10"], ("9", "10"), [1, 0, 1]),
        (["1.0", "-2", "01"], ("-2", "1"), [1, 0, 1]),
        (["b", "10", "9"], ("10", "9", "b"), [2, 0, 1]),
        ([3.0, -1.0], ("-1", "3"), [1, 0]),
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
        ([1j, 2j], "integers or text, got the type complex128"),
    ],
)
def test_bad_labels(labels: list, message: str) -> None:
    with pytest.raises(DataError, match=message):
        number_labels(np.array(labels), "y", "row {}".format)


# --- NumPy's files ---------------------------------------------------------


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
        ({"X": X, "y": y + 0.5}, r"label 0 \(from 0\): expected a class, got 0.5"),
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


# --- the split, and the way in ---------------------------------------------


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


def test_another_seed_is_another_split(tmp_path: Path) -> None:
    path = savez(tmp_path, X=np.arange(100.0)[:, None], y=np.arange(100) % 2)
    assert load(path)[1].X.ravel().tolist() != load(path, seed=1)[1].X.ravel().tolist()
    # Pinned: the same rows on every machine and in every version.
    assert load(path)[1].X.ravel()[:5].tolist() == [6, 7, 15, 18, 40]


@pytest.mark.parametrize("fraction", [0, 1, -0.5, float("nan")])
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


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot read"):
        read_csv(tmp_path)
