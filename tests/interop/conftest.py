"""Small data sets, and the devices that the estimators are tried on."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.preprocessing import StandardScaler

import gpunet


# A GPU's stand-in is one of these where it is on the path: PYTHONPATH=tests/cupy_stand_in.
@pytest.fixture(params=gpunet.available_devices())
def device(request: pytest.FixtureRequest) -> str:
    return request.param


def _scaled(X: NDArray) -> NDArray:
    return StandardScaler().fit_transform(X)


def load(name: str) -> tuple[NDArray, NDArray]:
    """Return a data set; fewer digits than there are, for time."""
    if name == "digits":
        X, y = datasets.load_digits(return_X_y=True)
        return X[:600] / 16.0, y[:600]
    if name == "cancer":
        X, y = datasets.load_breast_cancer(return_X_y=True)
        return _scaled(X), y
    if name == "multi-label":
        X, y = datasets.make_multilabel_classification(n_samples=300, random_state=0)
        return _scaled(X), y
    X, y = datasets.load_diabetes(return_X_y=True)
    y = _scaled(y[:, None])
    if name == "multi-output":
        return _scaled(X), np.hstack([y, y**2])
    if name == "counts":
        return _scaled(X), np.round(3 + y[:, 0] - y.min())
    return _scaled(X), y[:, 0]


@pytest.fixture(scope="session")
def data() -> Callable[[str], Any]:
    known: dict[str, Any] = {}

    def get(name: str) -> Any:
        if name not in known:
            known[name] = load(name)
        return known[name]

    return get
