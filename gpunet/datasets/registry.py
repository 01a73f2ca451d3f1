"""Data sets by name, and everything else by its path."""

import os
from collections.abc import Callable

from gpunet.datasets import toy
from gpunet.datasets.dataset import Dataset
from gpunet.datasets.download import Report
from gpunet.datasets.mnist import load_mnist
from gpunet.datasets.mnist58 import load_mnist58
from gpunet.datasets.tables import load_path
from gpunet.datasets.task import check_task
from gpunet.errors import ArgumentError, did_you_mean

_LOADERS: dict[str, Callable[[], tuple[Dataset, Dataset]]] = {
    "mnist58": load_mnist58,
    "mnist": load_mnist,
    "moons": toy.moons,
    "blobs": toy.blobs,
    "xor": toy.xor,
    "steps": toy.steps,
    "debug": toy.debug,
    "by-hand": toy.by_hand,
}


def names() -> tuple[str, ...]:
    """Return the names that ``load`` knows."""
    return tuple(_LOADERS)


def load(
    name_or_path: str | os.PathLike[str],
    *,
    data_dir: str | os.PathLike[str] | None = None,
    label_column: str | int | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
    task: str = "auto",
    header: bool | None = None,
    split_rows: int | None = None,
    report: Report | None = None,
) -> tuple[Dataset, Dataset]:
    """Load a data set as (train, test).

    Args:
        name_or_path: One of ``names()``, or the path of a .csv, .npz or .npy file
            or of a folder with IDX files. Where a file is called like a data
            set, write ``./mnist``.
        data_dir: The folder with the four files of "mnist"; the others don't need it.
        label_column: For a table: the name or number of its label column.
        test_fraction: For data without a test part: the share of rows held out.
        seed: For data without a test part: which rows those are.
        task: "classification" takes any labels for classes; "auto" refuses numbers
            that look like the target of a regression (see ``refuse_regression``).
        header: For a CSV: whether its first row is one; by default that is found out, and
            refused where it cannot be.
        split_rows: For data without a test part, to which rows were added since a model
            was trained on it: how many there were. They are divided as they were then,
            and those behind them are test rows.
        report: Where "mnist" has to be downloaded: see ``fetch_mnist``.

    Raises ArgumentError for an unknown name, DataError for bad data, FileError
    for what cannot be read or fetched.
    """
    check_task(task)
    if isinstance(name_or_path, str) and name_or_path in _LOADERS:
        if label_column is not None or header is not None:
            option = "header" if label_column is None else "label_column"
            raise ArgumentError(
                f"{option} is for tables of your own, but {name_or_path!r} has its labels "
                "already; leave it out"
            )
        if name_or_path == "mnist":
            return load_mnist(data_dir, report)
        return _LOADERS[name_or_path]()
    if os.path.exists(name_or_path):
        return load_path(name_or_path, label_column, test_fraction, seed, task, header, split_rows)
    raise ArgumentError(
        f"unknown data set {os.fspath(name_or_path)!r}{did_you_mean(str(name_or_path), _LOADERS)}; "
        f"expected one of {', '.join(_LOADERS)}, or the path of an existing .csv, .npz or .npy "
        "file or of a folder with IDX files"
    )
