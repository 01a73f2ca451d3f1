"""The options of gpunet train."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from gpunet.cli.completion import DataSet
from gpunet.cli.data import header_option
from gpunet.cli.options import (
    Folder,
    Name,
    Range,
    data_options,
    device_options,
    dtype_option,
    force_option,
    output_options,
    seed_option,
)
from gpunet.nn.activations import ACTIVATIONS
from gpunet.nn.initializers import INITIALIZERS
from gpunet.optim import OPTIMIZERS
from gpunet.program.rewrites.precision import PRECISIONS

HIDDEN_ACTIVATIONS = [name for name, a in ACTIVATIONS.items() if a.elementwise]


class Layers(click.ParamType):
    """Sizes of hidden layers: "196" or "392,196,98"; "none" for no hidden layer."""

    name = "N[,N...]"

    def convert(self, value: Any, param: Any, ctx: Any) -> list[int]:
        """Parse the sizes."""
        if isinstance(value, list):
            return value
        if value == "none":
            return []
        try:
            sizes = [int(part) for part in str(value).split(",")]
        except ValueError:
            sizes = [0]
        if min(sizes) < 1:
            self.fail(f"expected sizes above 0 such as 196 or 392,196,98; got {value!r}")
        return sizes


class BatchSize(click.ParamType):
    """A number of examples, or "full"."""

    name = "N|full"

    def convert(self, value: Any, param: Any, ctx: Any) -> int | None:
        """Parse the size; full batches are None."""
        if value == "full":
            return None
        if str(value).isdecimal() and int(value) > 0:
            return int(value)
        return self.fail(f"expected a number of examples above 0, or full; got {value!r}")


# fmt: off
OPTIONS: list[Callable[..., Any]] = [
    click.option("--dataset", type=DataSet(), default="mnist58", show_default=True,
                  metavar="NAME|PATH",
                  help="A named data set, or your own .npz, .npy, .csv or folder of IDX files."),
    data_options,
    header_option,
    click.option("--task", default="auto", show_default=True,
                  metavar="auto|classification|regression",
                  help="What the labels of your own data are: classes, or numbers to be predicted; "
                  "auto says what it takes them for, and asks where they may be either."),
    click.option("--hidden", type=Layers(), default="196", show_default=True,
                  help="Neurons in each hidden layer; none for no hidden layer."),
    click.option("--activation", type=Name(HIDDEN_ACTIVATIONS), default="sigmoid",
                  show_default=True, help="Activation of the hidden layers."),
    click.option("--init", type=Name(list(INITIALIZERS)), default="lecun_normal",
                  show_default=True, help="How weights are drawn."),
    click.option("--dropout", type=Range(0, 1, max_open=True), default=0.0,
                  show_default=True, help="Share of hidden activations left out in each step."),
    click.option("--optimizer", type=Name(list(OPTIMIZERS)),
                  help="[default: sgd; adam for tables]"),
    click.option("--learning-rate", type=Range(0, min_open=True),
                  help="[default: 0.1 for sgd, 0.001 for the others]"),
    click.option("--momentum", type=Range(0, 1, max_open=True),
                  help="For sgd.  [default: 0.9]"),
    click.option("--nesterov", is_flag=True, help="Nesterov's momentum, for sgd."),
    click.option("--weight-decay", type=Range(0), help="L2 penalty on the weights."),
    click.option("--clip-norm", type=Range(0, min_open=True),
                  help="Largest norm of the gradient."),
    click.option("--schedule", type=Name(["constant", "step", "exponential", "cosine"]),
                  default="constant", show_default=True,
                  help="How the learning rate falls: a tenth after each third of the epochs; to a "
                  "hundredth, smoothly; to 0 along a cosine."),
    click.option("--warm-up", type=Range(0, min_open=True), metavar="EPOCHS",
                  help="Let the learning rate rise from 0 over so many epochs first."),
    click.option("--batch-size", type=BatchSize(), metavar="N|full", default="32",
                  show_default=True, help="Examples an update."),
    click.option("--epochs", type=click.IntRange(1),
                  help="[default: 8; of small data as many as make 1,000 updates of 32 "
                  "examples]"),
    click.option("--early-stopping", type=click.IntRange(1), metavar="PATIENCE",
                  help="Stop after so many epochs without improvement; keep the best weights."),
    click.option("--validation", type=Range(0, 1, min_open=True, max_open=True),
                  metavar="SHARE", help="Share of the training data to validate on.  "
                  "[default: 0.1 with --early-stopping]"),
    click.option("--out", type=Folder(), metavar="DIR",
                  help="Folder for the results.  [default: runs/DATASET-N, the next new one]"),
    force_option,
    device_options,
    dtype_option("float32"),
    click.option("--precision", type=Name(list(PRECISIONS)), default="float32", show_default=True,
                 help="Of the matrix products: float32 as stored; tf32 and split16 are fast on "
                 "tensor cores, split16 as accurate as float32, for pixels."),
    seed_option(", and for which rows of your own data are held out"),
    click.option("--verbose", is_flag=True, help="Tell how the device runs the steps."),
    output_options,
]
# fmt: on


def train_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add all options, in the order in which --help shows them."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command
