"""How well a network knows each class: precision, recall, F1 (van Rijsbergen, 1979, chapter 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet.datasets.dataset import Dataset
from gpunet.errors import DataError
from gpunet.nn.network import Network
from gpunet.printable import printable


@dataclass(frozen=True, eq=False)
class ClassReport:
    """Figures of each class; NaN where a class was never predicted, or does not occur.

    Attributes:
        classes: Their names.
        confusion: (classes, classes) int64, how often each true class (row) was predicted as each.
    """

    classes: tuple[str, ...]
    confusion: NDArray[np.int64]

    @property
    def examples(self) -> NDArray[np.int64]:
        """How many of each class there are, (classes,)."""
        return self.confusion.sum(axis=1)

    @property
    def precision(self) -> NDArray[np.float64]:
        """The share of those predicted as a class that belong to it, (classes,)."""
        return _share(np.diag(self.confusion), self.confusion.sum(axis=0))

    @property
    def recall(self) -> NDArray[np.float64]:
        """The share of a class's examples that are predicted as it, (classes,)."""
        return _share(np.diag(self.confusion), self.examples)

    @property
    def f1(self) -> NDArray[np.float64]:
        """2 precision recall / (precision + recall), (classes,); NaN if a class is nowhere."""
        hits = np.diag(self.confusion)
        return _share(2 * hits, self.examples + self.confusion.sum(axis=0))

    @property
    def accuracy(self) -> float:
        """The share of all examples that are predicted rightly."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    @property
    def macro_f1(self) -> float:
        """The mean of the classes' F1, over those that occur or were predicted."""
        return float(np.nanmean(self.f1))

    def to_dict(self) -> list[dict[str, Any]]:
        """Return a class each as JSON-ready values, NaN as None."""
        figures = {name: getattr(self, name) for name in ("precision", "recall", "f1")}
        return [
            {
                "class": str(name),
                **{k: None if np.isnan(v[i]) else float(v[i]) for k, v in figures.items()},
                "examples": int(self.examples[i]),
            }
            for i, name in enumerate(self.classes)
        ]

    def lines(self, order: NDArray[np.intp] | None = None) -> list[str]:
        """Return a table of the classes in this order, by default their own."""
        names = [printable(str(name)) for name in self.classes]
        width = max(len("class"), *map(len, names))
        lines = [f"{'class':<{width}}  precision  recall      F1  examples"]
        for i in np.arange(len(names)) if order is None else order:
            figures = "  ".join(
                f"{_percent(v):>{w}}"
                for v, w in ((self.precision[i], 9), (self.recall[i], 6), (self.f1[i], 6))
            )
            lines.append(f"{names[i]:<{width}}  {figures}  {self.examples[i]:>8,}")
        return lines

    def __str__(self) -> str:
        return "\n".join(self.lines())


def class_report(network: Network, X: Any, Y: Any = None) -> ClassReport:
    """Return how well the network knows each class.

    Args:
        network: One that tells classes apart: with one sigmoid output, or a softmax.
        X: A Dataset (then Y is None), or (n, features) numbers.
        Y: (n,) class numbers, or (n, outputs) targets as for ``fit``.

    Raises:
        DataError: The network is of another kind, or the examples do not fit it.
    """
    output, outputs = network.architecture.output, network.architecture.sizes[-1]
    if output != "softmax" and (output, outputs) != ("sigmoid", 1):
        raise DataError(
            f"a class each needs a softmax or one sigmoid output; this network has {outputs} of "
            f"{output}"
        )
    checked = network.check(X, Y, scale=network.input_format.scale)
    y, classes = network.decide(np.asarray(checked.Y)), max(2, outputs)
    known = network.input_format.classes or (X.classes if isinstance(X, Dataset) else ())
    names = tuple(known) if len(known) == classes else tuple(map(str, range(classes)))
    predicted = network.decide(network.predict_proba(X))
    return ClassReport(names, confusion_matrix(y, predicted, classes))


def confusion_matrix(y: NDArray, predicted: NDArray, classes: int) -> NDArray[np.int64]:
    """Return how often each true class (row) was predicted as each class (column)."""
    matrix = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(matrix, (y, predicted), 1)
    return matrix


def _share(part: NDArray, of: NDArray) -> NDArray[np.float64]:
    shares = np.full(len(part), np.nan)
    return np.divide(part, of, out=shares, where=of > 0)


def _percent(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.1%}"
