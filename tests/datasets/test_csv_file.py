"""CSV tables: read as meant, or refused with line and column."""

from pathlib import Path

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
