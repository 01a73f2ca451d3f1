"""In float64 and with one random_state, scikit-learn and gpunet come to the same model.

Both do the same operations but for the order of some sums, so they differ by roundings: of 1e-16,
which a line search or a division by a small number enlarges. How far is a question of the training
and not of the library: scikit-learn's own coefficients move by as much, up to 2e-8 for L-BFGS on
three layers of ReLU, when its first weights are changed by 1e-15 (scripts/sklearn_agreement.py).
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.exceptions import ConvergenceWarning

import gpunet

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CLASSES = ("digits", "cancer", "multi-label")
LISTS = ("coefs_", "intercepts_")


def both(name: str, device: str, **settings: Any) -> tuple[Any, Any]:
    kind = "MLPClassifier" if name in CLASSES else "MLPRegressor"
    settings = {"random_state": 3, "max_iter": 12, "hidden_layer_sizes": (12,)} | settings
    ours = {"device": device} | {k: settings.pop(k) for k in ("dtype",) if k in settings}
    theirs = getattr(neural_network, kind)(**settings)
    return theirs, getattr(gpunet, kind)(**settings, **ours)


def assert_same(theirs: Any, ours: Any, X: Any, tolerance: float = 1e-8) -> None:
    for name in LISTS:
        for a, b in zip(getattr(theirs, name), getattr(ours, name), strict=True):
            assert b.dtype == a.dtype
            assert b.shape == a.shape
            assert abs(a - b).max() <= tolerance * abs(a).max()
    predicted = theirs.predict(X), ours.predict(X)
    assert predicted[1].dtype == predicted[0].dtype
    assert predicted[1].shape == predicted[0].shape
    if hasattr(ours, "classes_"):
        assert np.array_equal(*predicted)
        assert np.allclose(theirs.predict_proba(X), ours.predict_proba(X), atol=10 * tolerance)
    else:
        assert np.allclose(*predicted, rtol=10 * tolerance, atol=10 * tolerance)
    same = set(vars(theirs)) - {"_optimizer"}
    public = {name for name in same if not name.startswith("_")}
    assert public <= set(dir(ours))
    for name in public:
        expected, found = getattr(theirs, name), getattr(ours, name)
        if name.endswith("_") and name not in LISTS:
            if expected is None or isinstance(expected, str):
                assert found == expected, name
            else:
                assert np.allclose(expected, found, rtol=10 * tolerance, atol=0), name


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("hidden", [(12,), (12, 7), (12, 7, 5)], ids=len)
@pytest.mark.parametrize("name", ["digits", "cancer", "multi-label", "diabetes", "multi-output"])
def test_the_same_model(
    solver: str, activation: str, hidden: tuple[int, ...], name: str, data: Callable[[str], Any]
) -> None:
    X, y = data(name)
    settings = {"solver": solver, "activation": activation, "hidden_layer_sizes": hidden}
    theirs, ours = both(name, "cpu", **settings)
    assert_same(theirs.fit(X, y), ours.fit(X, y), X)


OPTIONS: list[dict[str, Any]] = [
    {"early_stopping": True, "max_iter": 30, "n_iter_no_change": 3},
    {"early_stopping": True, "solver": "sgd", "learning_rate": "adaptive", "tol": 0.05},
    {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.1, "n_iter_no_change": 1},
    {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.3, "learning_rate_init": 0.1},
    {"solver": "sgd", "nesterovs_momentum": False, "momentum": 0.5},
    {"solver": "sgd", "momentum": 0.0},
    {"shuffle": False, "batch_size": 64},
    {"batch_size": 7, "max_iter": 2},
    {"alpha": 0.5, "epsilon": 1e-3, "beta_1": 0.5, "beta_2": 0.9},
    {"alpha": 0.0},
    {"tol": 0.5, "max_iter": 100, "n_iter_no_change": 2},
    {"hidden_layer_sizes": ()},
    {"hidden_layer_sizes": 5},
    {"solver": "lbfgs", "alpha": 1.0, "max_fun": 20},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: " ".join(map(str, o)))
@pytest.mark.parametrize("name", ["digits", "cancer", "multi-label", "diabetes", "multi-output"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_the_same_with_every_option(
    options: dict[str, Any], name: str, weighted: bool, device: str, data: Callable[[str], Any]
) -> None:
    X, y = data(name)
    X, y = X[:300], y[:300]
    weights = np.random.default_rng(0).uniform(0.1, 3.0, len(X)) if weighted else None
    theirs, ours = both(name, device, **options)
    assert_same(theirs.fit(X, y, weights), ours.fit(X, y, weights), X)


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_the_same_counts(solver: str, device: str, data: Callable[[str], Any]) -> None:
    X, y = data("counts")
    theirs, ours = both("counts", device, solver=solver, loss="poisson", learning_rate_init=1e-4)
    assert_same(theirs.fit(X, y), ours.fit(X, y), X)
    assert (ours.predict(X) > 0).all()


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("name", ["digits", "multi-label", "diabetes"])
def test_the_same_in_parts(solver: str, name: str, device: str, data: Callable[[str], Any]) -> None:
    X, y = data(name)
    theirs, ours = both(name, device, solver=solver, learning_rate="invscaling")
    classes: dict[str, Any] = {}
    if name != "diabetes":
        classes["classes"] = np.unique(y) if name == "digits" else np.arange(y.shape[1])
    for part in (slice(0, 250), slice(50, 300), slice(0, 80)):
        for model in (theirs, ours):
            model.partial_fit(X[part], y[part], **classes)
    assert_same(theirs, ours, X)


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_the_same_from_a_warm_start(solver: str, device: str, data: Callable[[str], Any]) -> None:
    X, y = data("digits")
    theirs, ours = both("digits", device, solver=solver, warm_start=True, max_iter=4)
    for model in (theirs, ours):
        model.fit(X, y).fit(X, y)
    assert_same(theirs, ours, X)


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_the_same_from_sparse_rows(solver: str, device: str, data: Callable[[str], Any]) -> None:
    from scipy import sparse

    X, y = data("digits")
    theirs, ours = both("digits", device, solver=solver)
    for kind in (sparse.csr_matrix, sparse.csc_array):
        S = kind(X)
        assert_same(theirs.fit(S, y), ours.fit(S, y), S)


def test_nearly_the_same_in_float32(device: str, data: Callable[[str], Any]) -> None:
    X, y = data("digits")
    theirs, ours = both("digits", device)
    X = X.astype("float32")
    theirs.fit(X, y)
    ours.fit(X, y)
    for a, b in zip(theirs.coefs_, ours.coefs_, strict=True):
        assert a.dtype == b.dtype == np.float32
        # 36 steps of Adam, each of at most 0.001; where a gradient is rounded to another sign, as
        # few are, two ways part by as much.
        assert np.median(abs(a - b)) <= 1e-5


def test_a_dtype_of_its_own(device: str, data: Callable[[str], Any]) -> None:
    X, y = data("digits")
    _, ours = both("digits", device, dtype="float32")
    ours.fit(X, y)
    assert {w.dtype for w in (*ours.coefs_, *ours.intercepts_)} == {np.dtype("float32")}
    assert ours.predict_proba(X).dtype == np.float32
    theirs, ours = both("digits", device, dtype="float64")
    X32 = X.astype("float32")
    assert_same(theirs.fit(X32.astype("float64"), y), ours.fit(X32, y), X32.astype("float64"))


def test_one_who_edits_the_coefficients_is_heard(device: str, data: Callable[[str], Any]) -> None:
    X, y = data("digits")
    theirs, ours = both("digits", device)
    for model in (theirs.fit(X, y), ours.fit(X, y)):
        model.coefs_[0][:, 0] = 0.25
        model.intercepts_[-1] = model.intercepts_[-1] * 3
    assert_same(theirs, ours, X)
    for model in (theirs, ours):
        model.partial_fit(X, y)
    # scikit-learn goes on updating the arrays that it had, and so loses the one that was replaced;
    # what has been edited in place counts in both.
    assert abs(theirs.coefs_[0] - ours.coefs_[0]).max() < 0.01


def test_a_different_seed_is_another_model(data: Callable[[str], Any]) -> None:
    X, y = data("digits")
    theirs, ours = both("digits", "cpu")
    theirs.fit(X, y)
    ours.set_params(random_state=4).fit(X, y)
    with pytest.raises(AssertionError):
        assert_same(theirs, ours, X)


def test_the_same_words(capsys: pytest.CaptureFixture[str], data: Callable[[str], Any]) -> None:
    X, y = data("digits")
    said = []
    slow = {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.4, "n_iter_no_change": 1}
    for options in (slow, {"early_stopping": True, "n_iter_no_change": 1, "tol": 0.5}):
        for model in both("digits", "cpu", verbose=True, max_iter=30, **options):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", ConvergenceWarning)
                model.fit(X, y)
            said.append((capsys.readouterr().out, [str(w.message) for w in caught]))
    assert said[0] == said[1]
    assert said[2] == said[3]
    assert "Setting learning rate" in said[0][0]
    assert "Validation score" in said[2][0]
