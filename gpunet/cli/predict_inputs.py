"""What ``gpunet predict`` is given, file by file and piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpunet.cli.pictures import read_inputs
from gpunet.cli.pixels import as_examples
from gpunet.datasets import Dataset
from gpunet.datasets.columns import label_position
from gpunet.datasets.csv_stream import stream_csv
from gpunet.datasets.frames import stored_columns
from gpunet.datasets.numpy_files import read_npz_features
from gpunet.datasets.parquet import PARQUET_SUFFIXES, parquet_pieces
from gpunet.datasets.preparation import Column, Preparation
from gpunet.datasets.tables import CSV_SUFFIXES
from gpunet.errors import ArgumentError, DataError, FileError
from gpunet.nn.network import Network


@dataclass(frozen=True)
class Piece:
    """Some rows of a file.

    Attributes:
        name: The file, as it was given.
        start: The number of the first row, from 0.
        data: The rows as examples, without classes.
    """

    name: str
    start: int
    data: Dataset


def pieces(
    paths: tuple[str, ...],
    network: Network,
    header: bool | None = None,
    invert: bool | None = None,
    limit: int | None = None,
) -> Iterator[Piece]:
    """Yield the rows of each file, at most ``limit`` of each.

    Raises:
        FileError, DataError: A file cannot be read, or does not fit the network.
        ArgumentError: --invert or --header for what it does not mean anything for.
    """
    for path in paths:
        start = 0
        try:
            for data in _read(path, network, header, invert):
                some = data if limit is None else data.part(slice(0, limit - start))
                yield Piece(path, start, some)
                start += len(some)
                if start == limit:
                    break
        except DataError as error:
            if path in str(error):
                raise
            raise DataError(f"{path}: {error}") from error
        if not start:
            raise DataError(f"{path} has no rows; expected at least one to predict from")


def _read(
    name: str, network: Network, header: bool | None, invert: bool | None
) -> Iterator[Dataset]:
    path, suffix = Path(name), Path(name).suffix.lower()
    if header is not None and suffix not in CSV_SUFFIXES:
        raise ArgumentError(f"--header is for CSV files, and {path} is none; leave it out")
    if suffix in (*CSV_SUFFIXES, *PARQUET_SUFFIXES):
        if invert is not None:
            raise ArgumentError(f"--invert is for pictures, and {path} is a table; leave it out")
        return (_stored(X, network) for X in _table(path, network, header))
    known = network.input_format
    if suffix == ".npz":
        arrays = iter([(read_npz_features(path), bool(invert))])
    else:
        read = read_inputs((name,), known, invert)
        arrays = ((_without_label(X, path, network), inverted) for _, X, inverted in read)
    if network.preparation is not None and network.preparation.columns:
        return (_stored(np.asarray(X, np.float64), network) for X, _ in arrays)
    return (as_examples(X, known.scale, inverted) for X, inverted in arrays)


def _table(path: Path, network: Network, header: bool | None) -> Iterator[NDArray]:
    """Yield the rows of a CSV or Parquet file as a Dataset stores them."""
    if not path.is_file():
        raise FileError(f"there is no file {path}; expected a table of rows to predict from")
    preparation = _columns_of(network)
    if path.suffix.lower() in CSV_SUFFIXES:
        yield from stream_csv(path, preparation, header)
        return
    for batch in parquet_pieces(path, preparation.names):
        X, columns = stored_columns(batch, preparation.names)
        yield preparation.stored(X, columns, path.name)


def _without_label(X: NDArray, path: Path, network: Network) -> NDArray:
    """Return the features of an .npy table like the one that was learnt from."""
    learnt_from = Path(network.input_format.source.get("dataset") or "")
    tables = path.suffix.lower() == learnt_from.suffix.lower() == ".npy"
    if not tables or X.shape[1] != network.architecture.sizes[0] + 1:
        return X
    return X[:, _columns_of(network).positions((), X.shape[1], str(path))]


def _stored(X: NDArray, network: Network) -> Dataset:
    """Return rows, as a Dataset stores them, as examples without classes."""
    scale = network.input_format.scale
    if scale != 1.0 and (X % 1 == 0).all():  # a table of pixels
        return as_examples(X.astype(np.int64), scale, invert=False)
    return Dataset(X, np.zeros(len(X), np.int64), preparation=network.preparation)


def _columns_of(network: Network) -> Preparation:
    """Return the columns of a table, also for a network that takes numbers as they are."""
    known = network.preparation
    if known is not None and known.columns:
        return known
    source, features = network.input_format.source, network.architecture.sizes[0]
    # Of a table of numbers by an earlier version it is known at least where its labels were.
    width, wanted = features + 1, source.get("label_column")
    numbered = wanted is None or str(wanted).lstrip("-").isdecimal()
    label = label_position("the table", width, wanted if numbered else None)
    columns = [Column("", i) for i in range(width) if i != label]
    return Preparation(tuple(columns), width, "", label)
