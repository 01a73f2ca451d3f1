"""gpunet doctor."""

from __future__ import annotations

import re

import click

from gpunet.backends.diagnosis.diagnosis import Diagnosis, Stage, diagnose
from gpunet.cli.options import output_options, print_json
from gpunet.errors import ArgumentError

RESULT = {True: "[green]ok[/]", False: "[bold red]failed[/]", None: "[dim]not reached[/]"}


@click.command()
@click.option(
    "--device",
    default="cuda",
    show_default=True,
    metavar="cuda|cuda:N",
    help="Which GPU to examine; the CPU is always examined too.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the GPU may take in all.",
)
@output_options
def doctor(device: str, timeout: float, as_json: bool, quiet: bool) -> None:
    """Examine the GPU stage by stage, and say what mends what fails.

    Exit status 0 if the GPU is usable, 1 if it is not (the CPU works without one). A driver that
    hangs or crashes does not take this command with it.
    """
    if not re.fullmatch(r"auto|cuda(:\d+)?", device):
        raise ArgumentError(
            f"--device {device}: doctor examines a GPU, so it expects cuda or cuda:N"
            " (the CPU is always examined too)"
        )
    if not (quiet or as_json):
        click.echo(f"examining the GPU (at most {timeout:g} s) ...", err=True)
    diagnosis = diagnose(int(device.partition(":")[2] or 0), timeout)
    if as_json:
        print_json(diagnosis.to_dict())
    else:
        _show(diagnosis)
    if not diagnosis.usable:
        click.get_current_context().exit(1)


def _show(diagnosis: Diagnosis) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    def row(stage: Stage) -> tuple[str, ...]:
        seconds = "" if stage.seconds is None else f"{stage.seconds:.2f}"
        detail = "" if stage.ok is None else escape(stage.detail)
        return stage.stage, RESULT[stage.ok], seconds, detail

    versions = diagnosis.versions
    table = Table(
        title=f"Python {versions['python']}, NumPy {versions['numpy']}", title_justify="left"
    )
    table.add_column("stage")
    table.add_column("result", no_wrap=True)
    table.add_column("seconds", justify="right")
    table.add_column("detail", overflow="fold")
    table.add_row(*row(diagnosis.cpu), end_section=True)
    for stage in diagnosis.stages:
        table.add_row(*row(stage))
    Console().print(table, highlight=False)
    # Not through rich, which would wrap the command that one wants to copy.
    click.echo(diagnosis.verdict)
    if diagnosis.remedy:
        click.echo(f"to mend it: {diagnosis.remedy}")
