"""Pictures for a network, from Python."""

from pathlib import Path

import numpy as np
import pytest

import gpunet
from gpunet.errors import DataError, FileError

image_module = pytest.importorskip("PIL.Image")


@pytest.fixture(scope="module")
def data() -> gpunet.datasets.Dataset:
    return gpunet.datasets.load("mnist58")[0].part(slice(0, 100))


@pytest.fixture(scope="module")
def network(data: gpunet.datasets.Dataset) -> gpunet.Network:
    network = gpunet.Network([784, 4, 1], device="cpu")
    gpunet.fit(network, data, epochs=2)
    return network


@pytest.fixture
def files(tmp_path: Path, data: gpunet.datasets.Dataset) -> list[Path]:
    """The first two digits, the second dark on light."""
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    for file, X in zip(files, (data.X[0], 255 - data.X[1]), strict=True):
        image_module.fromarray(X.reshape(28, 28)).save(file)
    return files


def test_they_are_what_the_network_takes(
    network: gpunet.Network, data: gpunet.datasets.Dataset, files: list[Path]
) -> None:
    found = gpunet.read_pictures(files, network)
    np.testing.assert_array_equal(found.X, data.X[:2])
    np.testing.assert_array_equal(
        network.predict_proba(found), network.predict_proba(data.part(slice(0, 2)))
    )
    for one in (files[0], str(files[0])):
        np.testing.assert_array_equal(gpunet.read_pictures(one, network).X, data.X[:1])


def test_a_network_that_learnt_floats_gets_floats(
    data: gpunet.datasets.Dataset, files: list[Path]
) -> None:
    X = 1 - data.X / 255
    floats = gpunet.datasets.Dataset(X, data.y, classes=data.classes, image_shape=(28, 28))
    network = gpunet.Network([784, 4, 1], device="cpu")
    gpunet.fit(network, floats, epochs=1)
    np.testing.assert_allclose(gpunet.read_pictures(files, network).X, X[:2], atol=1e-6)  # float32


def test_what_cannot_be_is_said(network: gpunet.Network, files: list[Path]) -> None:
    with pytest.raises(FileError, match="there is no file"):
        gpunet.read_pictures(files[0].with_name("c.png"), network)
    with pytest.raises(DataError, match="no picture was given"):
        gpunet.read_pictures([], network)
    with pytest.raises(DataError, match="not trained on pictures"):
        gpunet.read_pictures(files, gpunet.Network([784, 1], device="cpu"))
