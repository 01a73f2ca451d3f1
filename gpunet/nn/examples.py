"""What a user gives as examples, checked before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet.backends import Backend
from gpunet.datasets.dataset import Dataset, refuse_masked
from gpunet.datasets.mapped import MappedRows, lazily
from gpunet.datasets.preparation import Preparation
from gpunet.errors import DataError
from gpunet.nn.architecture import Architecture

# How far the rows of given class probabilities may be from a sum of 1: rounding of float32 sums.
ROW_SUM_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Examples:
    """Checked host arrays: X (n, features) and Y (n, outputs), uint8 or the network's floats.

    A memory-mapped X stays in its file.
    """

    X: NDArray | MappedRows
    Y: NDArray | None
    scale: float

    def __len__(self) -> int:
        return len(self.X)

    @property
    def mapped(self) -> bool:
        """Whether X stays in its file."""
        return isinstance(self.X, MappedRows)


def check_examples(
    X: Any,
    Y: Any,
    architecture: Architecture,
    backend: Backend,
    need_targets: bool = True,
    scale: float = 1.0,
    preparation: Preparation | None = None,
) -> Examples:
    """Return the examples as host arrays that fit the network.

    Args:
        X: A Dataset (then Y must be None), or (n, features) numbers. What is memory-mapped is
            looked through in pieces, floats only.
        Y: (n,) or (n, outputs) targets; class numbers (n,) for a softmax.
        architecture, backend: The network's.
        need_targets: Whether Y has to be there.
        scale: What plain arrays of integers are multiplied by; floats are taken as they are.
        preparation: What a Dataset's rows go through; and by which the values of a regression,
            in plain arrays too, are standardised.

    Raises:
        DataError: Wrong shape, type, range or length, nothing at all, or a value not finite.
    """
    refuse_masked(X, "X")
    refuse_masked(Y, "Y")
    plain = not isinstance(X, Dataset)
    if isinstance(X, Dataset):
        scale = _number(X.scale)
        if Y is None and need_targets:
            Y = X.y if architecture.output == "softmax" else X.targets
        X = X.X
        if preparation is not None and preparation.columns:
            X, scale = preparation.apply(np.asarray(X)), 1.0
    stored = _host(lazily(X), "X", backend)
    if plain and stored.dtype.kind not in "iu":
        scale = 1.0
    X = _features(stored, architecture)
    if Y is None:
        if need_targets:
            raise DataError("targets are missing: pass Y, or a data set as X")
        return Examples(X, None, scale)
    Y = np.asarray(_host(Y, "Y", backend))
    if preparation is not None and preparation.target is not None:
        Y = preparation.target.standardised(Y)
    Y = _targets(Y, architecture)
    if len(X) != len(Y):
        raise DataError(f"X has {len(X)} rows but Y has {len(Y)}; each example needs one target")
    return Examples(X, Y, scale)


def _number(scale: Any) -> float:
    """Return a data set's scale as Python's float, which leaves an array in its precision."""
    try:
        return float(scale)
    except (TypeError, ValueError) as error:
        raise DataError(f"the data set's scale must be a number; got {scale!r}") from error


def _host(array: Any, name: str, backend: Backend) -> NDArray | MappedRows:
    """Return any array as a NumPy array of numbers; MappedRows as they are."""
    host: NDArray | MappedRows
    try:
        if isinstance(array, MappedRows):
            host = array
        else:
            host = backend.to_numpy(array) if backend.owns(array) else np.asarray(array)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{name} cannot be read as an array ({error}); pass a NumPy array or one that lives "
            f"on {backend.device}"
        ) from error
    if host.dtype.kind not in "biuf":
        raise DataError(f"{name} must hold numbers, not {host.dtype}")
    return host


def _features(X: NDArray | MappedRows, architecture: Architecture) -> NDArray | MappedRows:
    expected = architecture.sizes[0]
    if X.ndim != 2:
        raise DataError(
            f"X must be a table (n, {expected}), one example a row; got shape {X.shape}. "
            "X.reshape(len(X), -1) flattens images"
        )
    if len(X) == 0:
        raise DataError("X holds no examples: at least one row is needed")
    if X.shape[1] != expected:
        hint = "; did you flatten 28x28 images?" if expected == 784 else ""
        raise DataError(f"X has {X.shape[1]} columns but the network expects {expected}{hint}")
    if X.dtype == np.uint8:
        return X
    if isinstance(X, MappedRows):
        for rows in X.pieces():
            _finite(np.asarray(X[rows]), "X", architecture.dtype, rows.start)
        return X.converted(architecture.dtype)
    return _finite(X, "X", architecture.dtype)


def _finite(array: NDArray, name: str, dtype: str, first: int = 0) -> NDArray:
    """Return the array in the network's precision; a value that is not finite there is an error.

    ``first`` is the number of its first row, where the array is a piece of another.
    """
    with np.errstate(over="ignore"):
        floats = np.ascontiguousarray(array, dtype=dtype)
    finite = np.isfinite(floats)
    if not finite.all():
        row, *column = np.argwhere(~finite)[0]
        where = f"row {first + row}" + (f", column {column[0]}" if column else "")
        raise DataError(
            f"{name} is {array[(row, *column)]} in {where}, which is not a finite {dtype}; remove "
            f"or replace such values ({np.count_nonzero(~finite)} of {array.size})"
        )
    return floats


def _targets(Y: NDArray, architecture: Architecture) -> NDArray:
    """Return targets as (n, outputs); class numbers become one-hot rows."""
    outputs = architecture.sizes[-1]
    if Y.ndim == 1 and architecture.output == "softmax":
        return _one_hot(Y, outputs)
    if Y.ndim == 1 and outputs == 1:
        Y = Y[:, None]
    if Y.ndim != 2 or Y.shape[1] != outputs:
        classes = " (or class numbers (n,))" if architecture.output == "softmax" else ""
        raise DataError(f"Y must be (n, {outputs}){classes} for this network; got shape {Y.shape}")
    Y = Y if Y.dtype == np.uint8 else _finite(Y, "Y", architecture.dtype)
    outside = (Y < 0) | (Y > 1)
    if architecture.loss.endswith("crossentropy") and outside.any():
        raise DataError(
            f"{architecture.loss} takes targets from 0 to 1, but Y holds {Y[outside][0]:g}; number "
            "the classes from 0"
        )
    if architecture.output == "sigmoid" and outside.any() and (np.floor(Y) == Y).all():
        raise DataError(
            f"a sigmoid's classes are 0 and 1, but Y holds {Y[outside][0]:g}; number the classes "
            "from 0, or choose another output for other values"
        )
    if architecture.loss == "categorical_crossentropy":
        sums = Y.sum(axis=1, dtype=float)
        if (abs(sums - 1) > ROW_SUM_TOLERANCE).any():
            row = int(np.argmax(abs(sums - 1) > ROW_SUM_TOLERANCE))
            raise DataError(f"row {row} of Y sums to {sums[row]:g}; one-hot rows sum to 1")
    return Y


def _one_hot(y: NDArray, classes: int) -> NDArray:
    if y.dtype.kind == "f" and (y != np.floor(y)).any():
        raise DataError("class numbers must be integers; Y has fractions")
    if len(y) and (y.min() < 0 or y.max() >= classes):
        wrong = y[(y < 0) | (y >= classes)][0]
        raise DataError(
            f"Y holds the class number {wrong:g}, but the network has {classes} outputs: expected "
            f"0 to {classes - 1}"
        )
    return (y[:, None] == np.arange(classes)).astype(np.uint8)
