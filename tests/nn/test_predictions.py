"""predict, predict_proba and evaluate tell the same story, in pieces of any size."""

import numpy as np
import pytest
import textbook

import gpunet
from gpunet.backends import Backend
from gpunet.datasets.dataset import Dataset
from gpunet.errors import DataError
from gpunet.nn import network as network_module

UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}
KINDS = {
    "sigmoid": (1, "binary_crossentropy"),
    "sigmoids": (3, "binary_crossentropy"),
    "softmax": (3, "categorical_crossentropy"),
    "identity": (2, "squared_error"),
}


def make(backend: Backend, dtype: str, kind: str) -> gpunet.Network:
    outputs, loss = KINDS[kind]
    sizes, output = [4, 5, outputs], kind.removesuffix("s")
    return gpunet.Network(sizes, output=output, loss=loss, device=backend, dtype=dtype)


def examples(kind: str, n: int = 11) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    X = random.normal(size=(n, 4)).astype("float32")
    if kind == "softmax":
        return X, random.integers(0, 3, n)
    if kind == "identity":
        return X, random.normal(size=(n, 2)).astype("float32")
    return X, random.integers(0, 2, (n, KINDS[kind][0]))


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_are_the_textbooks(backend: Backend, dtype: str, kind: str) -> None:
    net, (X, _) = make(backend, dtype, kind), examples(kind)
    parameters = {n: backend.to_numpy(p).astype("f8") for n, p in net.parameters.items()}
    activations = (*net.architecture.hidden, net.architecture.output)
    expected = textbook.forward(parameters, X.astype("f8"), activations)[1][-1]
    A = net.predict_proba(X)
    assert A.dtype == dtype
    # Two layers of products of length 5 of numbers below 3 and functions of slope at most 1.
    np.testing.assert_allclose(A, expected, rtol=0, atol=2 * 10 * 9 * UNIT[dtype])


@pytest.mark.parametrize("rows", [1, 2, 3, 10, 11, 12])
@pytest.mark.parametrize("kind", KINDS)
def test_results_do_not_depend_on_the_pieces(
    backend: Backend, kind: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, Y = examples(kind)
    whole = make(backend, "float64", kind)
    scores, A = whole.evaluate(X, Y), whole.predict_proba(X)
    monkeypatch.setattr(network_module, "EVALUATION_ROWS", rows)
    pieces = make(backend, "float64", kind)
    # A product of another shape may be summed in another order: gamma_5 and the activations'
    # slopes, on numbers below 9; the sum over 11 examples likewise.
    close = {"rtol": 0, "atol": 200 * 2.0**-53}
    np.testing.assert_allclose(pieces.predict_proba(X), A, **close)
    found = pieces.evaluate(X, Y)
    assert found.keys() == scores.keys()
    for name, value in scores.items():
        assert found[name] == pytest.approx(value, rel=200 * 2.0**-53)


@pytest.mark.parametrize("kind", ["sigmoid", "sigmoids", "softmax"])
def test_accuracy_is_the_share_that_predict_gets_right(
    backend: Backend, dtype: str, kind: str
) -> None:
    net, (X, Y) = make(backend, dtype, kind), examples(kind)
    predicted = net.predict(X)
    assert predicted.dtype == np.int64
    right = predicted == (Y[:, 0] if kind == "sigmoid" else Y)
    right = right.all(axis=1) if right.ndim == 2 else right
    assert 0 < right.sum() < len(X) or kind == "sigmoids"
    assert net.evaluate(X, Y)["accuracy"] == right.mean()


def test_classes_are_what_the_probabilities_say(backend: Backend, dtype: str) -> None:
    for kind in ("sigmoid", "sigmoids", "softmax"):
        net, (X, _) = make(backend, dtype, kind), examples(kind)
        A = net.predict_proba(X)
        expected = A.argmax(axis=1) if kind == "softmax" else (A > 0.5).astype(int)
        expected = expected[:, 0] if kind == "sigmoid" else expected
        np.testing.assert_array_equal(net.predict(X), expected)


def test_regression_predicts_values_and_has_no_accuracy(backend: Backend, dtype: str) -> None:
    net, (X, Y) = make(backend, dtype, "identity"), examples("identity")
    np.testing.assert_array_equal(net.predict(X), net.predict_proba(X))
    scores = net.evaluate(X, Y)
    assert list(scores) == ["loss", "r2", "mae", "rmse"]
    errors = np.asarray(Y) - net.predict(X)
    # Sums of a few float32 errors.
    assert scores["mae"] == pytest.approx(np.abs(errors).mean(), rel=50 * UNIT[dtype])
    assert scores["rmse"] == pytest.approx(np.sqrt((errors**2).mean()), rel=50 * UNIT[dtype])


@pytest.mark.parametrize("kind", KINDS)
def test_evaluate_gives_the_loss_of_the_gradients(backend: Backend, dtype: str, kind: str) -> None:
    net, (X, Y) = make(backend, dtype, kind), examples(kind)
    loss, _ = net.loss_and_gradients(X, Y)
    # The same kernels on the same 11 rows; only the size of the product's memory differs.
    assert net.evaluate(X, Y)["loss"] == pytest.approx(loss, rel=50 * UNIT[dtype])


def test_a_sum_is_n_means(backend: Backend) -> None:
    X, Y = examples("sigmoid")
    losses = []
    for reduction in ("mean", "sum"):
        net = gpunet.Network([4, 5, 1], reduction=reduction, device=backend, dtype="float64")
        losses.append(net.evaluate(X, Y)["loss"])
    assert losses[1] == pytest.approx(len(X) * losses[0], rel=20 * 2.0**-53)


def test_a_data_set_of_bytes_is_scaled(backend: Backend, dtype: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 4), np.uint8)
    data = Dataset(pixels, np.arange(9) % 2, scale=1 / 255, classes=("a", "b"))
    net = make(backend, dtype, "sigmoid")
    X, Y = data.arrays(dtype)
    np.testing.assert_array_equal(net.predict_proba(data), net.predict_proba(X))
    assert net.evaluate(data) == net.evaluate(X, Y)
    # Plain arrays are never rescaled.
    assert (net.predict_proba(pixels) != net.predict_proba(data)).any()


@pytest.mark.parametrize("kind", ["sigmoid", "sigmoids", "softmax"])
def test_an_output_that_is_nan_is_no_class(backend: Backend, kind: str) -> None:
    """Comparisons and argmax would make class 0 of it."""
    outputs, loss = KINDS[kind]
    net = gpunet.Network(
        [1, 2, outputs], "relu", kind.removesuffix("s"), loss, bias=False, device=backend
    )
    up_and_down = np.array([[1.0], [-1.0]]) * np.ones(outputs)
    net.load_parameters({"W1": [[1e20, 1e20]], "W2": up_and_down})
    X = np.zeros((5, 1))
    assert not net.predict(X).any()
    X[3:] = 1e20  # inf - inf
    with pytest.raises(DataError, match="the outputs for row 3 are NaN"):
        net.predict(X)
