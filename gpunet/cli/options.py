"""Options that mean the same in every command."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from math import isfinite
from typing import TYPE_CHECKING, Any

import click

from gpunet.backends import Backend, get_backend
from gpunet.cli.completion import Device
from gpunet.errors import ArgumentError, DeviceError, did_you_mean

Command = Callable[..., Any]


class Range(click.FloatRange):
    """A range of numbers; NaN, which compares with nothing, is in none."""

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Parse and check."""
        number = float(super().convert(value, param, ctx))
        if not isfinite(number):
            self.fail(f"expected a finite number; got {value!r}", param, ctx)
        return number


if TYPE_CHECKING:  # generic from click 8.2 on
    Choice = click.Choice[str]
else:
    Choice = click.Choice


class Name(Choice):
    """One of some names, with a suggestion for any other."""

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Look the name up."""
        if value in self.choices:
            return str(value)
        hint = did_you_mean(str(value).lower(), self.choices)
        return self.fail(
            f"unknown name {value!r}{hint}; choose one of {', '.join(self.choices)}", param, ctx
        )


class Folder(click.Path):
    """A path that is not empty."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Refuse an empty path, which would silently mean another one."""
        if value == "":
            self.fail("expected a path; got an empty one", param, ctx)
        return super().convert(value, param, ctx)


def output_options(command: Command) -> Command:
    """Add --json, --quiet and --debug."""
    for option in (
        click.option(
            "--debug",
            is_flag=True,
            expose_value=False,
            help="Show the traceback of an error.",
        ),
        click.option("--quiet", is_flag=True, help="Print results only, no progress."),
        click.option(
            "--json", "as_json", is_flag=True, help="Print one JSON object and nothing else."
        ),
    ):
        command = option(command)
    return command


def device_options(command: Command) -> Command:
    """Add --device and --xp."""
    for option in (
        click.option(
            "--xp",
            metavar="MODULE",
            help="Run on this array-API module instead, such as array_api_strict.",
        ),
        click.option(
            "--device",
            type=Device(),
            default="auto",
            show_default=True,
            metavar="auto|cpu|cuda|cuda:N",
            help="Where to compute; auto takes a GPU if one is usable.",
        ),
    ):
        command = option(command)
    return command


model_option = click.option(
    "--model",
    required=True,
    type=Folder(),
    help="A model file, or the folder of a training run.",
)
force_option = click.option("--force", is_flag=True, help="Replace an earlier run in --out.")


def dtype_option(default: str) -> Callable[[Command], Command]:
    """Add --dtype."""
    return click.option(
        "--dtype",
        type=Name(["float32", "float64"]),
        default=default,
        show_default=True,
        help="Precision of the computation.",
    )


def seed_option(more: str = "") -> Callable[[Command], Command]:
    """Add --seed; ``more`` is what else it is for."""
    return click.option(
        "--seed",
        type=click.IntRange(0, 2**32 - 1),
        default=0,
        show_default=True,
        help=f"For weights, shuffles and dropout{more}.",
    )


def data_options(command: Command) -> Command:
    """Add --dataset and what says how to read it."""
    for option in (
        click.option(
            "--test-fraction",
            type=Range(0, 1, min_open=True, max_open=True),
            help="Share of your own data held out for the test, where it has no test part.  "
            "[default: 0.2]",
        ),
        click.option(
            "--drop",
            multiple=True,
            metavar="COLUMN",
            help="Leave a column of a CSV file out, by name or index; may be given several times.",
        ),
        click.option(
            "--target",
            "--label-column",
            "label_column",
            metavar="COLUMN",
            help="Name or index of a table's column of labels, or of the values of a regression.",
        ),
        click.option(
            "--data-dir",
            type=Folder(),
            help="Folder with the MNIST files [default: $GPUNET_DATA_DIR, else the cache].",
        ),
    ):
        command = option(command)
    return command


def choose_backend(device: str, xp: str | None) -> Backend:
    """Return the backend for --device and --xp; raises ArgumentError or DeviceError."""
    if xp is None:
        return get_backend(device)
    if device not in ("auto", "cpu"):
        raise ArgumentError(f"--xp {xp} chooses the device itself; leave out --device {device}")
    try:
        return get_backend(xp=import_module(xp))
    except (ImportError, ValueError, TypeError, DeviceError) as error:
        raise ArgumentError(
            f"--xp {xp!r}: {error}; name an installed array-API module, or leave --xp out"
        ) from error


def device_line(backend: Backend) -> str:
    """Return the line that says which device runs and why."""
    reason = f" - {backend.reason}" if backend.reason else ""
    return f"device: {backend.describe()}{reason}"


def print_json(result: dict[str, Any]) -> None:
    """Print a result as the one JSON object on stdout."""
    click.echo(json.dumps(result, indent=2, allow_nan=False))
