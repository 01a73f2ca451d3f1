"""The digits 5 and 8 of MNIST, shipped inside the package (see MNIST-NOTICE.txt)."""

from pathlib import Path

import numpy as np

from gpunet.datasets.dataset import Dataset
from gpunet.datasets.idx import encode_idx, parse_idx
from gpunet.datasets.mnist import digit_dataset
from gpunet.datasets.parts import Part
from gpunet.errors import DataError, FileError

DIGITS = (5, 8)
EMBEDDED = Path(__file__).with_name("mnist58.xz")


def load_mnist58(path: Path = EMBEDDED) -> tuple[Dataset, Dataset]:
    """Load the embedded subset: 11,272 training and 1,866 test images, in MNIST's order.

    X is uint8 (n, 784), y is 0 for a 5 and 1 for an 8. Raises DataError or
    FileError for a damaged or missing file.
    """
    import lzma

    remedy = "install gpunet again, or rebuild it with scripts/build_mnist58.py"
    try:
        content = lzma.decompress(path.read_bytes(), lzma.FORMAT_XZ)
    except (lzma.LZMAError, EOFError) as error:
        raise DataError(f"{path} is damaged ({error}); expected an xz file: {remedy}") from error
    except OSError as error:
        raise FileError(f"cannot read {path} ({error.strerror or error}): {remedy}") from error
    # xz carries a checksum of its own: what has been inflated is what was packed.
    arrays = parse_idx(content, str(path))
    if len(arrays) != 4:
        raise DataError(f"{path} holds {len(arrays)} arrays; expected 4: {remedy}")
    train, test = (
        digit_dataset(Part(images, labels, path.name), DIGITS, "mnist58")
        for images, labels in (arrays[:2], arrays[2:])
    )
    return train, test


def pack_mnist58(train: Part, test: Part) -> bytes:
    """Return the content of ``mnist58.xz``: the four arrays of the two digits, packed.

    ``train`` and ``test`` hold all ten digits. The same input gives the same bytes.
    """
    import lzma

    content = b""
    for part in (train, test):
        chosen = np.isin(part.labels, DIGITS)
        content += encode_idx(part.X[chosen]) + encode_idx(part.labels[chosen])
    # lc=4, pb=0: single bytes that depend on their neighbour, with no alignment. Against
    # the preset that is a little smaller and inflates in two thirds of the time.
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 4, "pb": 0}]
    return lzma.compress(content, lzma.FORMAT_XZ, lzma.CHECK_CRC64, filters=filters)
