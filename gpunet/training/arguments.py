"""What ``fit`` is given, checked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from gpunet.datasets.dataset import Dataset
from gpunet.datasets.frames import is_frame
from gpunet.datasets.ranges import warn_of_ranges
from gpunet.datasets.tables import frame_dataset
from gpunet.errors import ArgumentError
from gpunet.nn.examples import Examples
from gpunet.nn.input_format import InputFormat, format_of
from gpunet.nn.network import Network
from gpunet.pictures.placement import placement_of
from gpunet.ranges import whole
from gpunet.training.callbacks import Callback, FunctionCallback


def checked_batch_size(batch_size: int | None, n: int) -> int:
    """Return the size of a batch, n for None; ArgumentError if there are not so many examples."""
    if batch_size is None:
        return n
    try:
        return whole("batch size", batch_size, 1, n)
    except ArgumentError as error:
        raise ArgumentError(
            f"batch size must be from 1 to the number of examples, {n} (None for all at once); "
            f"got {batch_size!r}"
        ) from error


def checked_callbacks(callbacks: Any) -> list[Callback]:
    """Return the callbacks, functions made into objects; ArgumentError for anything else."""
    checked: list[Callback] = []
    for callback in callbacks if isinstance(callbacks, Iterable) else [callbacks]:
        if isinstance(callback, Callback):
            checked.append(callback)
        elif callable(callback) and not isinstance(callback, type):
            checked.append(FunctionCallback(callback))
        else:
            raise ArgumentError(
                "callbacks must be a list of gpunet.Callback objects or functions (epoch, logs); "
                f"got {callback!r}"
            )
    return checked


def examples_and_format(network: Network, X: Any, Y: Any) -> tuple[Examples, InputFormat]:
    """Return the checked examples, and what a network that has learnt them keeps of them.

    Plain arrays are not rescaled; a DataFrame is prepared as a table is. Of floats it cannot be
    told how integers would have been stored, so they leave the scale of what was learnt before;
    integers replace it.

    Raises:
        DataError: The examples do not fit the network.
    """
    if is_frame(X):
        X, Y = frame_dataset(X, Y, network.classifies), None
    if isinstance(X, Dataset):
        about = format_of(X, network.architecture)
        examples = network.check(X, Y, known=about)
        if X.preparation is None:
            warn_of_ranges(examples.X)
        return examples, _with_placement(about, X)
    scale = network.input_format.scale
    examples = network.check(X, Y, known=InputFormat(scale=scale))
    if examples.scale != 1.0:  # integers
        return replace(examples, scale=1.0), InputFormat()
    warn_of_ranges(examples.X)
    return examples, InputFormat(scale=scale)


def _with_placement(about: InputFormat, data: Dataset) -> InputFormat:
    """Return what is kept of the training data with how its pictures are drawn, if they are."""
    if about.image_shape is None:
        return about
    placement = placement_of(data.X, about.image_shape)
    drawn = None if placement is None else placement.to_dict()
    return replace(about, source=about.source | {"pictures": drawn})


def validation_examples(network: Network, validation: Any, about: InputFormat) -> Examples | None:
    """Return the checked validation data, or None; ``about`` is of the training data."""
    if validation is None:
        return None
    pair = (validation, None) if isinstance(validation, Dataset) else validation
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise ArgumentError("validation must be a data set or a pair (X, Y)")
    X, Y = pair
    about.refuse_other_numbers(X)
    return network.check(X, Y, known=about)
