"""The ten digits: found under every usual name, and checked."""

import gzip
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from gpunet.datasets import load
from gpunet.datasets.checksums import MNIST_SHA256
from gpunet.datasets.idx import encode_idx, write_idx
from gpunet.errors import DataError, FileError

REAL = os.environ.get("GPUNET_DATA_DIR")  # read here: a fixture hides it from the tests
needs_mnist = pytest.mark.skipif(
    not REAL, reason="set GPUNET_DATA_DIR to a folder with the four MNIST files to run this"
)


def rename(folder: Path, name: str) -> None:
    for old, content in [(path, path.read_bytes()) for path in folder.iterdir()]:
        old.unlink()
        stem, kind = old.name.removesuffix(".gz").split("-idx")
        new = name.format(stem=stem, kind=kind)
        (folder / new).write_bytes(content if new.endswith("gz") else gzip.decompress(content))


@pytest.mark.parametrize(
    "name",
    [
        "{stem}-idx{kind}",
        "{stem}-idx{kind}.gz",
        "{stem}.idx{kind}",
        "{stem}.idx{kind}.gz",
    ],
)
def test_every_usual_file_name_is_found(mnist_folder: Path, name: str) -> None:
    expected = [part.X.copy() for part in load("mnist", data_dir=mnist_folder)]
    rename(mnist_folder, name)
    for part, X in zip(load("mnist", data_dir=mnist_folder), expected, strict=True):
        np.testing.assert_array_equal(part.X, X)
        assert part.X.dtype == np.uint8
        assert type(part.X) is np.ndarray
        assert part.y.dtype == np.int64
        assert part.y.tolist() == [i % 10 for i in range(len(X))]
        assert (part.scale, part.image_shape, part.name) == (1 / 255, (28, 28), "mnist")
        assert part.classes == tuple("0123456789")


def test_a_plain_file_comes_before_a_packed_one(mnist_folder: Path) -> None:
    write_idx(mnist_folder / "t10k-labels-idx1-ubyte", np.full(10, 7, np.uint8))
    assert set(load("mnist", data_dir=mnist_folder)[1].y) == {7}


def test_the_environment_names_the_folder(
    mnist_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPUNET_DATA_DIR", str(mnist_folder))
    assert len(load("mnist")[0]) == 20


def test_files_in_the_cache_need_no_network(
    mnist_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPUNET_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("GPUNET_MIRRORS", "http://127.0.0.1:1/")  # nobody listens there
    shutil.copytree(mnist_folder, tmp_path / "mnist")
    assert len(load("mnist")[0]) == 20
    (tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz").unlink()
    monkeypatch.setenv("GPUNET_DATA_DIR", "")  # as good as unset
    with pytest.raises(FileError, match=r"train-images-idx3-ubyte.gz:\n  http://127.0.0.1:1/train"):
        load("mnist", data_dir=None)


def test_a_named_folder_never_triggers_a_download(
    mnist_folder: Path, serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = serve()
    monkeypatch.setenv("GPUNET_MIRRORS", mirror.url)
    (mnist_folder / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileError, match=r"lacks train-labels-idx.*gpunet fetch mnist"):
        load("mnist", data_dir=mnist_folder)
    monkeypatch.setenv("GPUNET_DATA_DIR", str(mnist_folder / "nowhere"))
    with pytest.raises(FileError, match=r"cannot list .*nowhere.*expected a folder"):
        load("mnist")
    assert mirror.requests == []


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("train-labels-idx1-ubyte.gz", np.zeros(19, np.uint8), "has 20 rows .* has 19 labels"),
        ("train-labels-idx1-ubyte.gz", np.full(20, 10, np.uint8), "0, 1, .* label 0 is 10"),
        ("t10k-labels-idx1-ubyte.gz", np.full(10, -1, np.int8), "label 0 is -1"),
        ("t10k-labels-idx1-ubyte.gz", np.zeros((10, 10), np.uint8), "argmax"),
        ("t10k-images-idx3-ubyte.gz", np.zeros((10, 28, 27), np.uint8), r"\(n, 28, 28\), got"),
        ("t10k-images-idx3-ubyte.gz", np.zeros((10, 28, 28), np.int16), "got int16"),
        ("t10k-images-idx3-ubyte.gz", np.zeros((0, 28, 28), np.uint8), "has 0 rows"),
    ],
)
def test_wrong_content_is_named(
    mnist_folder: Path, name: str, array: np.ndarray, message: str
) -> None:
    (mnist_folder / name).write_bytes(gzip.compress(encode_idx(array)))
    with pytest.raises(DataError, match=message) as caught:
        load("mnist", data_dir=mnist_folder)
    assert name in str(caught.value)


def test_a_folder_of_a_relative_loads_with_its_own_classes(mnist_folder: Path) -> None:
    labels = {"train": np.array([30, 10, 20, 10] * 5), "t10k": np.array([10, 20] * 5)}
    for part, y in labels.items():
        write_idx(mnist_folder / f"{part}-labels-idx1-ubyte", y.astype(np.uint8))
        X = np.arange(len(y) * 15, dtype=np.uint8).reshape(len(y), 3, 5)
        write_idx(mnist_folder / f"{part}-images-idx3-ubyte", X)
    train, test = load(mnist_folder)
    assert train.classes == test.classes == ("10", "20", "30")
    assert train.y[:4].tolist() == [2, 0, 1, 0]
    assert test.y[:4].tolist() == [0, 1, 0, 1]
    assert train.X.shape == (20, 15)
    assert (train.image_shape, train.scale) == ((3, 5), 1 / 255)
    assert train.name == "mnist-files"


def test_a_big_endian_float_folder_becomes_native(mnist_folder: Path) -> None:
    for part, n in (("train", 20), ("t10k", 10)):
        X = np.linspace(0, 1, n * 4).reshape(n, 2, 2).astype(np.float32)
        write_idx(mnist_folder / f"{part}-images.idx3-float", X)
        (mnist_folder / f"{part}-images-idx3-ubyte.gz").unlink()
    train, _ = load(mnist_folder)
    assert train.X.dtype.isnative
    assert train.X.dtype == np.float32
    assert train.scale == 1.0
    np.testing.assert_array_equal(train.X.ravel(), np.linspace(0, 1, 80).astype(np.float32))


@needs_mnist
def test_the_real_ten_digits() -> None:
    train, test = load("mnist", data_dir=REAL)
    assert (train.X.shape, test.X.shape) == ((60000, 784), (10000, 784))
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]  # of the training set
    assert np.bincount(train.y).tolist() == counts
    small, small_test = load("mnist58")
    for all_ten, two in ((train, small), (test, small_test)):
        chosen = np.isin(all_ten.y, (5, 8))
        np.testing.assert_array_equal(all_ten.X[chosen], two.X)
        np.testing.assert_array_equal(all_ten.y[chosen] == 8, two.y == 1)


@needs_mnist
def test_the_real_files_pass_the_published_hashes(
    tmp_path: Path, serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {}
    for name in MNIST_SHA256:
        packed, plain = Path(REAL, f"{name}.gz"), Path(REAL, name)
        files[f"{name}.gz"] = packed.read_bytes() if packed.exists() else plain.read_bytes()
    monkeypatch.setenv("GPUNET_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("GPUNET_MIRRORS", serve(files=files).url)
    train, _ = load("mnist")
    assert len(train) == 60000
