"""gpunet bench."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import click

from gpunet.backends import get_backend
from gpunet.bench.job import parse_network
from gpunet.bench.measure import Say
from gpunet.bench.registry import PEERS, installed
from gpunet.bench.report import Settings, anything_measured, run
from gpunet.bench.tables import settings_line, tables
from gpunet.cli.completion import Device
from gpunet.cli.options import Folder, Range, output_options, print_json, seed_option
from gpunet.errors import ArgumentError, look_up

QUICK_BATCHES, QUICK_ROUNDS = (32, 128), 3


class Listed(click.ParamType):
    """Several values with commas between them; each is parsed by ``one``."""

    name = "list"

    def one(self, text: str) -> Any:
        """Return the value; raises ArgumentError."""
        return text

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Parse all; the same value twice counts once."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(dict.fromkeys(self.one(part.strip()) for part in str(value).split(",")))
        except ArgumentError as error:
            return self.fail(str(error), param, ctx)


class Networks(Listed):
    """784-196-1, 784-2048-2048-10, ..."""

    def one(self, text: str) -> tuple[int, ...]:
        """Parse a network."""
        return parse_network(text)


class Batches(Listed):
    """32, 128, full, ..."""

    def one(self, text: str) -> int | None:
        """Parse a batch size; full is None."""
        if text == "full":
            return None
        if text.isdecimal() and int(text) > 0:
            return int(text)
        raise ArgumentError(f"expected a number of examples above 0, or full; got {text!r}")


class Peers(Listed):
    """gpunet, torch, ..."""

    def one(self, text: str) -> str:
        """Check a name."""
        look_up("library", text, PEERS)
        return text


# fmt: off
OPTIONS: list[Callable[..., Any]] = [
    click.option("--network", "networks", type=Networks(), default="784-196-1", show_default=True,
                  metavar="A-B-C[,...]", help="From 784 pixels to 1 output, or to 10 (softmax)."),
    click.option("--batch", "batches", type=Batches(), default="32,128,512,1024,full",
                  show_default=True, metavar="N|full[,...]",
                  help="Examples a step: with momentum; full: all of them, without."),
    click.option("--peers", type=Peers(), metavar="NAME[,...]",
                  help=f"Among {', '.join(PEERS)}.  [default: all that are installed]"),
    click.option("--rounds", type=click.IntRange(1), default=7, show_default=True,
                  help="In each, every library has its turn."),
    click.option("--seconds", type=Range(0, min_open=True), default=0.4, show_default=True,
                  help="About how long a turn lasts."),
    click.option("--quick", is_flag=True,
                  help="The first network only; batches of 32 and 128, 3 rounds, unless you say "
                  "otherwise."),
    click.option("--to-accuracy", type=Range(0, 1, min_open=True), metavar="SHARE",
                  help="Instead: the time from Python's start to this test accuracy, as 0.98."),
    click.option("--scaling", is_flag=True,
                  help="Instead: gpunet alone over batch sizes, widths and numbers of examples."),
    click.option("--examples", type=click.IntRange(2),
                  help="Train on the first so many.  [default: all; 2,048 for mini-batches of a "
                  "network with more than a million weights]"),
    click.option("--data-dir", type=Folder(),
                  help="Folder with MNIST, for 10 outputs.  [default: 10 classes made up of two]"),
    click.option("--out", type=click.Path(dir_okay=False), metavar="FILE.png",
                  help="Draw the comparison too."),
    click.option("--device", type=Device(), default="auto", show_default=True,
                  metavar="auto|cpu|cuda|cuda:N",
                  help="Where to compute; auto takes a GPU if one is usable."),
    seed_option(),
    output_options,
]
# fmt: on


def bench_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add all options, in the order in which --help shows them."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@click.command()
@bench_options
def bench(
    networks: tuple[tuple[int, ...], ...],
    batches: tuple[int | None, ...],
    peers: tuple[str, ...] | None,
    rounds: int,
    seconds: float,
    quick: bool,
    to_accuracy: float | None,
    scaling: bool,
    examples: int | None,
    data_dir: str | None,
    out: str | None,
    device: str,
    seed: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Train with gpunet and other libraries side by side, on this machine.

    Every library runs in a process of its own and first has to show that its losses are those of
    a float64 reference. Then they take turns; each turn is also compared with the time of the
    matrix products alone, the limit that the hardware sets. Exit status 1 if nothing could be
    measured.
    """
    alone = scaling or to_accuracy is not None
    _check_picture(out, alone)
    backend = get_backend(device)
    settings = Settings(
        networks,
        batches,
        peers or tuple(installed(backend.device)),
        rounds,
        seconds,
        seed,
        examples,
        data_dir,
        not alone,
        to_accuracy,
        scaling,
    )
    if quick:
        short: dict[str, Any] = {"batches": QUICK_BATCHES, "rounds": QUICK_ROUNDS}
        said = {name for name in short if _given(name)}
        settings = replace(
            settings, networks=networks[:1], **{k: v for k, v in short.items() if k not in said}
        )
    with _progress(quiet or as_json) as say:
        report = run(settings, backend, say)
    if out is not None:
        from gpunet.report.bench_plot import side_by_side

        side_by_side(report, out)
    if as_json:
        print_json(report)
    else:
        _show(report)
    if not anything_measured(report):
        click.get_current_context().exit(1)


def _given(name: str) -> bool:
    """Whether an option was given, so that no other one may overrule it."""
    source = click.get_current_context().get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _check_picture(out: str | None, alone: bool) -> None:
    """Refuse --out before anything is measured in vain."""
    if out is None:
        return
    if alone:
        raise ArgumentError(
            "--out draws the libraries side by side, which --scaling and --to-accuracy replace; "
            "leave --out away, or them"
        )
    from gpunet.report.plots import require_matplotlib

    require_matplotlib()


@contextmanager
def _progress(silent: bool) -> Iterator[Say]:
    """Provide what shows on standard error which library is at work."""
    if silent:
        yield lambda text: None
    elif not sys.stderr.isatty():
        yield lambda text: None if ": round " in text else click.echo(text, err=True)
    else:
        from rich.console import Console

        with Console(stderr=True).status("") as status:
            yield status.update


def _show(report: dict[str, Any]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    for table in tables(report):
        shown = Table(
            title=escape(table.title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False
        )
        for number, column in enumerate(table.columns):
            shown.add_column(column, justify="right" if number else "left")
        for row in table.rows:
            own = row[0].split()[0] == "gpunet"
            shown.add_row(*map(escape, row), style="bold" if own else "")
        console.print(shown)
        for note in table.notes:
            console.print(note, markup=False)
        console.print()
    for name, remedy in report["missing"].items():
        console.print(f"not installed: {name} ({remedy})", markup=False)
    console.print(settings_line(report), markup=False)
