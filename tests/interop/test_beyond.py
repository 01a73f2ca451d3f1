"""What scikit-learn's own networks don't have."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.utils import compute_class_weight, compute_sample_weight

import gpunet

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def fitted(X: Any, y: Any, weights: Any = None, validation: Any = None, **settings: Any) -> Any:
    settings = {"hidden_layer_sizes": (12, 6), "max_iter": 6, "random_state": 0} | settings
    return gpunet.MLPClassifier(**settings).fit(X, y, weights, validation=validation)


def assert_equal_weights(a: Any, b: Any) -> None:
    for x, y in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True):
        assert np.array_equal(x, y)


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_class_weights_are_weights_of_the_examples(
    solver: str, device: str, data: Callable[[str], Any]
) -> None:
    X, y = data("cancer")
    common = {"solver": solver, "device": device}
    own = np.linspace(0.5, 2.0, len(X))
    balanced = fitted(X, y, own, class_weight="balanced", **common)
    by_hand = fitted(X, y, own * compute_sample_weight("balanced", y), **common)
    assert_equal_weights(balanced, by_hand)
    named = dict(enumerate(compute_class_weight("balanced", classes=np.unique(y), y=y)))
    assert_equal_weights(fitted(X, y, own, class_weight=named, **common), balanced)
    rare = fitted(X, y, class_weight={0: 100.0}, **common)
    assert (rare.predict(X) == 0).sum() > (fitted(X, y, **common).predict(X) == 0).sum()


def test_an_activation_for_each_layer(device: str, data: Callable[[str], Any]) -> None:
    X, y = data("digits")
    mixed = fitted(X, y, activation=["gelu", "tanh"], device=device)
    W1, W2, W3 = mixed.coefs_
    b1, b2, b3 = mixed.intercepts_
    Z = X @ W1 + b1
    A = 0.5 * Z * (1 + np.tanh(np.sqrt(2 / np.pi) * (Z + 0.044715 * Z**3)))
    Z = np.tanh(A @ W2 + b2) @ W3 + b3
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    assert np.allclose(mixed.predict_proba(X), P, atol=1e-12)
    for name in ("tanh", "logistic"):
        one, two = (fitted(X, y, activation=a, device=device) for a in (name, (name, name)))
        assert_equal_weights(one, two)


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_dropout_acts_in_training_only(
    solver: str, device: str, data: Callable[[str], Any]
) -> None:
    X, y = data("digits")
    common = {"solver": solver, "device": device}
    dropped = fitted(X, y, dropout=0.4, **common)
    assert np.array_equal(dropped.predict_proba(X), dropped.predict_proba(X))
    assert_equal_weights(dropped, fitted(X, y, dropout=0.4, **common))
    assert not np.allclose(dropped.coefs_[0], fitted(X, y, **common).coefs_[0], atol=1e-6)
    assert not np.allclose(dropped.coefs_[0], fitted(X, y, dropout=0.1, **common).coefs_[0])


def test_a_validation_set_of_ones_own(device: str, data: Callable[[str], Any]) -> None:
    X, y = data("digits")
    train, held = slice(0, 400), slice(400, 600)
    seen = {"validation": (X[held], y[held]), "device": device}
    model = fitted(X[train], y[train], **seen)
    assert len(model.validation_scores_) == model.n_iter_ == 6
    assert model.validation_scores_[-1] == model.score(X[held], y[held])
    assert_equal_weights(model, fitted(X[train], y[train], device=device))
    stopped = fitted(
        X[train], y[train], early_stopping=True, n_iter_no_change=2, tol=0.3, max_iter=50, **seen
    )
    assert stopped.n_iter_ < 50
    assert stopped.best_validation_score_ == max(stopped.validation_scores_)
    assert stopped.score(X[held], y[held]) == stopped.best_validation_score_
    with pytest.raises(ValueError, match="features"):
        fitted(X[train], y[train], validation=(X[held][:, 1:], y[held]))


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_callbacks_see_each_epoch_and_may_end_it(
    solver: str, device: str, data: Callable[[str], Any]
) -> None:
    X, y = data("digits")
    seen: list[tuple[int, float]] = []

    def watch(model: Any) -> bool:
        seen.append((model.n_iter_, float(abs(model.coefs_[0]).sum())))
        return len(seen) == 3

    model = fitted(X, y, callbacks=watch, solver=solver, device=device)
    assert [n for n, _ in seen] == [1, 2, 3]
    assert len({total for _, total in seen}) == 3
    assert model.n_iter_ == 3
    assert seen[-1][1] == float(abs(model.coefs_[0]).sum())
    unwatched = fitted(X, y, solver=solver, device=device, max_iter=3)
    assert_equal_weights(model, unwatched)
