"""The figures of each class, printed; of many classes, those of the worst."""

from __future__ import annotations

import click
import numpy as np

from gpunet.nn.class_report import ClassReport

MOST_CLASSES = 20


def show_per_class(report: ClassReport) -> None:
    """Print precision, recall and F1 of each class, or of the classes with the lowest F1."""
    order = np.arange(len(report.classes))
    if len(order) > MOST_CLASSES:
        order = np.argsort(report.f1, kind="stable")[:MOST_CLASSES]  # NaN last
        click.echo(f"the {MOST_CLASSES} of {len(report.classes):,} classes with the lowest F1:")
    for line in report.lines(order):
        click.echo(line)
