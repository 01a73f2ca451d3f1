"""Which classes a network takes for which."""

from __future__ import annotations

from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from gpunet.cli.text import full_width, printable
from gpunet.nn.class_report import confusion_matrix

__all__ = ["confusion_matrix", "show"]

MOST_PAIRS = 20
NARROWEST = 4  # columns that a class takes in a table, with its line and the blanks beside it


def show(confusion: NDArray[np.int64], classes: tuple[str, ...]) -> None:
    """Print the matrix; where it is wider than the terminal, the most frequent confusions."""
    from rich.console import Console

    console = Console()
    names = [printable(name) for name in classes]
    if NARROWEST * len(names) <= console.width:
        table = _table(confusion, names)
        if full_width(console, table) <= console.width:
            click.echo("true class (rows), predicted class (columns):")
            console.print(table)
            return
    _list(confusion, names)


def _table(confusion: NDArray[np.int64], names: list[str]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table()
    table.add_column("")
    for name in names:  # as Text, in which [red] is a word
        table.add_column(Text(name), justify="right")
    for name, row in zip(names, confusion, strict=True):
        table.add_row(Text(name), *(f"{count:,}" for count in row))
    return table


def _list(confusion: NDArray[np.int64], names: list[str]) -> None:
    wrong = confusion - np.diag(np.diag(confusion))
    true, predicted = np.nonzero(wrong)
    order = np.argsort(-wrong[true, predicted], kind="stable")
    click.echo(
        "the most frequent confusions, true > predicted class:" if order.size else "no errors"
    )
    for k in order[:MOST_PAIRS]:
        i, j = true[k], predicted[k]
        of = f"{wrong[i, j]:,} of {confusion[i].sum():,}"
        click.echo(f"{of:>15}  {names[i]} > {names[j]}")
    if order.size > MOST_PAIRS:
        click.echo(f"and {order.size - MOST_PAIRS:,} other pairs; --json prints all")
