"""Each optimizer against the textbook's, over several steps."""

from collections.abc import Callable

import numpy as np
import pytest
import textbook
from pieces import Updates

import gpunet
from gpunet.backends import Backend
from gpunet.optim import Optimizer

UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}
STEPS, WEIGHTS, BIASES = 6, 7, 3

Rule = Callable[..., np.ndarray]
RULES: dict[str, tuple[Optimizer, Rule, dict[str, float]]] = {
    "sgd": (gpunet.SGD(0.1), textbook.sgd, {"rate": 0.1}),
    "momentum": (gpunet.SGD(0.1, momentum=0.9), textbook.momentum, {"rate": 0.1, "mu": 0.9}),
    "nesterov": (
        gpunet.SGD(0.1, momentum=0.9, nesterov=True),
        textbook.nesterov,
        {"rate": 0.1, "mu": 0.9},
    ),
    "adam": (
        gpunet.Adam(0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-3),
        textbook.adam,
        {"rate": 0.01, "b1": 0.8, "b2": 0.95, "epsilon": 1e-3},
    ),
    "rmsprop": (
        gpunet.RMSProp(0.01, rho=0.8, epsilon=1e-3),
        textbook.rmsprop,
        {"rate": 0.01, "rho": 0.8, "epsilon": 1e-3},
    ),
}


def numbers(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Return theta and a gradient for each step."""
    random = np.random.default_rng(0)
    theta = random.normal(size=WEIGHTS + BIASES).astype(dtype)
    return theta, random.normal(size=(STEPS, theta.size)).astype(dtype)


def run(backend: Backend, dtype: str, optimizer: Optimizer, weights: int = WEIGHTS) -> np.ndarray:
    start, gradients = numbers(dtype)
    theta, grad = backend.array(start, dtype), backend.zeros(start.shape, dtype)
    stepper = Updates(optimizer, backend, theta, grad, weights)
    for step, g in enumerate(gradients):
        backend.assign(grad, g)
        stepper.step(float(step))
    return backend.to_numpy(theta)


def expected(dtype: str, rule: Rule, settings: dict, gradient: Callable = lambda g, theta: g):
    start, gradients = numbers(dtype)
    theta, state = start.astype(np.float64), {}
    for t, g in enumerate(gradients, 1):
        theta = rule(theta, gradient(g.astype(np.float64), theta), state, t, **settings)
    return theta


def assert_close(found: np.ndarray, value: np.ndarray, dtype: str) -> None:
    # A step has at most 16 roundings, of numbers of at most 4 (theta, and steps below 1), and
    # momentum lets the velocity's errors be felt up to 1 / (1 - 0.9) = 10 times.
    np.testing.assert_allclose(found, value, rtol=0, atol=STEPS * 16 * 10 * 4 * UNIT[dtype])


@pytest.mark.parametrize("name", RULES)
def test_steps_are_the_textbooks(backend: Backend, dtype: str, name: str) -> None:
    optimizer, rule, settings = RULES[name]
    assert_close(run(backend, dtype, optimizer), expected(dtype, rule, settings), dtype)


@pytest.mark.parametrize("name", RULES)
def test_an_optimizer_starts_fresh_each_time(backend: Backend, dtype: str, name: str) -> None:
    optimizer = RULES[name][0]
    np.testing.assert_array_equal(run(backend, dtype, optimizer), run(backend, dtype, optimizer))


DECAY = 0.1
SPARING = np.array([DECAY] * WEIGHTS + [0.0] * BIASES)  # biases are not decayed


@pytest.mark.parametrize("name", RULES)
def test_weight_decay_is_added_to_the_gradient_of_weights(
    backend: Backend, dtype: str, name: str
) -> None:
    plain, rule, settings = RULES[name]
    kept = {k: v for k, v in vars(plain).items() if k not in ("clip_norm", "moments")}
    optimizer = type(plain)(**(kept | {"weight_decay": DECAY}))
    value = expected(dtype, rule, settings, lambda g, theta: g + SPARING * theta)
    assert_close(run(backend, dtype, optimizer), value, dtype)


def test_adamw_decays_weights_beside_the_averages(backend: Backend, dtype: str) -> None:
    optimizer = gpunet.AdamW(0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-3, weight_decay=DECAY)
    settings = RULES["adam"][2] | {"decay": SPARING}
    assert_close(run(backend, dtype, optimizer), expected(dtype, textbook.adamw, settings), dtype)


def test_a_network_without_biases_can_be_decayed(backend: Backend) -> None:
    everything = WEIGHTS + BIASES
    found = run(backend, "float64", gpunet.SGD(0.1, weight_decay=DECAY), weights=everything)
    value = expected("float64", textbook.sgd, {"rate": 0.1}, lambda g, theta: g + DECAY * theta)
    assert_close(found, value, "float64")


@pytest.mark.parametrize("norm", [0.5, 3.0, 100.0])
def test_long_gradients_are_clipped(backend: Backend, dtype: str, norm: float) -> None:
    def clipped(g: np.ndarray, theta: np.ndarray) -> np.ndarray:
        return g * min(1, norm / np.linalg.norm(g))

    found = run(backend, dtype, gpunet.SGD(0.1, clip_norm=norm))
    assert_close(found, expected(dtype, textbook.sgd, {"rate": 0.1}, clipped), dtype)


def test_a_gradient_of_zeros_can_be_clipped(backend: Backend, dtype: str) -> None:
    theta, grad = backend.array(np.ones(3), dtype), backend.zeros((3,), dtype)
    Updates(gpunet.SGD(0.1, clip_norm=1.0), backend, theta, grad, 3).step(0.0)
    assert backend.to_numpy(theta).tolist() == [1, 1, 1]


def test_a_schedule_may_return_a_numpy_number(backend: Backend, dtype: str) -> None:
    found = run(backend, dtype, gpunet.SGD(lambda epoch: np.float64(0.1)))
    np.testing.assert_array_equal(found, run(backend, dtype, gpunet.SGD(0.1)))


def test_the_schedule_is_asked_at_every_step(backend: Backend) -> None:
    rates = [0.5, 0.25, 0.125, 0.5, 0.25, 0.125]
    found = run(backend, "float64", gpunet.SGD(lambda epoch: rates[int(epoch)]))
    start, gradients = numbers("float64")
    value = start - (np.array(rates)[:, None] * gradients).sum(axis=0)
    assert_close(found, value, "float64")
