"""A file read a few rows at a time is the same as the one that was learnt from."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpunet.datasets import load
from gpunet.datasets.csv_stream import stream_csv
from gpunet.datasets.preparation import Column, Preparation
from gpunet.errors import DataError, FileError

CELLS = st.tuples(
    st.sampled_from(["1", "-2.5", "3e2", "", "NA"]),
    st.sampled_from(["red", "blue", "True", "true", "", "?"]),
    st.sampled_from(["x", "y"]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CELLS, min_size=12, max_size=40), st.permutations(range(3)), st.integers(1, 9))
def test_the_same_rows_as_in_training(
    tmp_path: Path, cells: list[tuple[str, ...]], order: list[int], piece: int
) -> None:
    # Enough of each kind that the file can be learnt from.
    rows = [("1", "red", "x"), ("2", "red", "y"), ("3", "blue", "x"), ("4", "", "y"), *cells]
    path = tmp_path / "data.csv"
    path.write_text("\n".join(",".join(row) for row in [("a", "colour", "label"), *rows]))
    train, test = load(path)
    known = train.preparation
    assert known is not None
    wanted = np.vstack([train.X, test.X])
    path.write_text("\n".join(
        ",".join(row[i] for i in order) for row in [("a", "colour", "label"), *rows]
    ))  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gpunet.datasets.csv_columns.ROWS", piece)
        pieces = list(stream_csv(path, known))
    assert {len(rows) for rows in pieces[:-1]} <= {piece}
    found = np.vstack(pieces)

    def by_value(X: np.ndarray) -> list[list[float]]:
        return sorted(np.nan_to_num(X, nan=-9.0).tolist())

    assert by_value(found) == by_value(wanted)
    in_order = load(path, preparation=known, test_fraction=0.5)
    assert by_value(np.vstack([part.X for part in in_order])) == by_value(wanted)


NAMED = Preparation((Column("a", 0), Column("b", 1, categories=("u", "v"))), 3, "y", 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,u\ntwo,v\n", r"line 3, column 1 \(a\): expected a finite number, got 'two'"),
        ("a,b\n1,u\n1_0,v\n", "got '1_0'"),
        ("b,a\nu,-inf\n", r"line 2, column 2 \(a\): .*got '-inf'"),
        ("a,b\n1,u\n2\n", "line 3: expected 2 cells"),
        ("1\n2\n", "1 columns; the network has learnt from 2 or, with the label, 3"),
        ("", "is empty"),
    ],
)
def test_bad_rows(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "rows.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        list(stream_csv(tmp_path / "rows.csv", NAMED))


def test_headers(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"

    def rows(text: str, header: bool | None = None) -> list:
        path.write_text(text)
        return np.vstack(list(stream_csv(path, NAMED, header))).tolist()

    assert rows("b,more,a\nv,9,1\n") == [[1, 1]]
    assert rows("1,v\n2,u\n") == [[1, 1], [2, 0]]
    assert rows("1,v,label\n2,u,label\n") == [[1, 1], [2, 0]]
    with pytest.raises(DataError, match="no column 'a', 'b'"):
        rows("1,v\n2,u\n", header=True)
    with pytest.raises(FileError, match="cannot read"):
        list(stream_csv(tmp_path, NAMED))
