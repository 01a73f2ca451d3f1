"""A Dataset's targets are its y: class numbers, or values that nothing may change."""

from pathlib import Path

import numpy as np
import pytest

import gpunet
from gpunet.datasets import Dataset
from gpunet.errors import DataError

X = np.linspace(-1, 1, 24).reshape(12, 2)
VALUES = 12.6 + 3 * X[:, 0] - 260 * X[:, 1]  # beyond what a byte holds, on both sides


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int8", ">i4", "uint16", "bool"])
@pytest.mark.parametrize("shape", [(12,), (12, 1), (4, 3)])
def test_without_classes_no_value_is_changed(dtype: str, shape: tuple[int, ...]) -> None:
    y = np.clip(VALUES, *((0, 300) if dtype in ("uint16",) else (-128, 127))).astype(dtype)
    y = y.reshape(shape)
    targets = Dataset(X[: len(y)], y).targets
    assert targets.shape == (len(y), shape[1] if len(shape) == 2 else 1)
    np.testing.assert_array_equal(targets.ravel(), y.ravel())
    np.testing.assert_array_equal(Dataset(X[: len(y)], y).arrays("float64")[1], targets)


@pytest.mark.parametrize("y", [VALUES, np.round(VALUES).astype("int64")], ids=["floats", "whole"])
def test_a_regression_from_a_data_set_is_that_from_its_arrays(y: np.ndarray) -> None:
    def trained(*examples: object) -> tuple[np.ndarray, gpunet.History, dict[str, float]]:
        network = gpunet.Network(
            [2, 4, 1], output="identity", loss="half_squared_error", device="cpu", seed=1
        )
        history = gpunet.fit(
            network, *examples, epochs=3, batch_size=4, optimizer=gpunet.Adam(), validation=data
        )
        return network.predict(X), history, network.evaluate(data)

    data = Dataset(X, y)
    (A, history, scores), (B, expected, _) = trained(data), trained(X, y)
    np.testing.assert_array_equal(A, B)
    assert history.loss == expected.loss
    # The loss by hand, in float64; float32 sums of 12 squares up to 7e4 err by 1e-6 of it.
    by_hand = np.mean((A[:, 0] - y) ** 2) / 2
    assert scores["loss"] == pytest.approx(by_hand, rel=1e-5)
    assert history.val_loss[-1] == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize("y", [[2, 0, 1], [2.0, 0.0, 1.0], np.array([2, 0, 1], "uint8")])
def test_class_numbers_of_any_type_are_one_hot_bytes(y: object) -> None:
    data = Dataset(X[:3], y, classes=["a", "b", "c"])
    assert data.y.dtype == np.int64
    assert data.classes == ("a", "b", "c")
    assert data.targets.dtype == np.uint8
    assert data.targets.tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    assert data.part(np.array([1, 2])).targets.tolist() == [[1, 0, 0], [0, 1, 0]]
    two = Dataset(X[:2], np.array([True, False]), classes=("a", "b"))
    assert (two.targets.tolist(), two.targets.dtype) == ([[1], [0]], np.uint8)


@pytest.mark.parametrize(
    ("y", "classes", "message"),
    [
        (VALUES[:5], (), "12 rows but y has 5"),
        (np.zeros((12, 2, 2)), (), r"y of shape .* got \(12, 2\) and \(12, 2, 2\)"),
        (np.float64(3), (), r"y of shape"),
        (["a"] * 12, (), "must hold numbers, not <U1; number the classes"),
        (np.arange(12), ("a", "b"), "holds 2, but with 2 classes .* from 0 to 1"),
        (np.arange(12) - 1, tuple("abcdefghijkl"), "holds -1"),
        (np.arange(12) / 2, tuple("abcdefghijkl"), "holds 0.5.* for a regression leave out"),
        (np.where(np.arange(12) == 3, np.nan, 0), ("a", "b"), "holds nan"),
        (np.where(np.arange(12) == 3, np.inf, 0), ("a", "b"), "holds inf"),
        (np.eye(12)[:, :2], ("a", "b"), "argmax"),
        ([[1], [2, 3]], (), "y cannot be read as an array"),
    ],
)
def test_what_does_not_fit_is_refused_at_once(y: object, classes: tuple, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Dataset(X, y, classes=classes)


def test_nothing_of_a_mapped_file_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    data = Dataset(mapped, VALUES)
    assert data.X is mapped
    assert type(data.part(slice(0, 3)).X).__name__ == "MappedRows"
