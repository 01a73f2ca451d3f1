"""Figures of one's own, on the validation data."""

import numpy as np
import pytest

import gpunet
from gpunet.errors import ArgumentError


def wrong(y: np.ndarray, predicted: np.ndarray) -> int:
    return int((y != predicted).sum())


def test_a_metric_gets_the_classes_and_its_values_are_in_the_history(make, problem) -> None:
    X, Y = problem
    seen = []

    def errors(y: np.ndarray, predicted: np.ndarray) -> int:
        seen.append((y, predicted))
        return wrong(y, predicted)

    network = make()
    history = gpunet.fit(network, X, Y, epochs=3, validation=(X, Y), metrics=[errors])
    assert len(history.metrics["val_errors"]) == len(seen) == history.epochs == 3
    np.testing.assert_array_equal(seen[-1][0], Y[:, 0])
    np.testing.assert_array_equal(seen[-1][1], network.predict(X))
    for found, accuracy in zip(history.metrics["val_errors"], history.val_accuracy, strict=True):
        assert found == pytest.approx(len(Y) * (1 - accuracy))
    assert history.to_dict()["metrics"] == history.metrics


@pytest.mark.parametrize(
    ("output", "loss", "classes"),
    [("softmax", "categorical_crossentropy", True), ("identity", "squared_error", False)],
)
def test_class_numbers_of_a_softmax_and_values_of_a_regression(
    output: str, loss: str, classes: bool
) -> None:
    X, y = np.eye(3), np.array([0, 2, 1])
    Y = y if classes else np.eye(3) * 2.5
    got = {}
    network = gpunet.Network([3, 3], output=output, loss=loss, device="cpu")

    def metric(y: np.ndarray, predicted: np.ndarray) -> float:
        got["y"], got["predicted"] = y, predicted
        return 0.0

    gpunet.fit(network, X, Y, epochs=1, validation=(X, Y), metrics={"m": metric})
    np.testing.assert_array_equal(got["y"], Y)
    np.testing.assert_array_equal(got["predicted"], network.predict(X))


def test_scikit_learn_s_metrics_fit_as_they_are(make, problem) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    history = gpunet.fit(
        make(), *problem, epochs=2, validation=problem,
        metrics=[metrics.balanced_accuracy_score, metrics.f1_score],
    )  # fmt: skip
    assert list(history.metrics) == ["val_balanced_accuracy_score", "val_f1_score"]


def test_early_stopping_follows_a_metric_the_way_that_it_is_told(make, problem) -> None:
    values = iter([1, 2, 3, 2, 2, 2, 2, 2])
    stop = gpunet.EarlyStopping("val_up", patience=2, mode="max")
    history = gpunet.fit(
        make(), *problem, epochs=8, validation=problem, callbacks=[stop],
        metrics={"up": lambda y, predicted: next(values)},
    )  # fmt: skip
    assert (stop.best_epoch, history.epochs) == (3, 5)


def test_a_metric_is_shown_with_the_rest(make, problem) -> None:
    shown = []
    gpunet.fit(
        make(), *problem, epochs=1, validation=problem, metrics=[wrong],
        callbacks=[lambda epoch, logs: shown.append(logs["val_wrong"])],
    )  # fmt: skip
    assert len(shown) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"metrics": [wrong]}, "pass validation too"),
        ({"metrics": [3]}, "must be functions"),
        ({"metrics": 3}, "must be functions"),
        ({"metrics": {3: wrong}}, "must be functions"),
        ({"metrics": {"loss": wrong}}, "a metric 'loss' already"),
        ({"metrics": [wrong, wrong]}, "two metrics have the same name"),
        ({"metrics": {"m": lambda y, p: "high"}, "validated": True}, "must return a number"),
        ({"metrics": {"m": lambda y, p: y}, "validated": True}, "must return a number"),
    ],
)
def test_what_is_no_metric_is_refused(make, problem, settings: dict, message: str) -> None:
    settings = dict(settings)
    validation = problem if settings.pop("validated", False) else None
    with pytest.raises(ArgumentError, match=message):
        gpunet.fit(make(), *problem, epochs=1, validation=validation, **settings)


def test_a_history_tells_its_last_epoch_in_a_line(make, problem) -> None:
    history = gpunet.fit(make(), *problem, epochs=50, validation=problem, metrics=[wrong])
    shown = repr(history)
    assert shown.startswith(f"History(epochs=50, loss={history.loss[-1]:.6g}, accuracy=")
    assert f"val_wrong={history.metrics['val_wrong'][-1]:.6g}" in shown
    assert len(shown) < 200
    assert repr(gpunet.History()) == "History(epochs=0, seconds=0)"
