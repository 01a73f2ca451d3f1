"""The parameters: views of one vector, loaded all or not at all."""

import numpy as np
import pytest

import gpunet
from gpunet.backends import Backend
from gpunet.errors import ArgumentError


def network(backend: Backend, dtype: str = "float32", **settings) -> gpunet.Network:
    return gpunet.Network([3, 4, 2], device=backend, dtype=dtype, seed=5, **settings)


def host(network: gpunet.Network) -> dict[str, np.ndarray]:
    return {n: network.backend.to_numpy(p) for n, p in network.parameters.items()}


def test_names_and_shapes(backend: Backend, dtype: str) -> None:
    shapes = {name: tuple(p.shape) for name, p in network(backend, dtype).parameters.items()}
    assert shapes == {"W1": (3, 4), "b1": (4,), "W2": (4, 2), "b2": (2,)}
    assert list(network(backend, bias=False).parameters) == ["W1", "W2"]


def test_parameters_are_views_of_one_vector(backend: Backend, dtype: str) -> None:
    net = network(backend, dtype)
    theta = np.arange(net.mlp.theta.shape[0], dtype=dtype)
    backend.assign(net.mlp.theta, theta)
    values = host(net)
    # All weights first, then all biases; together they are the whole vector.
    in_order = [values[name].ravel() for name in ("W1", "W2", "b1", "b2")]
    np.testing.assert_array_equal(np.concatenate(in_order), theta)


def test_gradients_are_views_of_one_vector_too(backend: Backend) -> None:
    net = network(backend)
    backend.assign(net.mlp.grad, np.arange(26, dtype="f4"))
    np.testing.assert_array_equal(
        backend.to_numpy(net.mlp.gradients["W2"]), np.arange(12, 20).reshape(4, 2)
    )


def test_host_and_device_arrays_can_be_loaded(backend: Backend, dtype: str) -> None:
    values = host(network(backend, dtype, init="uniform"))
    for convert in (lambda x: x, np.ndarray.tolist, lambda x: backend.array(x, dtype)):
        net = network(backend, dtype)
        net.load_parameters({name: convert(x) for name, x in values.items()})
        for name, x in host(net).items():
            np.testing.assert_array_equal(x, values[name])


def test_loaded_arrays_are_copied(backend: Backend) -> None:
    net = network(backend)
    values = {n: np.ones_like(x) for n, x in host(net).items()}
    net.load_parameters(values)
    values["W1"][:] = 7
    assert (host(net)["W1"] == 1).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"W3": np.zeros((2, 2))}, "unknown: W3"),
        ({7: np.zeros((2, 2))}, "unknown: 7"),
        ({"W2": None, "b2": None}, "missing: W2, b2"),
        ({"W2": np.zeros((2, 4))}, r"W2 has shape \(2, 4\).*\(4, 2\).*transpose"),
        ({"b2": np.zeros((1, 2))}, r"b2 has shape \(1, 2\)"),
        ({"b2": np.array(["a", "b"])}, "b2 must hold numbers"),
        ({"b2": np.array([1j, 0])}, "b2 must hold numbers"),
        ({"b2": [[1.0], [1.0, 2.0]]}, "b2 cannot be read as an array"),
    ],
)
def test_what_does_not_fit_changes_nothing(backend: Backend, change: dict, message: str) -> None:
    net = network(backend)
    before = host(net)
    wrong = {name: x + 1 for name, x in before.items()} | change
    wrong = {name: x for name, x in wrong.items() if x is not None}
    with pytest.raises(ArgumentError, match=message):
        net.load_parameters(wrong)
    for name, x in host(net).items():
        np.testing.assert_array_equal(x, before[name])


def test_computing_gradients_changes_no_parameter(backend: Backend, dtype: str) -> None:
    net = network(backend, dtype, dropout=0.5)
    before, random = host(net), np.random.default_rng(0)
    X, Y = random.normal(size=(5, 3)), random.integers(0, 2, (5, 2))
    first = net.loss_and_gradients(X, Y)
    second = net.loss_and_gradients(X, Y)
    assert first[0] == second[0]
    for name, x in host(net).items():
        np.testing.assert_array_equal(x, before[name])
        np.testing.assert_array_equal(first[1][name], second[1][name])


def test_gradients_are_computed_without_dropout(backend: Backend) -> None:
    random = np.random.default_rng(0)
    X, Y = random.normal(size=(5, 3)), random.integers(0, 2, (5, 2))
    loss, gradients = network(backend).loss_and_gradients(X, Y)
    loss_with, gradients_with = network(backend, dropout=0.5).loss_and_gradients(X, Y)
    assert loss_with == loss
    for name, g in gradients.items():
        np.testing.assert_array_equal(gradients_with[name], g)


def test_returned_gradients_stay_as_they_are(backend: Backend) -> None:
    net, random = network(backend), np.random.default_rng(0)
    X, Y = random.normal(size=(5, 3)), random.integers(0, 2, (5, 2))
    _, gradients = net.loss_and_gradients(X, Y)
    kept = {name: g.copy() for name, g in gradients.items()}
    net.loss_and_gradients(-X, 1 - Y)
    for name, g in gradients.items():
        np.testing.assert_array_equal(g, kept[name])


def test_a_seed_fixes_the_weights_on_every_device(backend: Backend, dtype: str) -> None:
    reference = host(network(gpunet.get_backend("cpu"), dtype))
    for name, x in host(network(backend, dtype)).items():
        np.testing.assert_array_equal(x, reference[name])
    other = gpunet.Network([3, 4, 2], device=backend, dtype=dtype, seed=6)
    assert (host(other)["W1"] != reference["W1"]).all()


def test_layers_of_one_shape_draw_different_weights(backend: Backend) -> None:
    W = host(gpunet.Network([3, 3, 3], device=backend))
    assert (W["W1"] != W["W2"]).all()


def test_biases_start_at_zero(backend: Backend) -> None:
    assert not host(network(backend))["b1"].any()
