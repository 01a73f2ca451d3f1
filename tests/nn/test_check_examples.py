"""Examples that do not fit are refused with the reason."""

from collections.abc import Callable

import numpy as np
import pytest

import gpunet
from gpunet.backends import Backend
from gpunet.datasets.dataset import Dataset
from gpunet.errors import ArgumentError, DataError


def binary(features: int = 3, outputs: int = 1) -> gpunet.Network:
    return gpunet.Network([features, outputs], device="cpu")


def softmax(outputs: int = 3) -> gpunet.Network:
    settings = {"output": "softmax", "loss": "categorical_crossentropy"}
    return gpunet.Network([3, outputs], device="cpu", **settings)


def refuses(network: gpunet.Network, X: object, Y: object, message: str) -> None:
    for use in (network.evaluate, network.loss_and_gradients, lambda *a: gpunet.fit(network, *a)):
        with pytest.raises(DataError, match=message):
            use(X, Y)


X = np.zeros((4, 3))
Y = np.array([0, 1, 1, 0])
NAN = np.where(np.eye(4, 3, k=-1), np.nan, 0.0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((4, 2)), "X has 2 columns but the network expects 3"),
        (np.zeros(3), r"X must be a table \(n, 3\).*got shape \(3,\)"),
        (np.zeros((4, 1, 3)), r"got shape \(4, 1, 3\)"),
        (np.float64(3), "must be a table"),
        (np.zeros((0, 3)), "no examples"),
        (NAN, r"X is nan in row 1, column 0.*\(3 of 12\)"),
        (X + np.inf, "X is inf in row 0"),
        (X + 1e300, "not a finite float32"),
        (X.astype(str), "X must hold numbers"),
        (X.astype(object), "X must hold numbers"),
        (X + 1j, "X must hold numbers"),
        (None, "X must hold numbers"),
        ([[1, 2, 3], [1, 2]], "X cannot be read as an array"),
    ],
)
def test_features(wrong: object, message: str) -> None:
    refuses(binary(), wrong, Y, message)
    with pytest.raises(DataError, match=message):
        binary().predict(wrong)


def test_mnist_with_a_column_missing() -> None:
    with pytest.raises(DataError, match="783 columns but the network expects 784; did you flatten"):
        binary(784).predict(np.zeros((2, 783)))


@pytest.mark.parametrize(
    ("network", "wrong", "message"),
    [
        (binary(), None, "targets are missing"),
        (binary(), Y[:3], "X has 4 rows but Y has 3"),
        (binary(), Y * 2, "targets from 0 to 1, but Y holds 2; number the classes from 0"),
        (binary(), Y - 1, "Y holds -1"),
        (binary(), Y * np.nan, "Y is nan in row 0"),
        (binary(), Y.astype(str), "Y must hold numbers"),
        (binary(), np.zeros((4, 2)), r"Y must be \(n, 1\).*got shape \(4, 2\)"),
        (binary(outputs=2), Y, r"Y must be \(n, 2\).*got shape \(4,\)"),
        (softmax(), Y + 2, "class number 3, but the network has 3 outputs: expected 0 to 2"),
        (softmax(), Y - 1.0, "class number -1"),
        (softmax(), Y + 0.5, "integers"),
        (softmax(), Y * np.nan, "integers"),
        (softmax(), Y[:, None], r"class numbers \(n,\)"),
        (softmax(), np.eye(4, 3), "row 3 of Y sums to 0; one-hot rows sum to 1"),
        (softmax(), np.full((4, 3), 0.5), "row 0 of Y sums to 1.5"),
        (softmax(), np.array([[2.0, -1.0, 0.0]] * 4), "targets from 0 to 1"),
    ],
)
def test_targets(network: gpunet.Network, wrong: object, message: str) -> None:
    refuses(network, X, wrong, message)


@pytest.mark.parametrize("kind", ["int64", "int32", "uint8", "bool", "float32", "float64"])
def test_class_numbers_of_any_type_become_one_hot(kind: str) -> None:
    examples = softmax(2).check(X, Y.astype(kind))
    assert examples.Y.tolist() == [[1, 0], [0, 1], [0, 1], [1, 0]]


def test_a_vector_serves_one_output() -> None:
    np.testing.assert_array_equal(binary().check(X, Y).Y, Y[:, None])


def test_floats_are_checked_in_the_networks_precision() -> None:
    wide = gpunet.Network([3, 1], device="cpu", dtype="float64")
    assert wide.check(X + 1e300, Y).X.dtype == np.float64


def test_bytes_stay_bytes() -> None:
    assert binary().check(X.astype("uint8"), Y).X.dtype == np.uint8


def test_class_probabilities_may_be_rounded() -> None:
    thirds = np.full((4, 3), np.float32(1) / 3)
    assert softmax().check(X, thirds).Y.dtype == np.float32


def test_a_refusal_leaves_the_network_alone() -> None:
    network = binary()
    before = network.parameters["W1"].copy()
    data = Dataset(np.zeros((4, 2)), Y, 0.5, ("a", "b"), "other")
    with pytest.raises(DataError):
        gpunet.fit(network, data)
    np.testing.assert_array_equal(network.parameters["W1"], before)
    assert network.input_format.name == ""


def test_arrays_of_the_device_are_taken(backend: Backend, dtype: str) -> None:
    network = gpunet.Network([3, 1], device=backend, dtype=dtype)
    host = np.random.default_rng(0).normal(size=(4, 3))
    on_device = backend.array(host, dtype), backend.array(Y[:, None], dtype)
    np.testing.assert_array_equal(network.predict_proba(on_device[0]), network.predict_proba(host))
    assert network.evaluate(*on_device) == network.evaluate(host, Y)


@pytest.mark.parametrize("X_or_Y", ["X", "Y", "y of a data set", "X of a data set", "parameters"])
def test_masked_values_are_refused(X_or_Y: str) -> None:
    """NumPy drops the mask, and computes with what lies below it."""
    bad_X = np.ma.masked_greater(np.arange(12.0).reshape(4, 3), 10)
    bad_Y = np.ma.masked_array([0, 1, 1, 0], [False, True, True, False])
    uses: dict[str, Callable[[], object]] = {
        "X": lambda: binary().predict(bad_X),
        "Y": lambda: binary().evaluate(X, bad_Y),
        "X of a data set": lambda: Dataset(bad_X, Y),
        "y of a data set": lambda: Dataset(X, bad_Y, classes=("a", "b")),
        "parameters": lambda: binary().load_parameters({"W1": bad_X[3:].T, "b1": [0]}),
    }
    with pytest.raises((DataError, ArgumentError), match=r"has [12] masked values.*\.filled"):
        uses[X_or_Y]()
    unmasked = np.ma.masked_array(X)
    np.testing.assert_array_equal(binary().predict_proba(unmasked), binary().predict_proba(X))


@pytest.mark.parametrize("loss", ["squared_error", "half_squared_error"])
@pytest.mark.parametrize("labels", [(1, 2), (-1, 1), (0, 8)])
def test_classes_that_a_sigmoid_does_not_have_are_refused(loss: str, labels: tuple) -> None:
    """By A > 1/2 and Y > 1/2, classes 1 and 2 would all be right: an accuracy of 100 %."""
    network = gpunet.Network([3, 1], output="sigmoid", loss=loss, device="cpu")
    refuses(network, X, np.array(labels)[Y], "a sigmoid's classes are 0 and 1, but Y holds")
    network.evaluate(X, np.array([-0.2, 0.9])[Y])  # no classes
