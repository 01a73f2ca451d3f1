"""DataFrames are tables: read like the CSV file with the same content."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpunet.datasets import Dataset, load
from gpunet.datasets.frames import read_frame
from gpunet.errors import ArgumentError, DataError

COLUMNS: dict[str, list] = {
    "age": [31, 45, None, 27, 60, 38],
    "income": [1.5, 2.25, 3.0, None, 1.0, 0.5],
    "city": ["Rome", "Oslo", "Rome", None, "Lima", "Oslo"],
    "smoker": [True, False, True, True, False, False],
    "label": ["yes", "no", "yes", "no", "no", "yes"],
}


def frame(kind: str) -> Any:
    if kind == "pandas":
        return pytest.importorskip("pandas").DataFrame(COLUMNS)
    if kind == "pandas nullable":
        return pytest.importorskip("pandas").DataFrame(COLUMNS).convert_dtypes()
    if kind == "polars":
        return pytest.importorskip("polars").DataFrame(COLUMNS)
    return pytest.importorskip("pyarrow").table(COLUMNS)


KINDS = ["pandas", "pandas nullable", "polars", "pyarrow"]


def csv(folder: Path) -> Path:
    rows = zip(*COLUMNS.values(), strict=True)
    lines = [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
    (folder / "data.csv").write_text("\n".join([",".join(COLUMNS), *lines]))
    return folder / "data.csv"


def same(a: Dataset, b: Dataset) -> bool:
    np.testing.assert_array_equal(a.X, b.X)
    np.testing.assert_array_equal(a.y, b.y)
    return (a.classes, a.preparation) == (b.classes, b.preparation)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", ["label", "income"])
def test_the_same_as_the_csv_file(tmp_path: Path, kind: str, target: str) -> None:
    if target == "income":  # the value to learn has to be there
        tables = load(csv(tmp_path), drop=["income"]), load(frame(kind), drop=["income"])
    else:
        tables = load(csv(tmp_path), target=target), load(frame(kind), target=target)
    for from_file, from_frame in zip(*tables, strict=True):
        assert same(from_file, from_frame)


@pytest.mark.parametrize("ending", ["parquet", "pq"])
def test_parquet_is_read_like_the_table_in_it(tmp_path: Path, ending: str) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / f"data.{ending}"
    parquet.write_table(frame("pyarrow"), path)
    for a, b in zip(load(path), load(csv(tmp_path)), strict=True):
        assert same(a, b)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError, match=r"cannot read .*data\.\w+ as Parquet"):
        load(path)


def test_columns_that_no_network_can_learn_from() -> None:
    pandas = pytest.importorskip("pandas")
    label = ["x", "y"]
    bad: dict[str, tuple[list, str]] = {
        "dates": (list(pandas.to_datetime(["2024-01-01", "2024-01-02"])), "dates or times"),
        "objects": ([{}, []], "holds objects"),
        "infinite": ([1.0, np.inf], r"row 1 .from 0., column 'a': .*finite number, got inf"),
        "text dates": (["2024-01-01", "2024-01-02"], "looks like a date"),
    }
    for values, message in bad.values():
        with pytest.raises(DataError, match=message):
            load(pandas.DataFrame({"a": values, "label": label}))
    with pytest.raises(ArgumentError, match="is empty"):
        read_frame(pandas.DataFrame({"a": [], "label": []}))


def test_a_column_of_numbers_for_categories_and_the_other_way() -> None:
    """pandas reads the words 1, 2 as numbers where no other word is beside them."""
    pandas = pytest.importorskip("pandas")
    codes = ["1", "A", "2", "A", "1", "B"] * 4
    train, _ = load(pandas.DataFrame({"code": codes, "label": ["x", "y"] * 12}))
    known = train.preparation
    assert known is not None
    part = read_frame(pandas.DataFrame({"code": [2.0, np.nan, 1.0], "label": ["x", "y", "x"]}))
    features = known.apply(known.stored(part.X, part.columns, "t"))
    assert known.columns[0].categories == ("1", "2", "A", "B")
    assert features.tolist() == [[0, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    numbers = load(pandas.DataFrame({"code": [1, 2] * 4, "label": ["x", "y"] * 4}))[0].preparation
    part = read_frame(pandas.DataFrame({"code": codes, "label": codes}))
    assert numbers is not None
    with pytest.raises(DataError, match=r"'code' holds words such as '1'.*learnt from numbers"):
        numbers.stored(part.X, part.columns, "t")
