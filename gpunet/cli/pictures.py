"""Reading what ``gpunet predict`` is given: IDX files, .npy arrays, PNG and JPEG pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpunet.datasets.idx import read_idx
from gpunet.errors import DataError, FileError, MissingExtraError
from gpunet.nn.input_format import InputFormat

PICTURES = (".png", ".jpg", ".jpeg")
# A digit of MNIST is light on dark: its mean is near 33 of 255. Scans are dark on light.
LIGHT_BACKGROUND = 127


def read_inputs(
    paths: tuple[str, ...], known: InputFormat, invert: bool
) -> Iterator[tuple[str, NDArray]]:
    """Yield (name, rows) for each path; rows are (n, features), of the file's own type.

    Args:
        paths: Files.
        known: What the model's inputs were: pictures are brought to their size.
        invert: Whether dark on light is meant; the rows stay as they are.

    Raises:
        FileError, DataError: A file cannot be read, or is not what its name says.
        MissingExtraError: A picture, and Pillow is not installed.
    """
    for name in paths:
        path = Path(name)
        if not path.is_file():
            raise FileError(f"there is no file {path}; predict takes IDX, .npy, PNG and JPEG files")
        if path.suffix.lower() in PICTURES:
            array = read_picture(path, known)
            if array.mean() > LIGHT_BACKGROUND and not invert:
                raise DataError(
                    f"{path} is dark on light (mean {array.mean():.0f} of 255), but the model "
                    "learnt light on dark; add --invert"
                )
        elif path.suffix.lower() in (".csv", ".tsv", ".txt", ".npz"):
            raise DataError(
                f"{path}: predict takes IDX, .npy, PNG and JPEG files; store the rows, without "
                "labels, with numpy.save"
            )
        elif path.suffix.lower() == ".npy":
            array = _read_npy(path)
        else:
            array = read_idx(path)
        rows = _as_rows(array, path, known.image_shape)
        yield name, rows


def read_picture(path: Path, known: InputFormat) -> NDArray[np.uint8]:
    """Return a PNG or JPEG as grey levels, scaled to the model's picture size."""
    if known.image_shape is None:
        raise DataError(f"{path} is a picture, but this model was not trained on pictures")
    if known.scale == 1.0:
        raise DataError(
            f"{path} holds pixels from 0 to 255, but the model learnt from pictures that were not "
            "bytes, and doesn't know their scale; store the picture in a .npy file as in training"
        )
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError as error:
        raise MissingExtraError("pictures need Pillow; pip install 'gpunet[plot]'") from error
    try:
        with Image.open(path) as stored:
            image = ImageOps.exif_transpose(stored)  # as the camera was held
            if image.mode.startswith("I"):  # 16 bits, which convert would cut off at 255
                image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
            # Transparent parts are paper, whatever colour is stored in them.
            rgba = image.convert("RGBA")
            paper = Image.new("RGBA", rgba.size, "white")
            grey = Image.alpha_composite(paper, rgba).convert("L")
            return np.asarray(grey.resize(known.image_shape[::-1], Image.Resampling.LANCZOS))
    except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as a picture ({error})") from error


def _read_npy(path: Path) -> NDArray:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} is not a complete .npy file of numbers ({error})") from error
    if not isinstance(array, np.ndarray):
        raise DataError(f"{path} holds several arrays; save the one to predict with numpy.save")
    return array


def _as_rows(array: NDArray, path: Path, shape: tuple[int, int] | None) -> NDArray:
    """Return (n, features) from (n, features), (n, rows, columns), one picture or one row."""
    if array.ndim == 3:
        return array.reshape(len(array), -1)
    if array.ndim == 1 or (array.ndim == 2 and array.shape == shape):
        return array.reshape(1, -1)
    if array.ndim == 2:
        return array
    raise DataError(
        f"{path} has shape {array.shape}; expected rows (n, features) or pictures "
        "(n, rows, columns)"
    )
