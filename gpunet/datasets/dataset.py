"""What every data set looks like: features, class numbers or values, the scale of a feature."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gpunet.datasets.mapped import MappedRows, lazily
from gpunet.datasets.preparation import Preparation
from gpunet.errors import DataError


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples with their classes, or with the values of a regression.

    Attributes:
        X: (n, features). Images stay uint8; a batch is scaled when it is gathered. A file that
            is too large to read at once stays on the disk: X is then a numpy.memmap or a
            datasets.mapped.MappedRows, and np.asarray(X) reads it.
        y: With ``classes``: (n,) int64 class numbers, 0 up to len(classes) - 1. Without: (n,) or
            (n, outputs) numbers of any type, such as the values of a regression.
        scale: What a stored feature is multiplied by before it enters a network.
        classes: The name of each class number, such as ("5", "8").
        name: What messages call it.
        image_shape: (rows, columns) where a row of X is a picture, else None.
        preparation: What the rows of a table go through before they enter a network, and the
            values of a regression. X is as the table has it: see Preparation.

    Raises DataError where X and y differ in length, or y is neither of these.
    """

    X: NDArray
    y: NDArray
    scale: float = 1.0
    classes: tuple[str, ...] = ()
    name: str = "data"
    image_shape: tuple[int, int] | None = None
    preparation: Preparation | None = None

    def __post_init__(self) -> None:
        X, y = _array(self.X, "X"), _array(self.y, "y")
        classes = tuple(self.classes)
        if X.ndim < 1 or y.ndim not in (1, 2):
            raise DataError(
                f"expected X of shape (n, features) and y of shape (n,) or (n, outputs), got "
                f"{X.shape} and {y.shape}; reshape them"
            )
        if len(X) != len(y):
            raise DataError(
                f"X has {len(X)} rows but y has {len(y)}; expected one class or value for each row"
            )
        if y.dtype.kind not in "biuf":
            raise DataError(
                f"y must hold numbers, not {y.dtype}; number the classes from 0 and give their "
                "names as classes"
            )
        if classes:
            y = _class_numbers(y, classes)
        for attribute, value in (("X", X), ("y", y), ("classes", classes)):
            object.__setattr__(self, attribute, value)

    def __len__(self) -> int:
        return len(self.X)

    @property
    def features(self) -> int:
        """How many inputs a network needs for it."""
        if self.preparation is not None and self.preparation.columns:
            return self.preparation.features
        return int(self.X.shape[1])

    @property
    def targets(self) -> NDArray:
        """What a network's outputs are compared with.

        With classes, uint8: (n, 1) of 0 and 1 for one or two, one-hot (n, classes) for more.
        Without: y as it is, (n, outputs), in its own type; no value is changed.
        """
        if not self.classes:
            return self.y if self.y.ndim == 2 else self.y[:, None]
        if len(self.classes) <= 2:
            return self.y[:, None].astype(np.uint8)
        one_hot: NDArray = self.y[:, None] == np.arange(len(self.classes))
        return one_hot.astype(np.uint8)

    def arrays(self, dtype: DTypeLike = "float32") -> tuple[NDArray, NDArray]:
        """Return (X, Y): scaled features (n, features) and targets, as floats of ``dtype``.

        The features of a table are prepared; the values of a regression are as they are.
        """
        if self.preparation is not None and self.preparation.columns:
            X = self.preparation.apply(np.asarray(self.X))
            return X.astype(dtype), self.targets.astype(dtype)
        # A Python float does not promote: float32 features stay float32.
        return np.asarray(self.X).astype(dtype) * float(self.scale), self.targets.astype(dtype)

    def part(self, rows: NDArray | slice) -> "Dataset":
        """Return the data set with these rows only."""
        return replace(self, X=lazily(self.X)[rows], y=self.y[rows])


def refuse_masked(array: Any, name: str) -> None:
    """Raise DataError where values are masked: NumPy would compute with what lies below."""
    masked = int(np.count_nonzero(np.ma.getmask(array)))
    if masked:
        raise DataError(
            f"{name} has {masked} masked values; expected a number in each "
            "place: fill them in with .filled(value), or leave out their rows"
        )


def _array(values: Any, name: str) -> Any:
    """Return lists and tables as arrays; what is an array, on whatever device, stays as it is."""
    refuse_masked(values, name)
    if isinstance(values, MappedRows) or hasattr(values, "reshape"):
        return values
    try:
        return np.asarray(values)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{name} cannot be read as an array ({error}); pass rows of equal length"
        ) from error


def _class_numbers(y: NDArray, classes: tuple[str, ...]) -> NDArray:
    """Return y as int64 if it holds numbers of ``classes``."""
    if y.ndim != 1:
        raise DataError(
            f"with classes, y must be class numbers of shape (n,), not {y.shape}; y.argmax(axis=1) "
            "makes them from one-hot rows, y[:, 0] from a single column"
        )
    wrong = ~((y >= 0) & (y < len(classes)))  # so written, NaN is wrong too
    if not wrong.any():
        wrong = y.astype(np.int64) != y
    if wrong.any():
        raise DataError(
            f"y holds {float(y[wrong][0]):g}, but with {len(classes)} classes it must hold whole "
            f"numbers from 0 to {len(classes) - 1}; for a regression leave out classes"
        )
    return y.astype(np.int64, copy=False)
