"""Loading what --dataset names, with a bar where it has to be downloaded."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from gpunet import datasets
from gpunet.cli.options import Name
from gpunet.datasets import Dataset
from gpunet.datasets.download import Report
from gpunet.datasets.parts import held_out
from gpunet.datasets.preparation import Preparation
from gpunet.errors import ArgumentError

DEFAULT_TEST_FRACTION = 0.2
HEADER = {"auto": None, "yes": True, "no": False}

header_option = click.option(
    "--header",
    type=Name(list(HEADER)),
    help="Whether the first line of a CSV file is a header.  [default: auto, which asks where it "
    "may be either]",
)


def load_data(
    name: str,
    options: dict[str, Any],
    quiet: bool,
    split_rows: int | None = None,
    preparation: Preparation | None = None,
) -> tuple[Dataset, Dataset]:
    """Return (train, test) for the options of ``data_options``, --header, --seed and --task.

    ``preparation`` is that of a network to be evaluated.
    """
    with download_bar(quiet) as report:
        return datasets.load(
            name,
            data_dir=options["data_dir"],
            label_column=options["label_column"],
            test_fraction=options["test_fraction"] or DEFAULT_TEST_FRACTION,
            seed=options["seed"],
            task=options["task"],
            header=HEADER[options["header"] or "auto"],
            split_rows=split_rows,
            drop=options["drop"] or (),
            preparation=preparation,
            report=report,
        )


def check_fraction(
    fraction: float | None, training: Dataset, test: Dataset, split_rows: int | None = None
) -> None:
    """Refuse a --test-fraction that was passed over, since the data have a test part.

    ``split_rows`` is as in ``load_data``: the rows behind them are all test rows.
    """
    n = len(training) + len(test)
    divided = n if split_rows is None else min(split_rows, n)
    if fraction is not None and len(test) != held_out(divided, fraction) + n - divided:
        raise ArgumentError(
            f"--test-fraction is for data without a test part, but {training.name} has one, "
            f"{len(test)} of {n} rows; leave it out"
        )


@contextmanager
def download_bar(quiet: bool) -> Iterator[Report | None]:
    """Provide a report function that draws a bar a file, from the first bytes on."""
    if quiet:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=Console(file=sys.stderr),
    )
    tasks: dict[str, Any] = {}

    def report(name: str, done: int, total: int | None) -> None:
        if name not in tasks:
            bar.start()
            tasks[name] = bar.add_task(name, total=total)
        bar.update(tasks[name], completed=done, total=total)

    try:
        yield report
    finally:
        if tasks:
            bar.stop()
