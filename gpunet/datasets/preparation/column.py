"""How one column of a table becomes features, and how a regression's values become targets."""

from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet.errors import DataError


@dataclass(frozen=True)
class Column:
    """A column of numbers, standardised; or of categories, one feature each (one-hot).

    Attributes:
        name: From the table's header; "" where it has none.
        position: Where in the table it stood in training, from 0.
        mean, scale: Of numbers: their mean and standard deviation in the training rows.
        categories: The words that occurred there, in alphabetic order; "" stands for a missing one.
            None where the column holds numbers.
    """

    name: str
    position: int
    mean: float = 0.0
    scale: float = 1.0
    categories: tuple[str, ...] | None = None

    @property
    def features(self) -> int:
        """How many features it becomes."""
        return 1 if self.categories is None else len(self.categories)

    @property
    def called(self) -> str:
        """What messages call it."""
        return repr(self.name) if self.name else f"column {self.position + 1}"

    def features_of(self, x: NDArray) -> NDArray:
        """Return (n, features) float64 for stored values (n,).

        A missing number becomes the mean, which is 0 once standardised. What is none of the
        categories has a 0 in each feature.

            (x - mean) / scale        or        [x = 0, x = 1, ...]
        """
        if self.categories is not None:
            return np.asarray(x[:, None] == np.arange(len(self.categories)), np.float64)
        with np.errstate(over="ignore"):  # told of where it is used
            standardised = (x - self.mean) / self.scale
        return np.where(np.isnan(x), 0.0, standardised)[:, None]

    def stored(self, x: NDArray, words: tuple[str, ...] | None, table: str) -> NDArray:
        """Return a column (n,) of another table as it is stored: numbers, or places of words.

        Args:
            x: Numbers, NaN where missing; or, with ``words``, the place of each cell among them.
            words: What the cells hold; None for numbers.
            table: What messages call the table.

        Raises:
            DataError: Words where numbers are needed.
        """
        if self.categories is None:
            if words is None:
                return x
            raise DataError(
                f"{table}: {self.called} holds words such as {words[0]!r}, but the network has "
                "learnt from numbers there; expected a number in each row, or nothing"
            )
        if words is None:  # categories that are spelled as numbers, 1.0 as well as 1
            words, x = _spelled(x)
        place = {word: float(i) for i, word in enumerate(self.categories)}
        places = np.array([place.get(word, np.nan) for word in (*words, "")])
        return places[np.where(np.isnan(x), len(words), x).astype(np.int64)]

    def problem(self) -> str:
        """Return what cannot be in it, else ""."""
        return _problem(self.mean, self.scale)

    def to_dict(self) -> dict[str, Any]:
        """Return what ``from_dict`` reads, for JSON."""
        about: dict[str, Any] = {"name": self.name, "position": self.position}
        if self.categories is None:
            return about | {"mean": self.mean, "scale": self.scale}
        return about | {"categories": list(self.categories)}

    @staticmethod
    def from_dict(about: dict[str, Any]) -> "Column":
        """Return the column; raises KeyError, TypeError or ValueError for anything else."""
        name, position = str(about["name"]), int(about["position"])
        if "categories" in about:
            return Column(name, position, categories=tuple(str(c) for c in about["categories"]))
        return Column(name, position, float(about["mean"]), float(about["scale"]))


@dataclass(frozen=True)
class Target:
    """The values of a regression: a network learns (y - mean) / scale.

    Attributes:
        name: From the table's header; "" where it has none.
        mean, scale: Mean and standard deviation of the values in the training rows.
    """

    name: str = ""
    mean: float = 0.0
    scale: float = 1.0

    def standardised(self, y: NDArray) -> NDArray:
        """Return what a network learns, float64."""
        return (np.asarray(y, np.float64) - self.mean) / self.scale

    def values(self, A: NDArray) -> NDArray:
        """Return the values that outputs A stand for, float64."""
        return np.asarray(A, np.float64) * self.scale + self.mean

    def problem(self) -> str:
        """Return what cannot be in it, else ""."""
        return _problem(self.mean, self.scale)


def _problem(mean: float, scale: float) -> str:
    if not isfinite(mean) or not isfinite(scale) or scale <= 0:
        return f"mean {mean} and scale {scale}; expected finite numbers, the scale above 0"
    return ""


def _spelled(x: NDArray) -> tuple[tuple[str, ...], NDArray]:
    """Return the distinct numbers as words, whole ones without a point, and the place of each."""
    distinct, place = np.unique(x[~np.isnan(x)], return_inverse=True)
    codes = np.full(len(x), np.nan)
    codes[~np.isnan(x)] = place
    return tuple(str(int(v)) if v == v // 1 else str(v) for v in distinct.tolist()), codes
