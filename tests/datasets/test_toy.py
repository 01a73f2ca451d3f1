"""The toy sets: scikit-learn's draws bit for bit, and the tutorials' tables."""

import numpy as np
import pytest

from gpunet import datasets
from gpunet.errors import ArgumentError


def scaled(X: np.ndarray) -> np.ndarray:
    """Scale as the tutorial does."""
    X = X.copy()
    X -= X.min()
    X /= X.max()
    return X


@pytest.mark.parametrize(("n", "noise", "seed"), [(1000, 0.1, 42), (7, 0.0, 0), (2, 0.5, 3)])
def test_moons_are_those_of_scikit_learn(n: int, noise: float, seed: int) -> None:
    sklearn = pytest.importorskip("sklearn.datasets")
    X, y = sklearn.make_moons(n_samples=n, noise=noise, random_state=seed)
    train, _ = datasets.moons(n, noise, seed)
    assert train.X.tobytes() == scaled(X).tobytes()
    assert train.y.tolist() == y.tolist()


@pytest.mark.parametrize(("n", "spread", "seed"), [(1000, 1.0, 42), (7, 0.3, 0), (2, 0.0, 3)])
def test_blobs_are_those_of_scikit_learn(n: int, spread: float, seed: int) -> None:
    sklearn = pytest.importorskip("sklearn.datasets")
    X, y = sklearn.make_blobs(n_samples=n, centers=2, cluster_std=spread, random_state=seed)
    train, _ = datasets.blobs(n, spread, seed)
    assert train.X.tobytes() == scaled(X).tobytes()
    assert train.y.tolist() == y.tolist()


@pytest.mark.parametrize("name", ["moons", "blobs"])
def test_the_test_half_is_another_draw_from_the_same_place(name: str) -> None:
    train, test = datasets.load(name)
    assert train.X.shape == test.X.shape == (1000, 2)
    assert train.X.min() == 0
    assert train.X.max() == 1
    assert not np.isin(test.X, train.X).any()
    for number in (0, 1):  # a spread of about 0.3 over sqrt(500) points: 0.06 is four deviations
        centre, other = (part.X[part.y == number].mean(axis=0) for part in (train, test))
        np.testing.assert_allclose(centre, other, atol=0.06)


@pytest.mark.parametrize("name", ["moons", "blobs", "xor", "steps", "debug", "by-hand"])
def test_types_and_repeatability(name: str) -> None:
    for part, again in zip(datasets.load(name), datasets.load(name), strict=True):
        assert part.X.dtype == np.float64
        assert part.y.dtype == np.int64
        assert (part.name, part.scale, part.classes) == (name, 1.0, ("0", "1"))
        np.testing.assert_array_equal(part.X, again.X)


@pytest.mark.parametrize(
    ("name", "X", "Y"),
    [
        ("steps", "1010 1011 0101", "110"),
        ("debug", "1000 1011 0101", "110"),
        ("xor", "001 011 101 111", "0110"),
        ("by-hand", "23", "1"),
    ],
)
def test_the_tutorials_tables(name: str, X: str, Y: str) -> None:
    train, test = datasets.load(name)
    assert train is test
    features, targets = train.arrays("float64")
    assert features.tolist() == [[float(digit) for digit in row] for row in X.split()]
    assert targets.tolist() == [[float(digit)] for digit in Y]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 1}, "n must be an integer from 2 up"),
        ({"n": 10.0}, "n must be an integer"),
        ({"noise": -0.1}, "noise must be a finite number from 0 up"),
        ({"noise": float("nan")}, "noise must be"),
        ({"noise": "0.1"}, "noise must be a finite number"),
        ({"seed": -1}, "seed must be an integer from 0"),
        ({"seed": 2**32}, "seed must be an integer from 0"),
    ],
)
def test_impossible_arguments(arguments: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        datasets.moons(**arguments)
