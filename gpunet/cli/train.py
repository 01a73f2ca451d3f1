"""gpunet train."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

import click
import numpy as np

from gpunet import random
from gpunet.backends import get_backend
from gpunet.cli import run_folder
from gpunet.cli.data import check_fraction, load_data
from gpunet.cli.defaults import MOMENTUM, RATES, epochs_for, optimizer_for, told_task
from gpunet.cli.keep import kept
from gpunet.cli.main import INTERRUPTED_STATUS
from gpunet.cli.options import (
    choose_backend,
    device_line,
    print_json,
)
from gpunet.cli.same_data import record
from gpunet.cli.same_scale import told_scale, told_warnings
from gpunet.cli.scores import SCORES, spelled
from gpunet.cli.train_options import train_options
from gpunet.cli.whereabouts import whereabouts
from gpunet.datasets import Dataset, names
from gpunet.errors import ArgumentError, DataError, DivergedError
from gpunet.nn.model_file import FILE_NAME
from gpunet.nn.network import Network
from gpunet.optim import OPTIMIZERS, Optimizer, schedules
from gpunet.training import Callback, EarlyStopping, History, fit
from gpunet.training.choose import choose
from gpunet.training.interrupt import INTERRUPTED
from gpunet.training.progress import Progress

EARLY_STOPPING_SHARE = 0.1


@click.command()
@train_options
def train(**options: Any) -> None:
    """Train a network, and save it with its history and pictures.

    Without options: 784-196-1 on the MNIST digits 5 and 8, which come with gpunet.
    """
    started = time.perf_counter()
    quiet = options["quiet"] or options["as_json"]
    if options["optimizer"] is not None:
        _optimizer(options["optimizer"], options | {"epochs": 1})  # refused before any reading
    backend = choose_backend(options["device"], options["xp"])
    measures = options["device"] == "auto" and options["xp"] is None and backend.device != "cpu"
    if not quiet and not measures:
        click.echo(device_line(backend), err=True)
    training, test = load_data(options["dataset"], options, quiet)
    check_fraction(options["test_fraction"], training, test)
    if not quiet and options["dataset"] not in names() and Path(options["dataset"]).is_file():
        click.echo(told_task(training, options["label_column"]), err=True)
    known = record(training, test)
    warning = told_scale(known, test, f"{test.name}, test part,")
    fitted, validation = _split(training, options)
    _check_batch_size(options["batch_size"], fitted)
    batch_size = min(options["batch_size"] or len(fitted), len(fitted))
    options["epochs"] = epochs_for(len(fitted), options)
    optimizer = _optimizer(optimizer_for(training, options), options)
    if measures:
        rivals = [backend, get_backend("cpu")]
        build = partial(_network, training, options)
        backend = choose(rivals, build, fitted, optimizer, batch_size)
        if not quiet:
            click.echo(device_line(backend), err=True)
    network = _network(training, options, backend)
    _check_test_part(network, test)
    callbacks: list[Callback] = [] if quiet else [Progress()]
    if options["early_stopping"]:
        callbacks.append(EarlyStopping(patience=options["early_stopping"]))
    with run_folder.prepared(options["out"], options["force"], training.name) as folder:
        with told_warnings() as warnings:
            history = fit(
                network,
                fitted,
                optimizer=optimizer,
                epochs=options["epochs"],
                batch_size=batch_size,
                validation=validation,
                callbacks=callbacks,
                precision=options["precision"],
            )
        with kept(network, folder) as save:
            _tell_settings(backend.settings() if options["verbose"] else {})
            chosen = ("dataset", "label_column", "header", "drop", "test_fraction", "seed")
            source = {name: options[name] for name in chosen} | known
            # How its pictures are drawn, and where the data are.
            source |= network.input_format.source | whereabouts(options, folder)
            network.input_format = replace(network.input_format, source=source)
            result = _result(network, history, training, test, options)
            result |= {
                "out": str(folder),
                "warning": "; ".join(filter(None, [warning, *warnings])) or None,
            }
            save()
            written = _write(folder, network, history, test, result, started)
            if options["as_json"]:
                print_json(result)
            else:
                _report(result, written, quiet)
    if history.stopped == INTERRUPTED:
        # All is saved, but a script should not take the run for a complete one.
        click.get_current_context().exit(INTERRUPTED_STATUS)


def _tell_settings(settings: dict[str, str]) -> None:
    for name, value in settings.items():
        click.echo(f"{name}: {value}", err=True)


def _check_test_part(network: Network, test: Dataset) -> None:
    """Refuse test data that cannot be measured on; after the last step would be late."""
    try:
        network.check(test)
    except DataError as error:
        raise DataError(f"{test.name}, test part: {error}") from error


def _result(
    network: Network, history: History, training: Dataset, test: Dataset, options: dict[str, Any]
) -> dict[str, Any]:
    """Measure the network; return all that --json prints but the time in all."""
    train_scores, test_scores = network.evaluate(training), network.evaluate(test)
    if not isfinite(train_scores["loss"] + test_scores["loss"]):
        # The last losses that training saw were measured before the last updates.
        raise DivergedError(
            "the trained network's loss is no finite number; lower the learning rate or clip the "
            "gradient's norm. Nothing was saved"
        )
    return {
        "dataset": training.name,
        "task": "classification" if training.classes else "regression",
        "sizes": list(network.architecture.sizes),
        "parameters": network.mlp.slices.size,
        **{f"train_{name}": value for name, value in train_scores.items()},
        **{f"test_{name}": value for name, value in test_scores.items()},
        "training_seconds": history.seconds,
        "epochs": history.epochs,
        "steps": history.steps,
        "stopped": history.stopped,
        "device": network.backend.device,
        "device_reason": network.backend.reason,
        "dtype": options["dtype"],
        "precision": options["precision"],
        "seed": options["seed"],
    }


def _optimizer(name: str, options: dict[str, Any]) -> Optimizer:
    epochs = options["epochs"]
    rate = options["learning_rate"] or RATES[name]
    learning_rate = {
        "constant": lambda: schedules.constant(rate),
        "step": lambda: schedules.step(rate, every=epochs / 3),
        "exponential": lambda: schedules.exponential(rate, decay=0.01 ** (1 / epochs)),
        "cosine": lambda: schedules.cosine(rate, epochs),
    }[options["schedule"]]()
    if options["warm_up"]:
        learning_rate = schedules.warm_up(learning_rate, options["warm_up"])
    arguments = {"learning_rate": learning_rate, "clip_norm": options["clip_norm"]}
    if options["weight_decay"] is not None:
        arguments["weight_decay"] = options["weight_decay"]
    if name == "sgd":
        given = options["momentum"]
        arguments["momentum"] = MOMENTUM if given is None else given
        arguments["nesterov"] = options["nesterov"]
    elif options["momentum"] is not None or options["nesterov"]:
        raise ArgumentError(f"--momentum and --nesterov are for sgd, not for {name}")
    return OPTIMIZERS[name](**arguments)


def _network(training: Dataset, options: dict[str, Any], backend: Any) -> Network:
    classes = len(training.classes)
    if not classes:
        outputs, output, loss = 1, "identity", "half_squared_error"
    elif classes <= 2:
        outputs, output, loss = 1, "sigmoid", "binary_crossentropy"
    else:
        outputs, output, loss = classes, "softmax", "categorical_crossentropy"
    return Network(
        [training.features, *options["hidden"], outputs],
        hidden=options["activation"],
        output=output,
        loss=loss,
        init=options["init"],
        dropout=options["dropout"],
        device=backend,
        dtype=options["dtype"],
        seed=options["seed"],
    )


def _split(training: Dataset, options: dict[str, Any]) -> tuple[Dataset, Dataset | None]:
    """Return what is trained on and what is validated on."""
    share = options["validation"] or (EARLY_STOPPING_SHARE if options["early_stopping"] else None)
    if share is None:
        return training, None
    n = len(training)
    held_out = min(max(1, round(share * n)), n - 1)
    if held_out < 1:
        raise ArgumentError(f"--validation needs at least 2 examples; {training.name} has {n}")
    order = random.permutation(options["seed"], random.SPLIT, 0, n)
    return training.part(np.sort(order[held_out:])), training.part(np.sort(order[:held_out]))


def _check_batch_size(batch_size: int | None, training: Dataset) -> None:
    """Refuse an explicit batch that is too large; the default one gives way to small data."""
    given = click.get_current_context().get_parameter_source("batch_size")
    explicit = given is not None and given.name == "COMMANDLINE"
    if explicit and batch_size is not None and batch_size > len(training):
        raise ArgumentError(
            f"--batch-size {batch_size} is larger than the training data, {len(training)} "
            "examples; choose a smaller one, or full"
        )


def _write(
    folder: Path,
    network: Network,
    history: History,
    test: Dataset,
    result: dict[str, Any],
    started: float,
) -> list[str]:
    """Write the history and, where matplotlib is installed, the pictures; return the names."""
    from importlib.util import find_spec

    def write_history() -> None:
        result["seconds"] = time.perf_counter() - started
        content = {"run": result, "history": history.to_dict()}
        run_folder.write_json(folder / run_folder.HISTORY, content)

    write_history()  # at once: a second of drawing may fail or be interrupted
    written = [FILE_NAME, run_folder.HISTORY]
    if find_spec("matplotlib") is not None:
        from gpunet.report import plots

        loss, errors = run_folder.PICTURES
        plots.loss_curve(history, folder / loss)
        written.append(loss)
        if test.image_shape and plots.misclassified(network, test, folder / errors):
            written.append(errors)
        write_history()  # with the seconds in all
    return written


def _report(result: dict[str, Any], written: list[str], quiet: bool) -> None:
    """Print the result for people."""
    for part in ("train", "test"):
        scores = {name: result[f"{part}_{name}"] for name in SCORES if f"{part}_{name}" in result}
        click.echo(f"{part:>5}: {spelled(scores)}")
    click.echo(
        f"epochs: {result['epochs']}, steps: {result['steps']:,}, in "
        f"{result['training_seconds']:.1f} s; {result['seconds']:.1f} s in all"
    )
    click.echo(f"saved in {result['out']}: {', '.join(written)}")
    if run_folder.PICTURES[0] not in written and not quiet:
        click.echo("for pictures: pip install 'gpunet[plot]'", err=True)
