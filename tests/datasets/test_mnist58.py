"""The embedded subset is MNIST's, whole, and cheap to load."""

import hashlib
import importlib.util
import lzma
import time
from pathlib import Path

import click.testing
import numpy as np
import pytest

from gpunet.datasets import load
from gpunet.datasets.idx import encode_idx
from gpunet.datasets.idx_folder import read_idx_folder
from gpunet.datasets.mnist58 import EMBEDDED, load_mnist58, pack_mnist58
from gpunet.errors import DataError, FileError

SCRIPT = Path(__file__).parents[2] / "scripts" / "build_mnist58.py"


def test_shapes_types_and_counts() -> None:
    train, test = load("mnist58")
    for part, fives, eights in ((train, 5421, 5851), (test, 892, 974)):
        n = fives + eights
        assert part.X.shape == (n, 784)
        assert part.X.dtype == np.uint8
        assert part.X.flags.c_contiguous
        assert part.y.dtype == np.int64
        assert np.bincount(part.y).tolist() == [fives, eights]
        assert (part.scale, part.classes, part.image_shape) == (1 / 255, ("5", "8"), (28, 28))
        assert part.name == "mnist58"
        assert part.targets.shape == (n, 1)
    assert (train.X.max(axis=0) > 0).sum() == 597  # of the original training images, too


def test_pixels_and_labels_are_the_published_ones() -> None:
    """The hash was taken from the original files, whose own hashes had been checked."""
    train, test = load("mnist58")
    digest = hashlib.sha256()
    for part in (train, test):
        digest.update(part.X.tobytes() + part.y.astype(np.uint8).tobytes())
    assert digest.hexdigest() == "7c7cdcdf15be78a25f565db796d9e4a14ef023a5cd2bca445efa696e2c5ea1ac"


def test_it_loads_in_half_a_second() -> None:
    load("mnist58")
    started = time.process_time()
    load("mnist58")
    assert time.process_time() - started < 0.5


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mnist58.xz"
    content = EMBEDDED.read_bytes()
    flipped = bytearray(content)
    flipped[1_000_000] ^= 1
    for damaged in (content[:-100], flipped, b"", b"not xz at all"):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"mnist58\.xz.*(install gpunet again|again)"):
            load_mnist58(path)


def test_other_arrays_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mnist58.xz"
    images, labels = np.zeros((2, 28, 28), np.uint8), np.array([5, 8], np.uint8)
    for arrays, message in (
        ([images, labels], "holds 2 arrays; expected 4"),
        ([images, labels, images, labels[:1]], "has 2 rows but labels has 1"),
        ([images, labels, images, labels - 1], "label 0 is 4"),
        ([images, labels, images[:, 1:], labels], r"expected uint8 images of shape \(n, 28, 28\)"),
    ):
        path.write_bytes(lzma.compress(b"".join(map(encode_idx, arrays))))
        with pytest.raises(DataError, match=message):
            load_mnist58(path)
    with pytest.raises(FileError, match=r"cannot read .*missing"):
        load_mnist58(tmp_path / "missing")


def test_packing_keeps_the_two_digits_in_order(mnist_folder: Path, tmp_path: Path) -> None:
    parts = read_idx_folder(mnist_folder)
    content = pack_mnist58(*parts)
    assert content == pack_mnist58(*parts)
    (tmp_path / "packed").write_bytes(content)
    for part, packed in zip(parts, load_mnist58(tmp_path / "packed"), strict=True):
        chosen = [i for i, digit in enumerate(part.labels) if digit in (5, 8)]
        assert packed.y.tolist() == [int(part.labels[i] == 8) for i in chosen]
        assert packed.X.tobytes() == part.X[chosen].tobytes()


def test_a_notice_lies_beside_it() -> None:
    notice = EMBEDDED.with_name("MNIST-NOTICE.txt").read_text()
    for words in ("LeCun", "Cortes", "Burges", "CC BY-SA 3.0", "licenses/by-sa/3.0", "5 and 8"):
        assert words in notice


def test_the_build_script_refuses_other_data(mnist_folder: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("build_mnist58", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    out = tmp_path / "out.xz"
    arguments = ["--data-dir", str(mnist_folder), "--out", str(out)]
    result = click.testing.CliRunner().invoke(script.main, arguments)
    assert result.exit_code == 1
    assert "is not MNIST's file" in result.output
    assert not out.exists()
