"""Reading a picture's file: PNG or JPEG, any mode, as colours on paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet.errors import DataError, MissingExtraError

# Larger pictures are reduced first: no drawing needs more, and time and memory are saved.
LARGEST_SIDE = 1024
OPAQUE = 128  # from this alpha on
# Opaque parts whose lightness differs by so much hold paper and ink both.
TWO_COLOURS = 40.0


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Return the colours (rows, columns, 3), uint8, as the picture is meant to be held.

    Transparent parts are paper: of the colour of the opaque paper if there is some, else black
    behind light strokes and white behind dark ones.

    Raises:
        DataError: It is no picture.
        MissingExtraError: Pillow is not installed.
    """
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError as error:
        raise MissingExtraError("pictures need Pillow; pip install 'gpunet[plot]'") from error
    try:
        with Image.open(path) as stored:
            image = ImageOps.exif_transpose(stored)  # as the camera was held
            if image.mode.startswith("I"):  # 16 bits, which convert would cut off at 255
                image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
            if max(image.size) >= 2 * LARGEST_SIDE:
                image = image.convert("RGBA").reduce(max(image.size) // LARGEST_SIDE)
            return _on_paper(np.asarray(image.convert("RGBA")))
    except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as a picture ({error})") from error


def _on_paper(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    colours, alpha = rgba[..., :3], rgba[..., 3:]
    if alpha.min() == 255:
        return colours
    opaque = alpha[..., 0] >= OPAQUE
    paper: Any = 255.0
    if opaque.any():
        seen = colours[opaque].astype(np.float64)
        low, high = np.percentile(seen.mean(axis=1), [0.5, 99.5])
        if high - low > TWO_COLOURS and opaque.mean() > 0.5:
            paper = np.median(seen, axis=0)
        else:
            paper = 0.0 if seen.mean() > 127 else 255.0
    share = alpha / 255.0
    return np.round(share * colours + (1 - share) * paper).astype(np.uint8)
