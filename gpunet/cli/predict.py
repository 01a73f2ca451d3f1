"""gpunet predict."""

from __future__ import annotations

from collections.abc import Iterator

import click

from gpunet.cli.data import HEADER, header_option
from gpunet.cli.options import (
    Name,
    choose_backend,
    device_line,
    device_options,
    model_option,
    output_options,
    print_json,
)
from gpunet.cli.predict_inputs import pieces
from gpunet.cli.predict_outputs import Answers, answers, format_of, write
from gpunet.cli.same_scale import told_scale
from gpunet.cli.understood import with_pictures
from gpunet.cli.unknown_words import UnknownWords
from gpunet.errors import ArgumentError, DataError
from gpunet.nn.network import load


@click.command()
@model_option
@click.argument("inputs", nargs=-1, required=True, metavar="FILE...")
@click.option("--limit", type=click.IntRange(1), help="Only the first so many rows of each file.")
@click.option(
    "--top-k",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="K",
    help="Tell the K most probable classes.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write the answers there, by the name's end: .csv, .jsonl, or .parquet (with pyarrow).",
)
@click.option(
    "--format",
    "form",
    type=Name(["text", "csv", "jsonl", "parquet"]),
    help="Of the answers.  [default: by --out, else text]",
)
@click.option(
    "--invert/--no-invert",
    default=None,
    help="Ink and paper are the other way round than the model learnt them, or the same way.  "
    "[default: found out in pictures; numbers are taken as they are]",
)
@click.option("--show", is_flag=True, help="Draw each picture as the model was shown it.")
@header_option
@device_options
@output_options
def predict(
    model: str,
    inputs: tuple[str, ...],
    limit: int | None,
    top_k: int,
    out: str | None,
    form: str | None,
    invert: bool | None,
    show: bool,
    header: str | None,
    device: str,
    xp: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Classify the rows or images in each FILE: CSV, Parquet, .npz, .npy, IDX, PNG or JPEG.

    Of a table the columns that the network has learnt from are found by their names, and prepared
    as in training; others are passed over. Tables may be larger than memory.

    In a PNG or JPEG the drawing is found, of whatever size, place and colours, and brought to where
    and how the model learnt drawings. Rows of numbers are taken as they are: for a model of
    pictures, integers 0 to 255 are scaled as in training. Of those, --invert makes 255 - x of an
    integer x, and 1 - x of a float from 0 to 1.
    """
    if as_json and (out or form):
        raise ArgumentError("--json prints one object; leave out --out and --format, or --json")
    form = format_of(out, form)
    if show and form in ("csv", "parquet"):
        raise ArgumentError(f"--show draws in text, --json and jsonl; leave it out for {form}")
    backend = choose_backend(device, xp)
    if not (quiet or as_json):
        click.echo(device_line(backend), err=True)
    network = load(model, device=backend)
    if network.architecture.output == "sigmoid" and network.architecture.sizes[-1] > 1:
        raise DataError("this model has several independent outputs; use it in Python")
    warnings: list[str] = []
    unknown = UnknownWords(network.preparation)

    def found() -> Iterator[Answers]:
        for piece in pieces(inputs, network, HEADER[header or "auto"], invert, limit):
            if not piece.start:
                told = told_scale(network.input_format.source, piece.data, piece.name)
                warnings.extend([told] if told else [])
            unknown.see(piece.data)
            try:
                some = answers(network, piece.name, piece.start, piece.data, top_k)
                yield with_pictures(some, piece.data, network.input_format) if show else some
            except DataError as error:
                raise DataError(f"{piece.name}: {error}") from error

    if as_json:
        rows = [row for some in found() for row in some.rows()]
        warning = "; ".join(filter(None, [*warnings, unknown.tell("the rows")])) or None
        print_json(
            {"model": model, "device": backend.device, "warning": warning, "predictions": rows}
        )
        return
    count = write(found(), out, form)
    unknown.tell("the rows")
    if out and not quiet:
        click.echo(f"{count:,} rows written to {out}", err=True)
