"""gpunet show."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from textwrap import fill
from typing import Any

import click

from gpunet.cli.options import Folder, output_options, print_json
from gpunet.cli.run_folder import HISTORY
from gpunet.nn import model_file
from gpunet.nn.summary import WIDTH, layers, size, summary
from gpunet.printable import printable

# Of a run's figures, those that one asks for first.
FIGURES = (
    "test_accuracy",
    "test_loss",
    "train_accuracy",
    "train_loss",
    "test_r2",
    "test_mae",
    "test_rmse",
)


@click.command()
@click.argument("model", type=Folder())
@output_options
def show(model: str, as_json: bool, quiet: bool) -> None:
    """Tell what a saved network is: its layers, what it learnt from, and how well.

    MODEL is a model file, or the folder of a training run. No device is needed.
    """
    found = model_file.read(model)
    known, run = found.input_format, _run(Path(model))
    if as_json:
        parameters, nbytes = size(found.architecture)
        print_json(
            {
                "model": model,
                "architecture": asdict(found.architecture),
                "layers": layers(found.architecture),
                "parameters": parameters,
                "bytes": nbytes,
                "seed": found.seed,
                "input": asdict(known),
                "run": run,
            }
        )
        return
    click.echo(summary(found.architecture, known))
    if dataset := known.source.get("dataset"):
        rows = known.source.get("rows")
        of = f", {rows:,} rows" if isinstance(rows, int) else ""
        click.echo(f"trained by gpunet train on {printable(str(dataset))}{of}; seed {found.seed}")
    if run:
        click.echo(_told(run))


def _run(path: Path) -> dict[str, Any] | None:
    """Return what the run's history says of it as a whole, if the model lies beside one."""
    folder = path if path.is_dir() else path.parent
    try:
        run = json.loads((folder / HISTORY).read_text(encoding="utf-8"))["run"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None  # a model may lie anywhere
    return dict(run) if isinstance(run, dict) else None


def _told(run: dict[str, Any]) -> str:
    """Return the run's figures in a line."""
    told = [
        f"{name.replace('_', ' ')} {run[name]:.4f}"
        for name in FIGURES
        if isinstance(run.get(name), float)
    ]
    if isinstance(run.get("epochs"), int) and isinstance(run.get("training_seconds"), float):
        told.append(f"{run['epochs']} epochs in {run['training_seconds']:.1f} s")
    return fill("its run: " + ", ".join(told or ["no figures"]), WIDTH, subsequent_indent="  ")
