"""CSV tables: read as meant, or refused with line and column."""

from pathlib import Path

import numpy as np
import pytest

from gpunet.datasets import load
from gpunet.datasets.csv_file import read_csv
from gpunet.errors import ArgumentError, DataError, FileError

IRIS = "width,height,species\n1,2.5,rose\n3,4,tulip\n-5,6e1,rose\n"


def write(folder: Path, text: str, name: str = "data.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder / name


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
        ("1,2,a\n3,-inf,b\n", "line 2, column 2: .* got '-inf'"),
        ("1,2,a\n3,1_0,b\n", "line 2, column 2: .* got '1_0'"),
        ("1,2,a\n3,4,a\n", "at least two classes, but every label is 'a'"),
        ("0,5;a\n1,5;b\n", "line 2, column 1 .* got '1,5'; write it with a decimal point"),
        ("1,5;2;a\n3;4;b\n", "line 1, column 1: .* got '1,5'; write it with a decimal point"),
        ('a,b,label\n"1,000",2,x\n', r"column 1 \(a\): .*'1,000'; write .* between thousands"),
        ("1,2,1\n3,4,\n", "line 2: the label is missing"),
        ('1,2,b\n1,2,"a\n' + "x" * 200_000, "line 2: field larger than .* quote left open"),
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


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot read"):
        read_csv(tmp_path)


def rows(*lines: str) -> str:
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("cell", ["", "nan", "NaN", "NA", "n/a", "null", "None", "?"])
def test_missing_cells(tmp_path: Path, cell: str) -> None:
    part = read_csv(write(tmp_path, rows("a,b,label", f"1,{cell},x", "3,4,y")))
    np.testing.assert_array_equal(part.X, [[1, np.nan], [3, 4]])
    colours = rows("a,b,label", f"1,{cell},x", "3,red,y", "4,blue,y")
    part = read_csv(write(tmp_path, colours))
    assert part.columns[1].categories == ("red", "blue")
    np.testing.assert_array_equal(part.X[:, 1], [np.nan, 0, 1])


def test_words_are_categories_and_truth_has_one_spelling(tmp_path: Path) -> None:
    text = rows("size,ok,label", "S,true,x", "L,False,y", "S,TRUE,x")
    part = read_csv(write(tmp_path, text))
    assert [c.categories for c in part.columns] == [("S", "L"), ("True", "False")]
    assert part.X.tolist() == [[0, 0], [1, 1], [0, 0]]


def test_a_column_that_turns_out_to_hold_words_late_is_read_as_written(tmp_path: Path) -> None:
    """Codes such as 01 are numbers until the first A1; then they are words, and 01 is not 1."""
    codes = ["01", "1", "B2"] + ["A1"] * 2000
    for order in (codes, codes[::-1]):
        text = rows("code,b,label", *(f"{code},1,{'xy'[i % 2]}" for i, code in enumerate(order)))
        part = read_csv(write(tmp_path, text))
        assert set(part.columns[0].categories or ()) == set(codes)
        found = np.array(part.columns[0].categories)[part.X[:, 0].astype(int)]
        assert found.tolist() == order


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            ["2024-01-31", "2024-02-01"],
            r"line 2, column 1 \(when\).*looks like a date.*--drop when",
        ),
        (["31.1.2024", "1.2.2024"], "looks like a date"),
        (["31 Jan 2024", "1 Feb 2024"], "looks like a date"),
        (["12:30", "9:15:01"], "looks like a date or a time"),
        ([f"P{i}" for i in range(30)], "30 different words in 30 rows.*--drop when"),
        ([f"word {i % 1001}" for i in range(4004)], "1,001 different words"),
    ],
)
def test_words_that_are_no_categories(tmp_path: Path, cells: list[str], message: str) -> None:
    text = rows("when,b,label", *(f"{cell},{i},{'xy'[i % 2]}" for i, cell in enumerate(cells)))
    with pytest.raises(DataError, match=message):
        read_csv(write(tmp_path, text))
    part = read_csv(write(tmp_path, text), drop=["when"])
    assert [column.name for column in part.columns] == ["b"]


def test_columns_are_dropped_by_name_and_number(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b,label\n7,1,2\n8,3,4\n")
    for column in ("a", "0", 0, -3):
        assert read_csv(path, drop=[column]).X.tolist() == [[1], [3]]
    with pytest.raises(ArgumentError, match="no column 'c'"):
        read_csv(path, drop=["c"])
    with pytest.raises(DataError, match="drop fewer"):
        read_csv(path, drop=["a", "b"])
    with pytest.raises(DataError, match="drop fewer"):
        read_csv(path, drop=["label"])


def test_a_first_row_of_words_above_words_is_asked_about(tmp_path: Path) -> None:
    words = ["red,small,x", "red,large,y", "blue,small,x", "red,small,y"]
    with pytest.raises(DataError, match="line 1 may be a header or an example"):
        read_csv(write(tmp_path, rows(*words)))
    assert len(read_csv(write(tmp_path, rows(*words)), header=False).X) == 4
    assert len(read_csv(write(tmp_path, rows("colour,size,label", *words))).X) == 4


def test_numbers_with_fractions_are_a_regression_s(tmp_path: Path) -> None:
    path = write(tmp_path, rows("a,price", *(f"{i},{i / 4}" for i in range(8))))
    train, test = load(path)
    assert train.classes == ()
    assert sorted([*train.y, *test.y]) == [i / 4 for i in range(8)]
    with pytest.raises(DataError, match=r"expected a class, got 0\.25"):
        load(path, task="classification")
    path = write(tmp_path, rows("a,price", *(f"{i},{i * i}" for i in range(40))))
    with pytest.raises(DataError, match="--task regression"):
        load(path)
    assert load(path, task="regression", target="price")[0].preparation.target.name == "price"


@pytest.mark.parametrize("cell", ["", "NA", "dear", "1,5", "inf"])
def test_values_of_a_regression_that_are_none(tmp_path: Path, cell: str) -> None:
    path = write(tmp_path, rows("a;price", "1;0.5", f"2;{cell}", "3;2.5"))
    with pytest.raises(DataError, match=r"label column, line 3: expected a finite number"):
        load(path, task="regression")


def test_numbers_with_words_among_them(tmp_path: Path) -> None:
    """A few codes are categories; measurements with a word here and there are to be mended."""
    codes = ["1", "2", "A", "1", "2", "A"]
    part = read_csv(write(tmp_path, rows("a,label", *(f"{code},x" for code in codes))))
    assert part.columns[0].categories == ("1", "2", "A")
    values = [*map(str, range(30)), "unknown", "unknown"]
    with pytest.raises(DataError, match=r"line 32, column 1 \(a\): .* got 'unknown'"):
        read_csv(write(tmp_path, rows("a,label", *(f"{value},x" for value in values))))
