"""Reading what ``gpunet predict`` is given: IDX files, .npy arrays, PNG and JPEG pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpunet.datasets.idx import read_idx
from gpunet.errors import DataError, FileError
from gpunet.nn.input_format import InputFormat
from gpunet.pictures.as_learnt import as_learnt

PICTURES = (".png", ".jpg", ".jpeg")


def read_inputs(
    paths: tuple[str, ...], known: InputFormat, invert: bool | None
) -> Iterator[tuple[str, NDArray, bool]]:
    """Yield (name, rows, whether to invert them) for each path; rows are (n, features).

    Rows of numbers have the file's own type; pictures are as in the training data, and right
    already.

    Args:
        paths: Files.
        known: What the model's inputs were.
        invert: Whether ink and paper are the other way round than in training; None if that has to
            be recognised, which it is in pictures, while numbers are then taken as they are.

    Raises:
        FileError, DataError: A file cannot be read, or is not what its name says.
        MissingExtraError: A picture, and Pillow is not installed.
    """
    for name in paths:
        path = Path(name)
        if not path.is_file():
            raise FileError(f"there is no file {path}; predict takes IDX, .npy, PNG and JPEG files")
        if path.suffix.lower() in PICTURES:
            yield name, as_learnt(path, known, invert).reshape(1, -1), False
            continue
        if path.suffix.lower() in (".csv", ".tsv", ".txt", ".npz"):
            raise DataError(
                f"{path}: predict takes IDX, .npy, PNG and JPEG files; store the rows, without "
                "labels, with numpy.save"
            )
        array = _read_npy(path) if path.suffix.lower() == ".npy" else read_idx(path)
        yield name, _as_rows(array, path, known.image_shape), bool(invert)


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
