"""Pictures from files, as a network has learnt its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpunet.datasets.dataset import Dataset
from gpunet.errors import DataError, FileError
from gpunet.nn.input_format import InputFormat
from gpunet.nn.network import Network
from gpunet.pictures.drawn import levels, understand
from gpunet.pictures.placement import Placement, like_mnist, remembered
from gpunet.pictures.reading import read_picture

File = str | os.PathLike[str]


def read_pictures(
    paths: File | Sequence[File], network: Network, invert: bool | None = None
) -> Dataset:
    """Return drawings, as people make them, as what the network predicts from.

    Args:
        paths: One or more PNG or JPEG files. The drawing in each is found, of whatever size,
            place, colours and polarity, and brought to where and how the network learnt drawings.
        network: Trained on pictures: a Dataset with an ``image_shape``.
        invert: Whether ink and paper are the other way round than in its training data; by default
            that is found out for each.

    Returns:
        A Dataset of (n, features), whose classes are not known: y is 0.

    Raises:
        DataError: A file is no picture, nothing is drawn in it, or the network learnt no pictures.
        FileError: There is no such file.
        MissingExtraError: Pillow is not installed.
    """
    known = network.input_format
    files = [Path(p) for p in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
    for file in files:
        if not file.is_file():
            raise FileError(f"there is no file {file}; expected a PNG or JPEG picture")
    if not files:
        raise DataError("no picture was given; expected the path of one or more")
    X = np.stack([as_learnt(file, known, invert).reshape(-1) for file in files])
    scale = known.scale if X.dtype == np.uint8 else 1.0
    y = np.zeros(len(X), np.int64)
    return Dataset(X, y, scale, name="pictures", image_shape=known.image_shape)


def placement_known(known: InputFormat) -> Placement | None:
    """Return how the model's pictures are drawn; None if they are no drawings.

    A model that does not say so learnt from bytes like MNIST's, as far as one can tell.
    """
    if known.image_shape is None or "pictures" in known.source:
        return remembered(known.source.get("pictures"))
    return like_mnist(known.image_shape) if known.scale != 1.0 else None


def as_learnt(path: Path, known: InputFormat, invert: bool | None) -> NDArray:
    """Return a picture as the model's training pictures are: (rows, columns), uint8 or float32.

    Args:
        path: A PNG or JPEG.
        known: What the model's inputs were.
        invert: Whether ink and paper are the other way round than there; None to find that out.

    Raises:
        DataError: It is no picture, nothing is drawn in it, or the model does not learn pictures.
        MissingExtraError: Pillow is not installed.
    """
    if known.image_shape is None:
        raise DataError(f"{path} is a picture, but this model was not trained on pictures")
    pixels, placement = known.scale != 1.0, placement_known(known)
    if placement is None and not pixels:
        raise DataError(
            f"{path} holds pixels from 0 to 255, but the model learnt from pictures that were not "
            "bytes, and doesn't know their scale; store the picture in a .npy file as in training"
        )
    rgb = read_picture(path)
    if placement is None:
        return _resized(rgb, known.image_shape, bool(invert))
    dark = None if invert is None else placement.dark_on_light != invert
    try:
        return levels(understand(rgb, known.image_shape, placement, dark), placement, pixels)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _resized(rgb: NDArray[np.uint8], shape: tuple[int, int], invert: bool) -> NDArray[np.uint8]:
    """Return a picture that is no drawing as grey levels of the model's size."""
    from PIL import Image

    grey = Image.fromarray(rgb).convert("L").resize(shape[::-1], Image.Resampling.LANCZOS)
    return 255 - np.asarray(grey) if invert else np.asarray(grey)
