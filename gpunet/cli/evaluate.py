"""gpunet evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gpunet.cli.completion import DataSet
from gpunet.cli.confusion import confusion_matrix, show
from gpunet.cli.data import check_fraction, header_option, load_data
from gpunet.cli.options import (
    choose_backend,
    data_options,
    device_line,
    device_options,
    model_option,
    output_options,
    print_json,
)
from gpunet.cli.per_class import show_per_class
from gpunet.cli.same_data import compare, recorded_rows
from gpunet.cli.same_scale import told_scale
from gpunet.cli.scores import spelled
from gpunet.cli.unknown_words import UnknownWords
from gpunet.cli.whereabouts import data_dir_again, found_again
from gpunet.datasets import Dataset
from gpunet.datasets.labels import listed
from gpunet.datasets.registry import names
from gpunet.datasets.tables import CSV_SUFFIXES
from gpunet.errors import ArgumentError, DataError
from gpunet.nn.class_report import ClassReport
from gpunet.nn.network import Network, load


@click.command()
@model_option
@click.option(
    "--dataset",
    type=DataSet(),
    metavar="NAME|PATH",
    help="[default: the one that the model was trained on]",
)
@click.option(
    "--part",
    type=click.Choice(["test", "train"]),
    default="test",
    show_default=True,
    help="Which part of the data set.",
)
@data_options
@header_option
@device_options
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    help="Of the split, where the data have no test part.  [default: as in training]",
)
@output_options
def evaluate(model: str, dataset: str | None, part: str, **options: Any) -> None:
    """Measure a saved network on a data set: loss, accuracy, and which classes it confuses.

    Of a regression: the loss, R2, and the mean absolute and root mean square error.

    Of your own data the rows that training held out are tested, and those added behind them since;
    of any other change you are warned.
    """
    quiet = options["quiet"] or options["as_json"]
    backend = choose_backend(options["device"], options["xp"])
    if not quiet:
        click.echo(device_line(backend), err=True)
    network = load(model, device=backend)
    source = network.input_format.source
    as_known = source.get("dataset") or network.input_format.name
    name = _whereabouts(dataset, found_again(source, model) or as_known, model)
    if options["data_dir"] is None and name == as_known:
        options["data_dir"] = data_dir_again(source, model)
    # The same examples are held out as in training, unless other ones are asked for.
    fraction = options["test_fraction"]
    as_trained = ["test_fraction", "seed"]
    if _is_text(name) == _is_text(source.get("dataset") or ""):
        as_trained += ["label_column", "header", "drop"]
    for option in as_trained:
        if options[option] in (None, ()):
            options[option] = source.get(option)
    options["seed"] = options["seed"] or 0
    # As in training, else there were nothing to compare with.
    options["task"] = "classification" if network.classifies else "regression"
    rows = recorded_rows(source)
    if name in names() or Path(name).is_dir():
        options["task"] = "auto"
    train, test = load_data(name, options, quiet, rows, network.preparation)
    check_fraction(fraction, train, test, rows)
    data = test if part == "test" else train
    _check_classes(network, data)
    compared = compare(source, train, test)
    if compared.warning:
        click.echo(f"warning: {compared.warning}", err=True)
    warnings = [compared.warning, told_scale(source, data, f"{data.name}, {part}")]
    unknown = UnknownWords(data.preparation if network.preparation else None)
    unknown.see(data)
    warnings.append(unknown.tell(f"{data.name}, {part}"))
    scores = network.evaluate(data)
    result: dict[str, Any] = {
        "model": model,
        "dataset": data.name,
        "part": part,
        "examples": len(data),
        "same_data": compared.same,
        "new_rows": compared.new_rows,
        "warning": "; ".join(filter(None, warnings)) or None,
        **scores,
    }
    confusion = None
    if data.classes:
        confusion = confusion_matrix(data.y, network.predict_classes(data), len(data.classes))
        classes = ClassReport(data.classes, confusion)
        result |= {"classes": list(data.classes), "confusion": confusion.tolist()}
        result |= {"per_class": classes.to_dict(), "macro_f1": classes.macro_f1}
    if options["as_json"]:
        about = {"device": backend.device, "dtype": network.architecture.dtype}
        print_json(result | about)
        return
    click.echo(f"{data.name}, {part}: {spelled(scores)} ({len(data):,} examples)")
    if confusion is not None:
        show(confusion, data.classes)
        show_per_class(classes)


def _whereabouts(given: str | None, known: str, model: str) -> str:
    """Return the name or path of the data; raises ArgumentError if there are none."""
    name = given or known
    if not name:
        raise ArgumentError(f"{model} does not say what it was trained on; give --dataset")
    if not given and name not in names() and not Path(name).exists():
        raise ArgumentError(
            f"{model} was trained on {name}, which is not there, seen from this folder; say where "
            "it is with --dataset"
        )
    return name


def _is_text(name: str) -> bool:
    return Path(name).suffix.lower() in CSV_SUFFIXES


def _check_classes(network: Network, data: Dataset) -> None:
    if not network.classifies and data.classes:
        raise DataError(
            f"this model predicts numbers, but {data.name} has classes; evaluate it on the kind of "
            "data it was trained on"
        )
    known = network.input_format.classes
    if known and known != data.classes:
        raise DataError(
            f"the model knows the classes {listed(known)}, but {data.name} has "
            f"{listed(data.classes)}; evaluate it on the kind of data it was trained on"
        )
