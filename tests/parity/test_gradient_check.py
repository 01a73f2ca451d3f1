"""The gradient check passes what is right, and fails what is wrong."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import gpunet
from gpunet.backends import Backend
from gpunet.nn import activations, backprop, losses, mlp

ELEMENTWISE = [a.name for a in activations.ACTIVATIONS.values() if a.elementwise]
ENDS = [
    ("sigmoid", "binary_crossentropy"),
    ("softmax", "categorical_crossentropy"),
    *((output, loss) for output in ELEMENTWISE for loss in ("squared_error", "half_squared_error")),
]


def network(backend: Backend | str = "cpu", **settings) -> gpunet.Network:
    kept = {"sizes": [3, 4, 2], "device": backend, "seed": 1} | settings
    net = gpunet.Network(**kept)
    random = np.random.default_rng(1)
    values = {n: random.normal(size=p.shape) for n, p in net.parameters.items()}
    if net.architecture.output == "relu":  # else all its outputs are 0 and have no derivative
        values[max(values)] += 2
    net.load_parameters(values)
    return net


def examples(loss: str = "binary_crossentropy") -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(2)
    X = random.normal(size=(5, 3))
    return X, np.eye(2)[random.integers(0, 2, 5)] if loss != "squared_error" else X[:, :2] + 1


@pytest.mark.parametrize(("output", "loss"), ENDS)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_every_end(backend: Backend, output: str, loss: str, reduction: str) -> None:
    net = network(backend, output=output, loss=loss, reduction=reduction)
    result = gpunet.gradient_check(net, *examples(loss))
    assert result, result
    assert result.checked == 26
    assert result.analytic != 0


@pytest.mark.parametrize("hidden", ELEMENTWISE)
@pytest.mark.parametrize("bias", [True, False])
def test_every_hidden_activation(backend: Backend, hidden: str, bias: bool) -> None:
    net = network(backend, sizes=[3, 4, 3, 2], hidden=hidden, bias=bias)
    result = gpunet.gradient_check(net, *examples())
    assert result, result


@pytest.mark.parametrize("directions", [1, 5])
def test_along_directions(backend: Backend, directions: int) -> None:
    result = gpunet.gradient_check(network(backend), *examples(), directions=directions)
    assert result, result
    assert result.checked == directions


def test_large_networks_are_checked_along_directions() -> None:
    result = gpunet.gradient_check(network(sizes=[3, 500, 2]), *examples())
    assert result, result
    assert result.checked == 20


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_network_is_not_changed(dtype: str) -> None:
    net = network(dtype=dtype, dropout=0.5)
    before = net.mlp.theta.copy()
    gpunet.gradient_check(net, *examples())
    np.testing.assert_array_equal(net.mlp.theta, before)


def test_a_minimum_passes() -> None:
    """All derivatives are 0 there, and the loss is not: what is left is rounding."""
    net = gpunet.Network([1, 1], dtype="float64", device="cpu")
    noise = []
    for n in range(3, 40):  # one of n in the class: a probability of 1/n is best
        X, Y, p = np.zeros((n, 1)), np.arange(n) == 0, 1 / n
        net.load_parameters({"W1": [[0.0]], "b1": [np.log(p / (1 - p))]})
        result = gpunet.gradient_check(net, X, Y)
        assert abs(result.analytic) < 1e-15
        assert result, result
        noise.append(abs(result.numeric))
    assert max(noise) > 1e-12  # or this tested nothing


# --- negative controls: each of these must fail -------------------------------------------------


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_a_wrong_derivative_fails(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = activations.ACTIVATIONS[name]

    def wrong(xp, Z, A):
        return 1.001 * right.g_prime(xp, Z, A)

    monkeypatch.setitem(activations.ACTIVATIONS, name, replace(right, g_prime=wrong))
    result = gpunet.gradient_check(network(hidden=name), *examples())
    assert not result
    assert result.error > 1e-4
    assert result.worst.startswith(("W1", "b1"))


@pytest.mark.parametrize(("output", "loss"), ENDS)
def test_a_wrong_loss_gradient_fails(
    output: str, loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = losses.LOSSES[loss]
    kind = "dZ" if right.dZ else "dA"
    gradient = getattr(right, kind)
    wrong = replace(right, **{kind: lambda xp, A, Y: gradient(xp, A, Y) + 1e-3 * A})
    monkeypatch.setitem(losses.LOSSES, loss, wrong)
    assert not gpunet.gradient_check(network(output=output, loss=loss), *examples(loss))


def test_a_dropped_share_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlp.MLP, "share", lambda self, n: 1.0)
    result = gpunet.gradient_check(network(), *examples())
    assert not result
    assert result.analytic == pytest.approx(5 * result.numeric, rel=1e-6)


def test_a_forgotten_bias_gradient_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    right = backprop.backward

    def without_db(*arguments: Any) -> Any:
        dW, db = right(*arguments)
        return dW, [0.0 * x for x in db]

    monkeypatch.setattr(backprop, "backward", without_db)
    result = gpunet.gradient_check(network(), *examples())
    assert not result
    assert result.worst.startswith("b")


def test_nan_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network(dtype="float64", output="identity", loss="squared_error")
    # The outputs' squares overflow, but not those of the steps along a parameter.
    net.load_parameters({n: np.full_like(p, 1e154) for n, p in net.parameters.items()})
    assert not gpunet.gradient_check(net, *examples())
