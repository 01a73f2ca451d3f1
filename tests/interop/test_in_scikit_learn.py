"""The estimators among scikit-learn's tools, and with what its tools hand them."""

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gpunet
from gpunet.errors import ArgumentError, DeviceError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def quick(device: str = "cpu", **settings: Any) -> Any:
    settings = {"hidden_layer_sizes": (12,), "max_iter": 8, "random_state": 0} | settings
    return gpunet.MLPClassifier(**settings, device=device)


def same_weights(a: Any, b: Any) -> bool:
    pairs = zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True)
    return all(np.array_equal(x, y) for x, y in pairs)


@pytest.mark.filterwarnings("default")  # of joblib's processes
def test_a_pipeline_a_grid_search_cross_validation_and_calibration(
    data: Callable[[str], Any],
) -> None:
    X, y = data("digits")
    grid = {"mlpclassifier__alpha": [1e-4, 1.0], "mlpclassifier__solver": ["adam", "lbfgs"]}
    pipeline = make_pipeline(StandardScaler(), quick())
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(X, y)
    assert search.best_score_ > 0.5  # ten classes
    alone = clone(search.best_estimator_).fit(X, y)
    assert same_weights(alone[-1], search.best_estimator_[-1])
    assert len(cross_val_score(quick(), X, y, cv=3)) == 3
    calibrated = CalibratedClassifierCV(quick(), cv=2).fit(X, y)
    assert np.allclose(calibrated.predict_proba(X).sum(axis=1), 1)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("by", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])  # noqa: S301
def test_a_copy_predicts_and_goes_on_as_the_original(
    solver: str, by: Callable[[Any], Any], device: str, data: Callable[[str], Any]
) -> None:
    X, y = data("digits")
    model = quick(device, solver=solver, dropout=0.2).fit(X, y)
    model.predict(X)
    other = by(model)
    assert same_weights(model, other)
    assert np.array_equal(model.predict_proba(X), other.predict_proba(X))
    if solver != "lbfgs":
        assert same_weights(model.partial_fit(X, y), other.partial_fit(X, y))


def test_a_model_of_a_gpu_that_is_gone_works_on_the_cpu(data: Callable[[str], Any]) -> None:
    if "cuda:0" in gpunet.available_devices():
        pytest.skip("there is a GPU")
    X, y = data("digits")
    here = quick().fit(X, y)
    elsewhere = pickle.loads(pickle.dumps(here).replace(b"\x8c\x03cpu", b"\x8c\x04cuda"))  # noqa: S301
    assert elsewhere.device == "cuda"
    assert np.array_equal(elsewhere.predict(X), here.predict(X))
    assert same_weights(elsewhere.partial_fit(X, y), here.partial_fit(X, y))
    with pytest.raises(DeviceError, match="CuPy is not installed"):
        clone(elsewhere).fit(X, y)


def test_frames_keep_their_names_and_order(data: Callable[[str], Any]) -> None:
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    X, y = data("diabetes")
    names = [f"x{i}" for i in range(X.shape[1])]
    plain = gpunet.MLPRegressor(max_iter=3, random_state=0, device="cpu").fit(X, y)
    frames = (
        pandas.DataFrame(X, columns=names),
        pandas.DataFrame(X, columns=names).convert_dtypes(),
        polars.DataFrame(X, schema=names),
    )
    for frame in frames:
        model = clone(plain).fit(frame, y)
        assert list(model.feature_names_in_) == names
        assert same_weights(model, plain)
        assert np.array_equal(model.predict(frame), plain.predict(X))
        with pytest.raises(ValueError, match="same order"):
            model.predict(frame[names[::-1]])
    transformed = make_pipeline(StandardScaler(), clone(plain)).set_output(transform="pandas")
    assert transformed.fit(frames[0], y).predict(frames[0]).shape == y.shape


def test_sample_weights_are_routed(data: Callable[[str], Any]) -> None:
    X, y = data("digits")
    weights = np.where(y == 3, 5.0, 0.5)
    with sklearn.config_context(enable_metadata_routing=True):
        model = quick().set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        scaled = make_pipeline(scaler, model).fit(X, y, sample_weight=weights)
    direct = quick().fit(StandardScaler().fit_transform(X), y, weights)
    assert same_weights(scaled[-1], direct)


def test_its_picture_and_its_tags() -> None:
    model = gpunet.MLPClassifier(hidden_layer_sizes=(7,))
    assert repr(model) == "MLPClassifier(hidden_layer_sizes=(7,))"
    assert "MLPClassifier" in model._repr_html_()
    tags = model.__sklearn_tags__()
    assert tags.input_tags.sparse
    assert tags.classifier_tags.multi_label
    with pytest.raises(NotFittedError):
        model.predict([[1.0]])
    with pytest.raises(AttributeError, match="partial_fit"):
        gpunet.MLPRegressor(solver="lbfgs").partial_fit  # noqa: B018


def test_what_cannot_be_used_is_said_before_training(data: Callable[[str], Any]) -> None:
    X, y = data("digits")
    for wrong in ({"device": "cdua"}, {"activation": ["relu", "tanh"]}, {"activation": ["rleu"]}):
        with pytest.raises(ArgumentError):
            gpunet.MLPClassifier(**wrong).fit(X, y)
    for wrong in ({"dropout": 1.0}, {"dtype": "int8"}, {"precision": "half"}, {"solver": "adm"}):
        with pytest.raises(ValueError, match=f"The '{next(iter(wrong))}' parameter"):
            gpunet.MLPClassifier(**wrong).fit(X, y)
    with pytest.raises(ValueError, match="partial_fit has not"):
        quick(class_weight="balanced").partial_fit(X, y, classes=np.unique(y))


def test_without_scikit_learn_there_is_a_message() -> None:
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import gpunet\n"
        "try:\n    gpunet.MLPClassifier\n"
        "except gpunet.GpunetError as error: print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("MissingExtraError MLPClassifier and MLPRegressor need")
    assert "pip install 'gpunet[sklearn]'" in done.stdout
