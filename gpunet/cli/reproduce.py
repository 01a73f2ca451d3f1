"""gpunet reproduce."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from gpunet.cli import run_folder
from gpunet.cli.completion import ExampleName
from gpunet.cli.options import (
    Folder,
    choose_backend,
    device_line,
    device_options,
    dtype_option,
    output_options,
    print_json,
)
from gpunet.cli.text import print_whole
from gpunet.errors import look_up
from gpunet.examples import EXAMPLES, Example, Report
from gpunet.report import plots

WORDS = len("reproduced")  # columns in which words are wrapped, in narrow terminals
COLOURS = {"reproduced": "green", "differs": "bold red", "published is wrong": "cyan"}


@click.command()
@click.argument("name", type=ExampleName(), default="all")
@click.option("--out", type=Folder(), help="Folder for the pictures.  [default: none drawn]")
@device_options
@dtype_option("float64")
@output_options
def reproduce(
    name: str,
    out: str | None,
    device: str,
    xp: str | None,
    dtype: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run worked example NAME, or all, beside the published figures.

    Exit status 1 if a figure that can be reproduced was not. All of them take two to four minutes
    on two cores, nearly all of it mnist58.
    """
    chosen = [e for e in EXAMPLES.values() if e.in_all]
    if name != "all":
        chosen = [look_up("example", name, EXAMPLES)]
    backend = choose_backend(device, xp)
    if not (quiet or as_json):
        click.echo(device_line(backend), err=True)
    folder = None
    if out:
        plots.require_matplotlib()  # before minutes of computing, not after
        folder = run_folder.writable(Path(out))
    results, passed = {}, True
    for example in chosen:
        if not (quiet or as_json):
            click.echo(f"running {example.name}: {example.title} ...", err=True)
        started = time.perf_counter()
        report = example.run(backend, dtype)
        seconds = time.perf_counter() - started
        passed &= report.passed
        results[example.name] = _to_dict(report, seconds)
        if not as_json:
            _show(example, report, seconds)
        for file_name, draw in report.pictures.items() if folder else ():
            draw(Path(folder or "") / file_name)
            if not as_json:
                click.echo(f"picture: {Path(folder or '') / file_name}\n")
        if folder and not report.pictures and not as_json:
            click.echo(f"{example.name} has no pictures\n")
    if as_json:
        print_json(results)
    if not passed:
        click.get_current_context().exit(1)


def _to_dict(report: Report, seconds: float) -> dict[str, Any]:
    return {
        "verdict": "reproduced" if report.passed else "differs",
        "figures": [figure.to_dict() for figure in report.figures],
        "notes": report.notes,
        "seconds": seconds,
    }


def _show(example: Example, report: Report, seconds: float) -> None:
    from rich.console import Console
    from rich.table import Table

    title = f"{example.name}: {example.title} ({seconds:.1f} s)"
    table = Table(title=title, title_justify="left", show_edge=False)
    table.add_column("figure", min_width=WORDS)
    corrected = any(figure.correct for figure in report.figures)
    columns = ("published", *(("right",) if corrected else ()), "ours", "difference")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict", min_width=WORDS)
    for figure in report.figures:
        decimals = len(figure.expected.partition(".")[2])
        table.add_row(
            figure.name,
            figure.published or "-",
            *((figure.correct,) if corrected else ()),
            f"{figure.ours:.{max(decimals, 3)}f}",
            f"{figure.difference:+.1e}",
            f"[{COLOURS.get(figure.verdict, 'yellow')}]{figure.verdict}[/]",
        )
    console = Console()
    print_whole(console, table)
    for note in report.notes:
        console.print(f"- {note}", highlight=False)
    console.print()
