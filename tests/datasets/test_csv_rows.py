"""A quote that isn't closed costs no row in silence."""

from pathlib import Path

import pytest

from gpunet.datasets.csv_file import read_csv
from gpunet.errors import DataError

ROWS = [f"{i},{i % 7}.5,{'rose' if i % 3 else 'tulip'}" for i in range(1000)]


def write(folder: Path, rows: list[str], end: str = "\n") -> Path:
    (folder / "data.csv").write_text(end.join(["a,b,label", *rows]) + end, newline="")
    return folder / "data.csv"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("row", [0, 40, 998, 999])
@pytest.mark.parametrize("cell", [0, 2])
def test_an_open_quote_is_found_in_its_line(tmp_path: Path, end: str, row: int, cell: int) -> None:
    rows = ROWS.copy()
    cells = rows[row].split(",")
    cells[cell] = '"' + cells[cell]
    rows[row] = ",".join(cells)
    with pytest.raises(DataError, match=rf"data\.csv, line {row + 2}: a quote opens and is never"):
        read_csv(write(tmp_path, rows, end))


def test_an_open_quote_without_a_last_line_end(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text('a,b,label\n1,2,rose\n1,2,"tulip')
    with pytest.raises(DataError, match="line 3: a quote opens and is never closed"):
        read_csv(tmp_path / "data.csv")


@pytest.mark.parametrize("first", ['{},"{}', '"{},{}'], ids=["in the label", "in a feature"])
@pytest.mark.parametrize("second", ['{},{}"', '{},"{}', '"{},{}'])
def test_two_open_quotes_do_not_make_one_row(tmp_path: Path, first: str, second: str) -> None:
    """Where each row alone would swallow the others, together they would look like one row."""
    rows = ROWS.copy()
    for row, form in ((40, first), (900, second)):
        rows[row] = form.format(*rows[row].rsplit(",", 1))
    with pytest.raises(DataError, match=r"data\.csv, line 42"):
        read_csv(write(tmp_path, rows))


def test_cells_of_several_lines_are_kept(tmp_path: Path) -> None:
    rows = ['1,2,"rose,\twild"', '3,4,"tulip\r\nof spring"', "5,oops,x"]
    with pytest.raises(DataError, match=r"line 5, column 2 \(b\)"):  # lines still counted right
        read_csv(write(tmp_path, rows))
    part = read_csv(write(tmp_path, rows[:2]))
    assert part.X.tolist() == [[1, 2], [3, 4]]
    assert part.labels.tolist() == ["rose,\twild", "tulip\r\nof spring"]


def test_what_separates_cells_is_told_by_the_first_line_that_is_not_blank(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("\n \n1;2;rose\n3;4;tulip\n")
    assert read_csv(tmp_path / "data.csv").X.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [('"in cm; kg; s; A",b,label', ","), ("a;b,c;label", ";"), ("a\tb\tx,y", "\t")],
)
def test_what_separates_cells_parts_the_line_into_the_most(
    tmp_path: Path, header: str, delimiter: str
) -> None:
    rows = [delimiter.join(cells) for cells in (("1", "2", "rose"), ("3", "4", "tulip"))]
    (tmp_path / "data.csv").write_text("\n".join([header, *rows]) + "\n")
    assert read_csv(tmp_path / "data.csv").X.tolist() == [[1, 2], [3, 4]]
