"""Data sets by name, and everything else by its path."""

import os
from collections.abc import Callable, Sequence
from typing import Any

from gpunet.datasets import toy
from gpunet.datasets.dataset import Dataset
from gpunet.datasets.download import Report
from gpunet.datasets.frames import is_frame
from gpunet.datasets.mnist import load_mnist
from gpunet.datasets.mnist58 import load_mnist58
from gpunet.datasets.preparation import Preparation
from gpunet.datasets.tables import load_frame, load_path
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
    name_or_path: Any,
    *,
    target: str | int | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    label_column: str | int | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
    task: str = "auto",
    header: bool | None = None,
    split_rows: int | None = None,
    drop: Sequence[str | int] = (),
    preparation: Preparation | None = None,
    report: Report | None = None,
) -> tuple[Dataset, Dataset]:
    """Load a data set as (train, test).

    Args:
        name_or_path: One of ``names()``, or the path of a .csv, .npz or .npy file
            or of a folder with IDX files. Where a file is called like a data
            set, write ``./mnist``. Or a DataFrame (pandas, polars) or pyarrow table.
        target: The same as label_column.
        data_dir: The folder with the four files of "mnist"; the others don't need it.
        label_column: For a table: the name or number of its label column.
        test_fraction: For data without a test part: the share of rows held out.
        seed: For data without a test part: which rows those are.
        task: "classification" or "regression"; "auto" takes numbers with fractions for the
            target of a regression, and refuses whole ones that look like it (see
            ``refuse_regression``).
        header: For a CSV: whether its first row is one; by default that is found out, and
            refused where it cannot be.
        split_rows: For data without a test part, to which rows were added since a model
            was trained on it: how many there were. They are divided as they were then,
            and those behind them are test rows.
        drop: For a CSV: columns to leave out, by name or number.
        preparation: That of a network (``net.preparation``), to find the columns of a table
            that it has learnt from; by default a new one is learnt from the training rows.
        report: Where "mnist" has to be downloaded: see ``fetch_mnist``.

    Raises ArgumentError for an unknown name, DataError for bad data, FileError
    for what cannot be read or fetched.
    """
    check_task(task)
    if target is not None:
        label_column = target
    if is_frame(name_or_path):
        return load_frame(
            *(name_or_path, label_column, test_fraction, seed, task, drop, preparation)
        )
    if isinstance(name_or_path, str) and name_or_path in _LOADERS:
        own = {"label_column": label_column, "header": header, "drop": drop or None}
        if option := next((name for name, value in own.items() if value is not None), None):
            raise ArgumentError(
                f"{option} is for tables of your own, but {name_or_path!r} has its labels "
                "already; leave it out"
            )
        if task == "regression":
            raise ArgumentError(f"{name_or_path!r} has classes; leave out the task")
        if name_or_path == "mnist":
            return load_mnist(data_dir, report)
        return _LOADERS[name_or_path]()
    if os.path.exists(name_or_path):
        return load_path(
            *(name_or_path, label_column, test_fraction, seed, task, header, split_rows, drop),
            preparation,
        )
    raise ArgumentError(
        f"unknown data set {os.fspath(name_or_path)!r}{did_you_mean(str(name_or_path), _LOADERS)}; "
        f"expected one of {', '.join(_LOADERS)}, or the path of an existing .csv, .npz or .npy "
        "file or of a folder with IDX files"
    )
