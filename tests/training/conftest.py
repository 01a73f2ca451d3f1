"""A small problem that every test of the loop trains on."""

from collections.abc import Callable

import numpy as np
import pytest

import gpunet
from gpunet.backends import Backend

N = 11


@pytest.fixture(scope="session")
def problem() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    X = random.normal(size=(N, 3)).astype("float32")  # exact in both precisions
    return X, (X.sum(axis=1) > 0).astype("float32")[:, None]


@pytest.fixture(scope="session")
def make(backend: Backend) -> Callable[..., gpunet.Network]:
    def network(**settings) -> gpunet.Network:
        kept = {"device": backend, "dtype": "float64", "seed": 3} | settings
        return gpunet.Network([3, 4, 1], **kept)

    return network
