"""gpunet explain."""

from __future__ import annotations

import inspect
from dataclasses import asdict
from typing import Any

import click

from gpunet.cli.options import Name, output_options, print_json
from gpunet.errors import ArgumentError
from gpunet.nn.activations import ACTIVATIONS
from gpunet.optim.rules import OPTIMIZERS
from gpunet.program.rewrites.precision import PRECISIONS

ELEMENTWISE = [name for name, a in ACTIVATIONS.items() if a.elementwise]


@click.command()
@click.option("--network", default="784-196-1", show_default=True, metavar="784-196-1",
              help="Number of features, of neurons in each hidden layer, of outputs.")  # fmt: skip
@click.option("--activation", type=Name(ELEMENTWISE), default="sigmoid", show_default=True)
@click.option("--optimizer", type=Name(list(OPTIMIZERS)), default="sgd", show_default=True)
@click.option("--dropout", type=click.FloatRange(0, 1, max_open=True), default=0.0,
              show_default=True)  # fmt: skip
@click.option("--precision", type=Name(list(PRECISIONS)), default="float32", show_default=True)
@click.option("--batch-size", type=click.IntRange(1), default=128, show_default=True)
@click.option("--for", "device", type=click.Choice(["cpu", "gpu"]), default="cpu",
              show_default=True, help="Whose program; a GPU need not be there.")  # fmt: skip
@click.option("--program", "only_program", is_flag=True, help="Leave the text out.")
@output_options
def explain(
    network: str,
    activation: str,
    optimizer: str,
    dropout: float,
    precision: str,
    batch_size: int,
    device: str,
    only_program: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Show the text of a training step, and the program that it is compiled into.

    The text is the mathematics; the program, what a device is asked to do in each step: its
    launches, what they read and write, and the lines of the text that they come from.
    """
    import numpy as np

    from gpunet.backends.devices.numpy_backend import NumpyBackend
    from gpunet.backends.devices.strict_device import StrictDeviceBackend
    from gpunet.nn.architecture import describe
    from gpunet.nn.examples import Examples
    from gpunet.nn.feed import Feed
    from gpunet.nn.mlp import MLP
    from gpunet.program.run import Run
    from gpunet.program.show import rows
    from gpunet.training.step import Step

    shape = sizes(network)
    output, loss = (
        ("sigmoid", "binary_crossentropy")
        if shape[-1] == 1
        else ("softmax", "categorical_crossentropy")
    )
    backend = NumpyBackend() if device == "cpu" else StrictDeviceBackend()
    about = describe(shape, activation, output, loss, True, "mean", dropout, "float32")
    mlp = MLP(backend, about, seed=0)
    feed = Feed(backend, Examples(np.zeros((1, shape[0]), np.uint8), None, 1 / 255))
    made: Any = OPTIMIZERS[optimizer]
    stepper = made().start(backend, mlp.theta, "float32")
    run = Step(mlp, feed, stepper, 1, precision=precision).run
    assert isinstance(run, Run)
    launches = [asdict(row) for row in rows(run.program, batch_size)]
    if as_json:
        print_json({"network": network, "device": device, "launches": launches})
        return
    if not only_program:
        _show_text()
    if not quiet:
        _show_program(launches, network, batch_size, device)


def sizes(network: str) -> list[int]:
    """Return the layers' sizes of "784-196-1"."""
    try:
        found = [int(part) for part in network.split("-")]
    except ValueError:
        found = []
    if len(found) < 2 or min(found) < 1:
        raise ArgumentError(
            f"--network expects sizes such as 784-196-1, of two layers at least; got {network!r}"
        )
    return found


def _show_text() -> None:
    from rich.console import Console
    from rich.syntax import Syntax

    from gpunet.nn import backprop

    console = Console()
    for function in (backprop.forward, backprop.backward):
        console.print(Syntax(inspect.getsource(function), "python", background_color="default"))


def _show_program(launches: list[dict[str, Any]], network: str, n: int, device: str) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=f"{network}, a step on {n} examples ({device}): {len(launches)} launches")
    for heading in ("launch", "reads", "writes"):
        table.add_column(heading, overflow="fold")
    for heading in ("kB", "kflop"):
        table.add_column(heading, justify="right")
    table.add_column("from", overflow="fold")
    for launch in launches:
        cells = ["\n".join(launch[column]) for column in ("reads", "writes")]
        numbers = [f"{launch[column] / 1000:,.1f}" for column in ("bytes", "flops")]
        lines = "\n".join(launch["lines"])
        table.add_row(*map(escape, (launch["kind"], *cells, *numbers, lines)))
    Console().print(table)
