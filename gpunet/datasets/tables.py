"""A user's own data: a CSV, .npz or .npy file, or a folder of IDX files."""

import os
from pathlib import Path

from gpunet.datasets.csv_file import read_csv
from gpunet.datasets.dataset import Dataset
from gpunet.datasets.idx_folder import read_idx_folder
from gpunet.datasets.numpy_files import read_npy, read_npz
from gpunet.datasets.parts import Part, build_datasets
from gpunet.errors import ArgumentError, did_you_mean

CSV_SUFFIXES = (".csv", ".tsv", ".txt")
SUFFIXES = (*CSV_SUFFIXES, ".npz", ".npy")


def load_path(
    path: str | os.PathLike[str],
    label_column: str | int | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
    task: str = "auto",
    header: bool | None = None,
    split_rows: int | None = None,
) -> tuple[Dataset, Dataset]:
    """Load a file or folder of the user's as (train, test).

    Args:
        path: .csv/.tsv/.txt (see csv_file), .npz or .npy (see numpy_files), or a
            folder with the four IDX files of a data set like MNIST.
        label_column: The name or number of the label column of a table.
        test_fraction: The share of the rows held out where the data have no test
            part of their own.
        seed: Which rows those are.
        task: "auto" refuses labels that look like the target of a regression (see
            task.refuse_regression), "classification" does not.
        header: Whether the first row of a CSV is a header; None to find out (see csv_file).
        split_rows: Where the data have no test part: divide so many rows only, as they were
            before others were added behind them; those are all test rows.

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
    test: Part | None = None
    if path.is_dir():
        train, test = read_idx_folder(path)
        task = "classification"  # what a file of labels beside one of images is for
    elif suffix == ".npz":
        train, test = read_npz(path)
    elif suffix == ".npy":
        train = read_npy(path, label_column)
    elif suffix in CSV_SUFFIXES:
        train = read_csv(path, label_column, header)
    else:
        raise ArgumentError(
            f"{path}: expected a file that ends in {', '.join(SUFFIXES)}"
            f"{did_you_mean(suffix, SUFFIXES)}, or a folder of IDX files; rename or convert it"
        )
    return build_datasets(path.name, train, test, test_fraction, seed, task, split_rows)
