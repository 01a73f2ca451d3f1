"""scikit-learn's whole suite of checks for estimators, with no failure expected."""

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import gpunet

# The suite warns of its own doings, and of networks that it doesn't train to the end.
pytestmark = pytest.mark.filterwarnings("default")


@parametrize_with_checks(
    [
        kind(device=device)
        for device in gpunet.available_devices()
        for kind in (gpunet.MLPClassifier, gpunet.MLPRegressor)
    ]
)
def test_check(estimator: Any, check: Any) -> None:
    check(estimator)
