"""A user's own data: a CSV, .npz or .npy file, or a folder of IDX files."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gpunet.datasets.csv_file import read_csv
from gpunet.datasets.dataset import Dataset
from gpunet.datasets.frames import read_frame
from gpunet.datasets.idx_folder import read_idx_folder
from gpunet.datasets.numpy_files import read_npy, read_npz
from gpunet.datasets.parquet import PARQUET_SUFFIXES, read_parquet
from gpunet.datasets.parts import Part, build_datasets, whole_dataset
from gpunet.datasets.preparation import Preparation
from gpunet.errors import ArgumentError, did_you_mean

CSV_SUFFIXES = (".csv", ".tsv", ".txt")
SUFFIXES = (*CSV_SUFFIXES, ".npz", ".npy", *PARQUET_SUFFIXES)


def load_frame(
    frame: Any,
    label_column: str | int | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
    task: str = "auto",
    drop: Sequence[str | int] = (),
    preparation: Preparation | None = None,
) -> tuple[Dataset, Dataset]:
    """Load a DataFrame as (train, test); the arguments are those of ``load_path``."""
    part = read_frame(frame, label_column, drop)
    return build_datasets(
        *("table", part, None, test_fraction, seed, task), preparation=preparation
    )


def frame_dataset(frame: Any, labels: Any, classes: bool) -> Dataset:
    """Return a whole DataFrame as a data set to learn from, without a test part.

    Args:
        frame: The features; without ``labels`` also the column of those, as in ``load_path``.
        labels: (n,) labels or values.
        classes: Whether they are classes, or the values of a regression.
    """
    part = read_frame(frame, labels=labels)
    return whole_dataset("table", part, "classification" if classes else "regression")


def load_path(
    path: str | os.PathLike[str],
    label_column: str | int | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
    task: str = "auto",
    header: bool | None = None,
    split_rows: int | None = None,
    drop: Sequence[str | int] = (),
    preparation: Preparation | None = None,
) -> tuple[Dataset, Dataset]:
    """Load a file or folder of the user's as (train, test).

    Args:
        path: .csv/.tsv/.txt (see csv_file), .parquet, .npz or .npy (see numpy_files), or a
            folder with the four IDX files of a data set like MNIST.
        label_column: The name or number of the label column of a table.
        test_fraction: The share of the rows held out where the data have no test
            part of their own.
        seed: Which rows those are.
        task: "classification" or "regression"; "auto" takes numbers with fractions for the
            target of a regression, and refuses whole ones that look like it (see
            task.refuse_regression).
        header: Whether the first row of a CSV is a header; None to find out (see csv_file).
        split_rows: Where the data have no test part: divide so many rows only, as they were
            before others were added behind them; those are all test rows.
        drop: For a CSV: columns to leave out, by name or number.
        preparation: Of a network that has learnt from such a table: its columns are found by
            that. By default one is learnt from the training rows.

    Text and integer labels become class numbers. uint8 features are taken for
    pixels: they get the scale 1/255. Raises DataError, FileError, ArgumentError.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if label_column is not None and (path.is_dir() or suffix == ".npz"):
        raise ArgumentError(
            f"label_column is for tables (.csv, .npy), but {path} has its labels apart; "
            "leave it out"
        )
    if header is not None and (path.is_dir() or suffix not in CSV_SUFFIXES):
        raise ArgumentError(f"header is for CSV files, and {path} is none; leave it out")
    named = suffix in (*CSV_SUFFIXES, *PARQUET_SUFFIXES) and not path.is_dir()
    if drop and not named:
        raise ArgumentError(f"drop is for CSV and Parquet files, and {path} is none; leave it out")
    if task == "regression" and path.is_dir():
        raise ArgumentError(f"{path} holds IDX files, whose labels are classes; leave out the task")
    test: Part | None = None
    if path.is_dir():
        train, test = read_idx_folder(path)
        task = "classification"  # what a file of labels beside one of images is for
    elif suffix == ".npz":
        train, test = read_npz(path)
    elif suffix == ".npy":
        train = read_npy(path, label_column)
    elif suffix in PARQUET_SUFFIXES:
        train = read_frame(read_parquet(path), label_column, drop, called=path.name)
    elif suffix in CSV_SUFFIXES:
        train = read_csv(path, label_column, header, drop)
    else:
        raise ArgumentError(
            f"{path}: expected a file that ends in {', '.join(SUFFIXES)}"
            f"{did_you_mean(suffix, SUFFIXES)}, or a folder of IDX files; rename or convert it"
        )
    return build_datasets(
        *(path.name, train, test, test_fraction, seed, task, split_rows, preparation)
    )
