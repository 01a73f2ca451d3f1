"""A picture in the terminal, as a network was shown it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gpunet.cli.predict_outputs import Answers
from gpunet.datasets import Dataset
from gpunet.errors import DataError
from gpunet.nn.input_format import InputFormat
from gpunet.pictures.as_learnt import placement_known


def _ink(row: NDArray, known: InputFormat, shape: tuple[int, int]) -> NDArray[np.floating]:
    """Return the ink of one example (features,); floats of a model of bytes are scaled already."""
    picture = np.asarray(row, np.float64).reshape(shape)
    placement = placement_known(known)
    paper, ink = (0.0, 255.0) if placement is None else (placement.paper, placement.ink)
    if row.dtype.kind == "f" and known.scale != 1.0:
        paper, ink = paper * known.scale, ink * known.scale
    return np.clip((picture - paper) / (ink - paper), 0, 1)


def with_pictures(found: Answers, data: Dataset, known: InputFormat) -> Answers:
    """Return the answers with their pictures, the ink (rows, columns) from 0 to 1 as lists.

    Raises:
        DataError: The model does not learn pictures.
    """
    if known.image_shape is None:
        raise DataError("--show draws pictures, but this model was not trained on any")
    ink = [np.round(_ink(row, known, known.image_shape), 3).tolist() for row in data.X]
    return replace(found, pictures=tuple(ink))
