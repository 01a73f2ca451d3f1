"""gpunet predict."""

from __future__ import annotations

from typing import Any

import click
import numpy as np

from gpunet.cli.options import (
    choose_backend,
    device_line,
    device_options,
    model_option,
    output_options,
    print_json,
)
from gpunet.cli.pictures import read_inputs
from gpunet.cli.pixels import as_examples
from gpunet.cli.same_scale import told_scale
from gpunet.cli.text import printable
from gpunet.cli.understood import drawn_in_text, with_pictures
from gpunet.datasets import Dataset
from gpunet.errors import DataError
from gpunet.nn.network import Network, load


@click.command()
@model_option
@click.argument("inputs", nargs=-1, required=True, metavar="FILE...")
@click.option("--limit", type=click.IntRange(1), help="Only the first so many rows of each file.")
@click.option(
    "--invert/--no-invert",
    default=None,
    help="Ink and paper are the other way round than the model learnt them, or the same way.  "
    "[default: found out in pictures; numbers are taken as they are]",
)
@click.option("--show", is_flag=True, help="Draw each picture as the model was shown it.")
@device_options
@output_options
def predict(
    model: str,
    inputs: tuple[str, ...],
    limit: int | None,
    invert: bool | None,
    show: bool,
    device: str,
    xp: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Classify the images or rows in each FILE: IDX, .npy, PNG or JPEG.

    In a PNG or JPEG the drawing is found, of whatever size, place and colours, and brought to where
    and how the model learnt drawings. Rows of numbers are taken as they are: for a model of
    pictures, integers 0 to 255 are scaled as in training. Of those, --invert makes 255 - x of an
    integer x, and 1 - x of a float from 0 to 1.
    """
    backend = choose_backend(device, xp)
    if not (quiet or as_json):
        click.echo(device_line(backend), err=True)
    network = load(model, device=backend)
    rows: list[dict[str, Any]] = []
    warnings: list[str | None] = []
    for name, X, inverted in read_inputs(inputs, network.input_format, invert):
        try:
            data = as_examples(X[:limit], network.input_format.scale, inverted)
            found = _predict(network, name, data)
            rows += with_pictures(found, data, network.input_format) if show else found
        except DataError as error:
            raise DataError(f"{name}: {error}") from error
        warnings.append(told_scale(network.input_format.source, data, name))
    if as_json:
        warning = "; ".join(filter(None, warnings)) or None
        print_json(
            {"model": model, "device": backend.device, "warning": warning, "predictions": rows}
        )
        return
    width = max(len(_label(row)) for row in rows)
    for row in rows:
        if "picture" in row:
            click.echo(drawn_in_text(row["picture"]))
        click.echo(f"{_label(row):<{width}}  {printable(row['class'])}  {row['probability']:.4f}")


def _predict(network: Network, name: str, data: Dataset) -> list[dict[str, Any]]:
    """Return one result a row: its file, its number there, the class and its probability."""
    if network.architecture.output not in ("sigmoid", "softmax"):
        raise DataError("this model does not classify; use gpunet.load and predict in Python")
    known = network.input_format
    A = network.predict_proba(data)
    if network.architecture.output == "sigmoid":
        if A.shape[1] > 1:
            raise DataError("this model has several independent outputs; use it in Python")
        A = np.hstack([1 - A, A])
    best = A.argmax(axis=1)
    return [
        {
            "input": name,
            "row": i,
            "class": known.classes[k] if known.classes else str(k),
            "probability": float(A[i, k]),
        }
        for i, k in enumerate(best)
    ]


def _label(row: dict[str, Any]) -> str:
    return f"{row['input']}[{row['row']}]"
