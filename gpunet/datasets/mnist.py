"""The ten digits of MNIST, from a folder or downloaded."""

import os

import numpy as np
from numpy.typing import NDArray

from gpunet.datasets.cache import cache_folder
from gpunet.datasets.dataset import Dataset
from gpunet.datasets.download import Report, fetch_mnist
from gpunet.datasets.idx_folder import FOUR, find_idx, read_idx_folder
from gpunet.datasets.parts import Part
from gpunet.errors import DataError

IMAGE_SHAPE = (28, 28)


def load_mnist(
    data_dir: str | os.PathLike[str] | None = None, report: Report | None = None
) -> tuple[Dataset, Dataset]:
    """Load the ten digits: 60,000 training and 10,000 test images.

    They come from ``data_dir``, else from the folder GPUNET_DATA_DIR, and then
    nothing is ever downloaded; else from the user's cache folder, where missing
    files are fetched. Raises FileError (a missing file, no mirror) or DataError.
    """
    folder = data_dir or os.environ.get("GPUNET_DATA_DIR")
    if not folder:
        folder = cache_folder() / "mnist"
        if not folder.is_dir() or any(find_idx(folder, part) is None for part in FOUR):
            fetch_mnist(folder, report=report)
    train, test = read_idx_folder(folder)
    return digit_dataset(train, range(10), "mnist"), digit_dataset(test, range(10), "mnist")


def digit_dataset(part: Part, digits: range | tuple[int, ...], name: str) -> Dataset:
    """Return MNIST images and their digits as a data set.

    Args:
        part: images (n, 28, 28) uint8 and labels (n,), the digits themselves.
        digits: Which digits there are, ascending; digits[k] becomes class k.
        name: What messages call the data set.

    Raises DataError for anything else.
    """
    part.check()
    images, labels = part.X, part.labels
    if images.shape[1:] != IMAGE_SHAPE or images.dtype != np.uint8:
        raise DataError(
            f"{part.name}: expected uint8 images of shape (n, 28, 28), got {images.dtype.name} of "
            f"shape {images.shape}; is it MNIST? Load another data set by the path of its folder"
        )
    strangers = ~np.isin(labels, np.asarray(digits))
    if strangers.any():
        row = int(strangers.argmax())
        raise DataError(
            f"{part.labels_name}: expected labels among {', '.join(map(str, digits))}, but label "
            f"{row} is {labels[row]}; is it MNIST? Load another data set by the path of its folder"
        )
    y: NDArray = np.searchsorted(np.asarray(digits), labels).astype(np.int64)
    classes = tuple(str(digit) for digit in digits)
    X = np.asarray(images).reshape(len(images), -1)
    return Dataset(X, y, 1 / 255, classes, name, IMAGE_SHAPE)
