"""What numbers given to ``gpunet predict`` are to the model: pixels, or floats as in training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gpunet.datasets import Dataset
from gpunet.errors import DataError

# Scaled pixels lie from 0 to 1; what sharpens or enlarges a picture may overshoot that a little.
SMALLEST_SCALED, LARGEST_SCALED = -0.5, 2.0


def as_examples(X: NDArray, scale: float, invert: bool) -> Dataset:
    """Return rows (n, features) of any type as examples for a model, without classes.

    Booleans are black and white, 0 and 1. Integers are pixels from 0 to 255 if the model learnt
    from pixels (``scale`` is not 1), else taken as they are. Floats are taken as they are: of
    pixels, scaled already.

    Args:
        X: The rows.
        scale: What the model's inputs were multiplied by in training.
        invert: Turn dark on light into light on dark: 255 - X of integers, 1 - X of the others.

    Raises:
        DataError: Integers are no pixels, or floats not scaled, where they have to be.
    """
    if X.dtype.kind == "b":
        X = X.astype(np.float32)
    if X.dtype.kind in "iu" and (invert or scale != 1.0):
        X = _pixels(X)
        X = 255 - X if invert else X
    elif X.dtype.kind == "f":
        _check_scaled(X, scale, invert)
        X, scale = 1 - X if invert else X, 1.0
    return Dataset(X, np.zeros(len(X), np.int64), scale=scale)


def _pixels(X: NDArray) -> NDArray[np.uint8]:
    """Return integers of any type as the pixels that they are."""
    if X.size and (X.min() < 0 or X.max() > 255):
        raise DataError(
            f"expected pixels from 0 to 255, got {X.min()} to {X.max()}; scale other values as in "
            "training and store them as floats"
        )
    return X.astype(np.uint8)


def _check_scaled(X: NDArray, scale: float, invert: bool) -> None:
    """Refuse floats that cannot be scaled pixels where they have to be."""
    low, high = (X.min(), X.max()) if X.size else (0.0, 0.0)
    if invert and not (low >= 0 and high <= 1):
        raise DataError(
            f"--invert takes floats from 0 to 1, got {low:g} to {high:g}; invert them yourself, or "
            "store pixels from 0 to 255 as integers"
        )
    if scale != 1.0 and (low < SMALLEST_SCALED or high > LARGEST_SCALED):
        raise DataError(
            f"the model learnt from pixels scaled to 0 to 1, but these floats go from {low:g} to "
            f"{high:g}; store pixels from 0 to 255 as integers, or scale them to 0 to 1"
        )
