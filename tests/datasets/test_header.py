"""A first row of numbers is taken for what it is, or asked about; never silently for an example."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gpunet.datasets import load
from gpunet.datasets.csv_file import read_csv
from gpunet.errors import ArgumentError, DataError

# Measured features, and classes as numbers and as text.
FLOATS = [[round(a, 2), round(b, 2)] for a, b in np.random.default_rng(0).normal(size=(30, 2)) + 5]
DIGITS = [[20 + i * i % 17, i * 5 % 13] for i in range(30)]
ASKED = r"data\.csv, line 1 may be a header or an example: .*--header yes"


def write(folder: Path, header: str, X: list, names: list) -> Path:
    rows = [f"{a},{b},{names[i % len(names)]}" for i, (a, b) in enumerate(X)]
    (folder / "data.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder / "data.csv"


def outcome(path: Path, **options: object) -> str:
    """Say what the first row is taken for."""
    try:
        part = read_csv(path, **options)
    except DataError as error:
        return "asked" if re.search(ASKED, str(error)) else str(error)
    lines = path.read_text().count("\n")
    return {lines - 1: "header", lines: "example"}[len(part.X)]


@pytest.mark.parametrize(
    ("header", "names", "expected"),
    [
        ("1990,1991,target", [0, 1], "header"),  # text above numbers
        ("1990,1991,flower", [0, 1], "header"),
        ("1990,1991,Target", ["rose", "tulip"], "header"),  # a usual name
        ("target,1990,1991", ["rose", "tulip"], "header"),
        ("1990,width,class", ["rose", "tulip"], "header"),
        ("0,1,y", ["rose", "tulip"], "header"),  # pandas, with a name for the label
        ("0,1,2", ["rose", "tulip"], "header"),  # pandas, without
        ("0,1,2", [5, 6], "header"),
        ("0,1,2", [1, 2], "asked"),  # so the label might be a class
        ("1,2,3", [2, 3], "asked"),
        ("4,6,8", [8, 13], "asked"),  # equal steps
        ("2019,2020,2021", [0, 1], "asked"),  # a label of its own
        ("400,410,420", [410, 420], "asked"),
        ("7,3,flower", ["rose", "tulip"], "asked"),
        ("7,3,y", ["y", "n"], "example"),
        ("0,1,rose", ["rose", "tulip"], "example"),
        ("0.5,1.5,rose", ["rose", "tulip"], "example"),
    ],
)
@pytest.mark.parametrize("X", [FLOATS, DIGITS], ids=["floats", "integers"])
def test_a_first_row_of_numbers(
    tmp_path: Path, header: str, names: list, expected: str, X: list
) -> None:
    path = write(tmp_path, header, X, names)
    if X is FLOATS and expected == "example" and "." not in header:
        assert outcome(path) in ("example", "asked")
    else:
        assert outcome(path) == expected
        if expected == "asked":
            assert outcome(path, header=True) == "header"
            assert outcome(path, header=False) == "example"


def test_whole_numbers_above_fractions_are_asked_about(tmp_path: Path) -> None:
    assert outcome(write(tmp_path, "7,3,1", FLOATS, [1, 2])) == "asked"
    assert outcome(write(tmp_path, "7,3,1", DIGITS, [1, 2])) == "example"


@given(st.integers(2, 6), st.integers(0, 3000), st.integers(1, 10), st.integers(0, 100))
def test_no_header_of_years_becomes_an_example(
    tmp_path_factory: pytest.TempPathFactory, features: int, first: int, step: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    header = np.arange(features + 1) * step + first
    rows = np.column_stack([random.integers(0, 50, (40, features)), np.arange(40) % 2])
    path = tmp_path_factory.mktemp("years") / "data.csv"
    np.savetxt(path, np.vstack([header, rows]), fmt="%d", delimiter=",")
    assert outcome(path) in ("header", "asked")


@given(st.integers(0, 10_000))
def test_examples_without_a_header_are_all_read(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """Rows drawn alike, the first among them: whole numbers, of 3 classes."""
    random = np.random.default_rng(seed)
    rows = np.column_stack([random.integers(0, 5, (60, 3)), random.integers(0, 3, 60)])
    # What is asked about, once in a hundred draws.
    assume(len(set(np.diff(rows[0]))) > 1 and rows[0, 3] in rows[1:, 3])
    path = tmp_path_factory.mktemp("rows") / "data.csv"
    np.savetxt(path, rows, fmt="%d", delimiter=",")
    assert outcome(path) == "example"


def test_a_regression_without_a_header_is_not_asked_about_it(tmp_path: Path) -> None:
    """Where many labels occur once, that the first does says nothing."""
    names = [k * k % 101 + 1000 for k in range(60)]
    rows = [f"{k % 7},{k * k % 5},{name}" for k, name in enumerate(names)]
    (tmp_path / "data.csv").write_text("3,1,999\n" + "\n".join(rows))
    with pytest.raises(DataError, match="looks like the target of a regression"):
        load(tmp_path / "data.csv")


@pytest.mark.parametrize("header", ["0,1", "1,2", "0,1,2", "1,2,3"])
def test_columns_numbered_from_0_or_1_are_asked_about(tmp_path: Path, header: str) -> None:
    """Even where the last number is a class, and some other row counts up too."""
    rows = [[*["5", "9"][: header.count(",")], str(i % 4)] for i in range(30)]
    rows[7] = header.split(",")
    (tmp_path / "data.csv").write_text("\n".join([header, *map(",".join, rows)]) + "\n")
    assert outcome(tmp_path / "data.csv") == "asked"


@pytest.mark.parametrize("first", [0, 1])
def test_a_table_that_counts_throughout_is_examples(tmp_path: Path, first: int) -> None:
    np.savetxt(tmp_path / "data.csv", np.arange(12).reshape(4, 3) + first, "%d", ",")
    assert outcome(tmp_path / "data.csv") == "example"


def test_what_the_user_says_holds(tmp_path: Path) -> None:
    path = write(tmp_path, "2019,2020,2021", DIGITS, [0, 1])
    assert outcome(path, header=True, label_column="2020") == "header"
    assert outcome(path, label_column="2021") == "header"  # no number of a column, so a name
    with pytest.raises(DataError, match="line 1, column 1: expected a finite number, got 'a'"):
        read_csv(write(tmp_path, "a,b,label", DIGITS, [0, 1]), header=False)
    with pytest.raises(DataError, match="If that line is a header, say --header yes"):
        read_csv(write(tmp_path, "1990,width,flower", DIGITS, [0, 1]))
    np.save(tmp_path / "data.npy", DIGITS)
    for name in (tmp_path / "data.npy", tmp_path, "moons"):
        with pytest.raises(ArgumentError, match="header is for"):
            load(name, header=True)


def test_a_name_that_is_another_column_s_number(tmp_path: Path) -> None:
    path = write(tmp_path, "1,2,0", DIGITS, [0, 1])
    with pytest.raises(ArgumentError, match=r"'2' is the name of column 1 .* -2 or -1"):
        read_csv(path, "2", header=True)
    assert read_csv(path, "-1", header=True).labels[:2].tolist() == ["0", "1"]
    assert read_csv(path, 2, header=True).labels[:2].tolist() == ["0", "1"]
    assert read_csv(path, "2", header=False).labels[:2].tolist() == ["0", "0"]


@pytest.mark.parametrize("label_column", ["size", None])
def test_two_columns_of_one_name(tmp_path: Path, label_column: str | None) -> None:
    header = "size,size,label" if label_column else "Label,width,label"
    path = write(tmp_path, header, DIGITS, [0, 1])
    with pytest.raises(ArgumentError, match=r"2 columns called '(size|label)'; give the number"):
        read_csv(path, label_column)
    assert len(read_csv(path, "2").X) == 30


@pytest.mark.parametrize("header", [",b,label", "Unnamed: 0,b,label"])
def test_the_index_that_pandas_writes_is_no_feature(tmp_path: Path, header: str) -> None:
    path = write(tmp_path, header, [[i, i * 5 % 7] for i in range(30)], [0, 1])
    with pytest.raises(DataError, match=r"column 1 has no name and counts the rows.*index=False"):
        read_csv(path)
    assert len(read_csv(write(tmp_path, header, DIGITS, [0, 1])).X) == 30
