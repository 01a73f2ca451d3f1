"""Parquet files, where pyarrow is installed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gpunet.errors import DataError, MissingExtraError

PARQUET_SUFFIXES = (".parquet", ".pq")
# Rows that are read at a time.
ROWS = 4096


def pyarrow_parquet() -> Any:
    """Return the module pyarrow.parquet; raises MissingExtraError."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError(
            "Parquet files need pyarrow; pip install 'gpunet[parquet]'"
        ) from error
    return pyarrow.parquet


def read_parquet(path: Path) -> Any:
    """Return the whole file as a pyarrow table; raises DataError."""
    module = pyarrow_parquet()
    try:
        return module.read_table(path)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def parquet_pieces(path: Path, wanted: Sequence[str] = ()) -> Iterator[Any]:
    """Yield a few thousand rows at a time, as pyarrow tables; only the ``wanted`` columns, if any.

    Raises DataError.
    """
    module = pyarrow_parquet()
    import pyarrow

    try:
        file = module.ParquetFile(path)
        names = file.schema_arrow.names
        columns = [name for name in names if name in wanted] if wanted else None
        for batch in file.iter_batches(ROWS, columns=columns):
            yield pyarrow.Table.from_batches([batch])
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(f"cannot read {path} as Parquet ({error}); write it again, or as CSV")
