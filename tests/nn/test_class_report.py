"""Precision, recall and F1 of each class."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gpunet
from gpunet.backends import Backend
from gpunet.errors import DataError
from gpunet.nn.class_report import ClassReport, confusion_matrix

PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1)


@given(pairs=PAIRS)
def test_figures_are_shares_of_what_was_counted(pairs: list[tuple[int, int]]) -> None:
    y, predicted = np.array(pairs).T
    report = ClassReport(tuple("abcd"), confusion_matrix(y, predicted, 4))
    assert report.accuracy == pytest.approx((y == predicted).mean())
    for k, row in enumerate(report.to_dict()):
        hits = sum(pair == (k, k) for pair in pairs)
        assert row["examples"] == (y == k).sum()
        for name, of in (("recall", (y == k).sum()), ("precision", (predicted == k).sum())):
            assert row[name] == (pytest.approx(hits / of) if of else None)
        if row["recall"] and row["precision"]:
            assert row["f1"] == pytest.approx(2 / (1 / row["recall"] + 1 / row["precision"]))


@given(pairs=PAIRS)
def test_scikit_learn_finds_the_same(pairs: list[tuple[int, int]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    y, predicted = np.array(pairs).T
    report = ClassReport(tuple("abcd"), confusion_matrix(y, predicted, 4))
    there = sorted({*y, *predicted})  # without NaN, which scikit-learn calls as it is told
    expected = metrics.precision_recall_fscore_support(
        y, predicted, labels=there, zero_division=np.nan
    )
    for ours, theirs in zip((report.precision, report.recall, report.f1), expected, strict=False):
        np.testing.assert_allclose(ours[there], theirs, rtol=1e-15)  # one rounding
    assert report.macro_f1 == pytest.approx(metrics.f1_score(y, predicted, average="macro"))


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_network_s_report_is_of_its_own_predictions(backend: Backend, outputs: int) -> None:
    X, y = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % max(2, outputs)
    kind = {} if outputs == 1 else {"output": "softmax", "loss": "categorical_crossentropy"}
    network = gpunet.Network([2, outputs], device=backend, **kind)
    report = gpunet.class_report(network, X, y)
    assert report.accuracy == pytest.approx(network.evaluate(X, y)["accuracy"])
    np.testing.assert_array_equal(
        report.confusion, confusion_matrix(y, network.predict(X), max(2, outputs))
    )
    assert report.classes == tuple("012"[: max(2, outputs)])


def test_class_names_are_those_that_were_learnt_and_harmless() -> None:
    train, test = gpunet.datasets.load("mnist58")
    network = gpunet.Network([784, 1], device="cpu")
    assert gpunet.class_report(network, test).classes == ("5", "8")  # the data set's
    gpunet.fit(network, train, epochs=1)
    shown = str(gpunet.class_report(network, test)).splitlines()
    assert [line.split()[0] for line in shown] == ["class", "5", "8"]
    assert "\x1b" not in str(ClassReport(("\x1b[2J", "b"), np.eye(2, dtype=np.int64)))


@pytest.mark.parametrize("output", ["identity", "sigmoid"])
def test_what_tells_no_classes_apart_is_refused(output: str) -> None:
    network = gpunet.Network([2, 2], output=output, loss="squared_error", device="cpu")
    with pytest.raises(DataError, match="a softmax or one sigmoid"):
        gpunet.class_report(network, np.zeros((3, 2)), np.zeros((3, 2)))
