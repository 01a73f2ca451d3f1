"""Small data sets that need no file: two moons, two blobs, and the tutorials' matrices."""

import math

import numpy as np
from numpy.typing import NDArray

from gpunet.datasets.dataset import Dataset
from gpunet.errors import ArgumentError

Pair = tuple[Dataset, Dataset]


def moons(n: int = 1000, noise: float = 0.1, seed: int = 42) -> Pair:
    """Return (train, test): two half circles that interlock, n points each set.

    The training draw is, bit for bit, that of scikit-learn's ``make_moons(n,
    noise=noise, random_state=seed)``, moved and scaled as one array into [0, 1].
    The test points are the same stream's next draw, moved and scaled by the
    training set's figures, so a few may lie just outside. X is float64 (n, 2).
    Raises ArgumentError.
    """
    stream = _stream(n, "noise", noise, seed)

    def draw() -> tuple[NDArray, NDArray]:
        upper, lower = (np.linspace(0, np.pi, count) for count in (n // 2, n - n // 2))
        X = np.vstack(
            [
                np.column_stack([np.cos(upper), np.sin(upper)]),
                np.column_stack([1 - np.cos(lower), 1 - np.sin(lower) - 0.5]),
            ]
        )
        y = np.repeat([0, 1], [len(upper), len(lower)])
        order = _shuffled(stream, n)
        return X[order] + stream.normal(scale=noise, size=X.shape), y[order]

    return _scaled_pair("moons", draw(), draw())


def blobs(n: int = 1000, spread: float = 1.0, seed: int = 42) -> Pair:
    """Return (train, test): two round clouds of normal points, n points each set.

    The training draw is, bit for bit, that of scikit-learn's ``make_blobs(n,
    centers=2, cluster_std=spread, random_state=seed)``, scaled as in ``moons``.
    The test points are the same stream's next draw around the same centres.
    X is float64 (n, 2). Raises ArgumentError.
    """
    stream = _stream(n, "spread", spread, seed)
    centres = stream.uniform(-10.0, 10.0, size=(2, 2))

    def draw() -> tuple[NDArray, NDArray]:
        y = np.repeat([0, 1], [n - n // 2, n // 2])
        X = stream.normal(loc=centres[y], scale=spread)
        order = _shuffled(stream, n)
        return X[order], y[order]

    return _scaled_pair("blobs", draw(), draw())


def xor() -> Pair:
    """Return exclusive or with a constant third input, (4, 3); training and test set are one."""
    return _table("xor", [[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], [0, 1, 1, 0])


def steps() -> Pair:
    """Return the (3, 4) table of the step-by-step tutorial; training and test set are one."""
    return _table("steps", [[1, 0, 1, 0], [1, 0, 1, 1], [0, 1, 0, 1]], [1, 1, 0])


def debug() -> Pair:
    """Return the (3, 4) table of the traced tutorial; training and test set are one."""
    return _table("debug", [[1, 0, 0, 0], [1, 0, 1, 1], [0, 1, 0, 1]], [1, 1, 0])


def by_hand() -> Pair:
    """Return the one example of the tutorial that is worked by hand, x = (2, 3), target 1.

    It is a regression; its target happens to be a class number, so ``targets``
    is [[1]] as it should be. Training and test set are one.
    """
    return _table("by-hand", [[2, 3]], [1])


def _stream(n: int, spread_name: str, spread: float, seed: int) -> np.random.RandomState:
    """Check a draw's arguments and return its stream, the one scikit-learn draws from."""
    if not isinstance(n, int | np.integer) or n < 2:
        raise ArgumentError(f"n must be an integer from 2 up (two classes), but is {n!r}")
    if not isinstance(spread, int | float | np.floating) or not 0 <= spread < math.inf:
        raise ArgumentError(f"{spread_name} must be a finite number from 0 up, but is {spread!r}")
    if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
        raise ArgumentError(f"seed must be an integer from 0 to 2**32 - 1, but is {seed!r}")
    return np.random.RandomState(seed)


def _shuffled(stream: np.random.RandomState, n: int) -> NDArray:
    order = np.arange(n)
    stream.shuffle(order)
    return order


def _scaled_pair(name: str, train: tuple[NDArray, NDArray], test: tuple[NDArray, NDArray]) -> Pair:
    low = train[0].min()
    high = (train[0] - low).max()
    first, second = (
        Dataset((X - low) / high, y.astype(np.int64), 1.0, ("0", "1"), name)
        for X, y in (train, test)
    )
    return first, second


def _table(name: str, X: list[list[int]], y: list[int]) -> Pair:
    table = Dataset(np.array(X, np.float64), np.array(y, np.int64), 1.0, ("0", "1"), name)
    return table, table
