"""What a network's inputs and outputs stand for: kept with it, and in its model file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet.datasets.dataset import Dataset
from gpunet.datasets.frames import label_array
from gpunet.datasets.labels import number_labels
from gpunet.datasets.preparation import Preparation
from gpunet.errors import DataError
from gpunet.nn.architecture import Architecture

_WHOLE = re.compile(r"[+-]?\d{1,18}")


@dataclass(frozen=True)
class InputFormat:
    """What a trained network's inputs were: kept in the model file for later predictions.

    Attributes:
        name, scale, classes, image_shape, preparation: As in Dataset.
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
    preparation: Preparation | None = None

    @property
    def labels(self) -> NDArray | None:
        """What a network says for each class number; None where it says the number itself.

        Of a table that is what stood there: words, or int64. Elsewhere only words are names.
        """
        whole = all(_WHOLE.fullmatch(name) for name in self.classes)
        if not self.classes or (whole and self.preparation is None):
            return None
        return np.array([int(c) for c in self.classes] if whole else self.classes)

    def numbered(self, Y: Any, labels: bool = False) -> Any:
        """Return class numbers for names of classes; anything else as it is.

        Args:
            Y: Targets of any kind.
            labels: Whether numbers are labels of a table, not class numbers.

        Raises:
            DataError: A name that the network does not know.
        """
        host = isinstance(Y, list | tuple | np.ndarray) or hasattr(Y, "to_numpy")
        if not self.classes or not host:
            return Y
        array = np.asarray(Y) if labels or getattr(Y, "dtype", None) is None else Y
        if not labels and getattr(array.dtype, "kind", "O") in "biuf":
            return Y
        array = label_array(array)
        if array.ndim != 1 or (not labels and array.dtype.kind not in "US"):
            return Y
        return number_labels(array, "Y", "row {} (from 0)".format, self.classes)[1]

    def preparation_of(self, data: Dataset) -> Preparation | None:
        """Return what the rows of a data set have to go through, for a network with this format.

        That is what the network has learnt with, if it has, and not what the data set brings.

        Raises:
            DataError: The data set's columns are stored in another way.
        """
        own = data.preparation
        if self.preparation is None:
            return None if self.name else own  # an earlier version's network has learnt raw numbers
        if own is not None and not own.same_columns(self.preparation):
            raise DataError(
                f"the table {str(data.name)!r} has other columns or categories than the network "
                "has learnt from; load it with preparation=net.preparation, which finds them by "
                "name"
            )
        return self.preparation

    def contradiction(self, architecture: Architecture) -> str:
        """Return what does not fit together in a network like this with such inputs, else ""."""
        features, outputs = architecture.sizes[0], architecture.sizes[-1]
        if not 0 < self.scale < inf:
            return f"inputs are scaled by {self.scale}; expected a finite number above 0"
        if self.image_shape and self.image_shape[0] * self.image_shape[1] != features:
            return f"pictures of {self.image_shape} for {features} features"
        if self.classes and len(self.classes) != max(2, outputs):
            return f"{len(self.classes)} classes for {outputs} outputs"
        if self.preparation is not None:
            return self.preparation.contradiction(features, outputs)
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
            preparation=data.preparation,
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
