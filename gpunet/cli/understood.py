"""A picture in the terminal, as a network was shown it."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet.datasets import Dataset
from gpunet.errors import DataError
from gpunet.nn.input_format import InputFormat
from gpunet.pictures.as_learnt import placement_known

SHADES, PLAIN_SHADES = " ░▒▓█", " .+#@"


def _ink(row: NDArray, known: InputFormat, shape: tuple[int, int]) -> NDArray[np.floating]:
    """Return the ink of one example (features,); floats of a model of bytes are scaled already."""
    picture = np.asarray(row, np.float64).reshape(shape)
    placement = placement_known(known)
    paper, ink = (0.0, 255.0) if placement is None else (placement.paper, placement.ink)
    if row.dtype.kind == "f" and known.scale != 1.0:
        paper, ink = paper * known.scale, ink * known.scale
    return np.clip((picture - paper) / (ink - paper), 0, 1)


def with_pictures(
    found: list[dict[str, Any]], data: Dataset, known: InputFormat
) -> list[dict[str, Any]]:
    """Return the results with "picture", the ink (rows, columns) from 0 to 1 as lists.

    Raises:
        DataError: The model does not learn pictures.
    """
    if known.image_shape is None:
        raise DataError("--show draws pictures, but this model was not trained on any")
    return [
        result | {"picture": np.round(_ink(row, known, known.image_shape), 3).tolist()}
        for result, row in zip(found, data.X, strict=True)
    ]


def drawn_in_text(picture: list[list[float]]) -> str:
    """Return the picture as text, a character for two pixels below each other: as in a terminal."""
    shades = SHADES if _can_print(SHADES) else PLAIN_SHADES
    ink = np.asarray(picture)
    rows, columns = ink.shape
    pairs = np.pad(ink, ((0, rows % 2), (0, 0))).reshape(-1, 2, columns).mean(axis=1)
    chosen = np.ceil(pairs * (len(shades) - 1) - 0.25).astype(int).clip(0, len(shades) - 1)
    return "\n".join("|" + "".join(shades[k] for k in line) + "|" for line in chosen)


def _can_print(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True
