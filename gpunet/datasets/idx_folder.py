"""A folder with the four IDX files of an MNIST-like data set."""

import os
import re
from pathlib import Path

from gpunet.datasets.idx import read_idx
from gpunet.datasets.mapped import in_memory_if_small
from gpunet.datasets.parts import Part
from gpunet.errors import FileError

FOUR = ("train-images", "train-labels", "t10k-images", "t10k-labels")


def find_idx(folder: str | os.PathLike[str], part: str) -> Path | None:
    """Return the file of ``part`` ("train-images", ...), or None.

    Takes the names in use: train-images-idx3-ubyte, train-images.idx3-ubyte, each
    with or without .gz. A plain file comes before a .gz: it can be mapped.
    Raises FileError where the folder cannot be listed.
    """
    wanted = re.compile(rf"{part}([-._]idx\d+[-._]\w+)?(\.gz)?")
    try:
        found = [path for path in Path(folder).iterdir() if wanted.fullmatch(path.name)]
    except OSError as error:
        raise FileError(
            f"cannot list {folder} ({error.strerror or error}); expected a folder with the files "
            f"{', '.join(FOUR)}. Check the path; `gpunet fetch mnist` downloads those of MNIST"
        ) from error
    return min(found, key=lambda path: (path.suffix == ".gz", path.name), default=None)


def read_idx_folder(folder: str | os.PathLike[str]) -> tuple[Part, Part]:
    """Read the training and the test part of the IDX files in ``folder``.

    A plain file of images too large to be read at once (mapped.MAPPED_FROM) stays
    on the disk and is streamed; a .gz is unpacked into memory whatever its size.
    Raises FileError where a file is missing, DataError where one is damaged.
    """
    paths = {part: find_idx(folder, part) for part in FOUR}
    if missing := [f"{part}-idx*-ubyte[.gz]" for part, path in paths.items() if path is None]:
        raise FileError(
            f"{folder} lacks {', '.join(missing)}; expected the four IDX files of MNIST or a data "
            "set like it. Put them there; or, for MNIST, leave out data_dir and GPUNET_DATA_DIR "
            "and run `gpunet fetch mnist`"
        )
    train, test = (
        Part(in_memory_if_small(read_idx(images)), read_idx(labels), images.name, labels.name)
        for images, labels in (
            (paths["train-images"], paths["train-labels"]),
            (paths["t10k-images"], paths["t10k-labels"]),
        )
        if images is not None and labels is not None
    )
    return train, test
