"""What a network's inputs and outputs stand for: kept with it, and in its model file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from math import inf
from typing import Any

from gpunet.datasets.dataset import Dataset
from gpunet.errors import DataError
from gpunet.nn.architecture import Architecture


@dataclass(frozen=True)
class InputFormat:
    """What a trained network's inputs were: kept in the model file for later predictions.

    Attributes:
        name, scale, classes, image_shape: As in Dataset.
        source: What the command line loaded it from, and how: "dataset", "label_column", "header",
            "test_fraction", "seed", so that the same examples can be held out again; and "rows",
            "training_sha256" and "mean_size", by which it knows them and their scale. And
            "pictures", how those are drawn (gpunet/pictures/placement.py), None if they are not.
    """

    name: str = ""
    scale: float = 1.0
    classes: tuple[str, ...] = ()
    image_shape: tuple[int, int] | None = None
    source: dict[str, Any] = field(default_factory=dict)

    def contradiction(self, architecture: Architecture) -> str:
        """Return what does not fit together in a network like this with such inputs, else ""."""
        features, outputs = architecture.sizes[0], architecture.sizes[-1]
        if not 0 < self.scale < inf:
            return f"inputs are scaled by {self.scale}; expected a finite number above 0"
        if self.image_shape and self.image_shape[0] * self.image_shape[1] != features:
            return f"pictures of {self.image_shape} for {features} features"
        if self.classes and len(self.classes) != max(2, outputs):
            return f"{len(self.classes)} classes for {outputs} outputs"
        return ""

    def refuse_other_numbers(self, data: Any) -> None:
        """Raise DataError for a Dataset that numbers a class otherwise than was learnt."""
        if not isinstance(data, Dataset):
            return
        numbers = {name: number for number, name in enumerate(self.classes)}
        for number, name in enumerate(map(str, data.classes)):
            if numbers.get(name, number) != number:
                raise DataError(
                    f"class {name!r} is number {number} in the data set {str(data.name)!r}, but "
                    f"the network has learnt it as number {numbers[name]}: expected classes in the "
                    f"order of {self.classes}; number them so"
                )


def format_of(data: Dataset, architecture: Architecture) -> InputFormat:
    """Return what a model file keeps of the data set that a network is trained on.

    Raises:
        DataError: It could not be kept: a later ``save`` or ``load`` would fail.
    """
    shape = data.image_shape
    try:
        found = InputFormat(
            str(data.name),
            float(data.scale),
            tuple(str(name) for name in data.classes),
            (int(shape[0]), int(shape[1])) if shape else None,
        )
        json.dumps([found.name, found.classes]).encode()
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise DataError(
            f"the data set's scale ({data.scale!r}), classes ({data.classes!r}) or image_shape "
            f"({shape!r}) cannot be kept in a model file ({error}); expected a number, names, and "
            "(rows, columns) or None"
        ) from error
    if problem := found.contradiction(architecture):
        raise DataError(f"the data set {found.name!r} does not fit the network: {problem}")
    return found
