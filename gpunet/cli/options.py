"""Options that mean the same in every command."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from typing import Any

import click

from gpunet.backends import Backend, get_backend
from gpunet.errors import ArgumentError

Command = Callable[..., Any]


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
            default="auto",
            show_default=True,
            metavar="auto|cpu|cuda|cuda:N",
            help="Where to compute; auto takes a GPU if one is usable.",
        ),
    ):
        command = option(command)
    return command


seed_option = click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="For weights, shuffles and dropout.",
)
model_option = click.option(
    "--model",
    required=True,
    type=click.Path(),
    help="A model file, or the folder of a training run.",
)
force_option = click.option("--force", is_flag=True, help="Replace an earlier run in --out.")


def dtype_option(default: str) -> Callable[[Command], Command]:
    """Add --dtype."""
    return click.option(
        "--dtype",
        type=click.Choice(["float32", "float64"]),
        default=default,
        show_default=True,
        help="Precision of the computation.",
    )


def data_options(command: Command) -> Command:
    """Add --dataset and what says how to read it."""
    for option in (
        click.option(
            "--test-fraction",
            type=click.FloatRange(0, 1, min_open=True, max_open=True),
            default=0.2,
            show_default=True,
            help="Share of your own data held out for the test, where it has no test part.",
        ),
        click.option("--label-column", help="Name or index of a table's label column."),
        click.option(
            "--data-dir",
            type=click.Path(),
            help="Folder with the MNIST files [default: $GPUNET_DATA_DIR, else the cache].",
        ),
    ):
        command = option(command)
    return command


def choose_backend(device: str, xp: str | None) -> Backend:
    """Return the backend for --device and --xp; raises ArgumentError or DeviceError."""
    if xp is None:
        return get_backend(device)
    try:
        module = import_module(xp)
    except ImportError as error:
        raise ArgumentError(f"--xp {xp}: {error}; install it, or leave --xp out") from error
    return get_backend(xp=module)


def device_line(backend: Backend) -> str:
    """Return the line that says which device runs and why."""
    reason = f" - {backend.reason}" if backend.reason else ""
    return f"device: {backend.describe()}{reason}"


def print_json(result: dict[str, Any]) -> None:
    """Print a result as the one JSON object on stdout."""
    click.echo(json.dumps(result, indent=2, allow_nan=False))
