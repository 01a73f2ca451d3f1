"""Training is the textbook's loop; batches, shuffles and seeds do what they say."""

from collections.abc import Callable

import numpy as np
import pytest
import textbook
from pieces import masks
from same import assert_same_parameters, host

import gpunet
from gpunet.datasets.dataset import Dataset
from gpunet.errors import ArgumentError, DataError, DivergedError
from gpunet.training import loop

Make = Callable[..., gpunet.Network]
Problem = tuple[np.ndarray, np.ndarray]

# 20 steps of 0.5 on a network of slopes below 1: rounding errors of u = 2^-53, a few dozen a step
# on numbers of order 1, are not amplified by more than a factor of e^(0.5 * 20 * 0.25) = 12.
CLOSE = {"rtol": 0, "atol": 20 * 50 * 12 * 2.0**-53}
SETTINGS = (["sigmoid", "sigmoid"], "binary_crossentropy")


def by_hand(
    network: gpunet.Network, X: np.ndarray, Y: np.ndarray, batches: list[list[slice]], rate: float
) -> tuple[dict[str, np.ndarray], list[float]]:
    """Return the parameters after these batches of each epoch, and each epoch's mean loss."""
    parameters = {name: p.copy() for name, p in host(network).items()}
    X, Y, losses = X.astype("f8"), Y.astype("f8"), []
    reduction = network.architecture.reduction
    for epoch in batches:
        total = 0.0
        for rows in epoch:
            case = (X[rows], Y[rows], *SETTINGS)
            total += textbook.loss(parameters, *case, "sum")
            found = textbook.gradients(parameters, *case, reduction)
            parameters = {name: p - rate * found[name] for name, p in parameters.items()}
        losses.append(total / len(X) if reduction == "mean" else total)
    return parameters, losses


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_full_batch_is_the_textbooks_loop(make: Make, problem: Problem, reduction: str) -> None:
    network, (X, Y) = make(reduction=reduction), problem
    rate = 0.5 if reduction == "mean" else 0.05
    parameters, losses = by_hand(network, X, Y, [[slice(None)]] * 20, rate)
    history = gpunet.fit(network, X, Y, optimizer=gpunet.SGD(rate), epochs=20)
    np.testing.assert_allclose(history.loss, losses, **CLOSE)
    for name, p in host(network).items():
        np.testing.assert_allclose(p, parameters[name], **CLOSE)
    assert history.steps == history.epochs == 20
    assert history.stopped == ""


@pytest.mark.parametrize("batch_size", [1, 4, 5, 10])
def test_batches_in_order_are_the_textbooks_loop(
    make: Make, problem: Problem, batch_size: int
) -> None:
    """11 examples: the last batch is a smaller one, and its mean is over its own examples."""
    network, (X, Y) = make(), problem
    epoch = [slice(i, i + batch_size) for i in range(0, len(X), batch_size)]
    parameters, losses = by_hand(network, X, Y, [epoch] * 3, 0.1)
    history = gpunet.fit(
        network, X, Y, optimizer=gpunet.SGD(0.1), epochs=3, batch_size=batch_size, shuffle=False
    )
    np.testing.assert_allclose(history.loss, losses, **CLOSE)
    for name, p in host(network).items():
        np.testing.assert_allclose(p, parameters[name], **CLOSE)
    assert history.steps == 3 * len(epoch)


def test_the_loss_is_measured_before_the_updates(make: Make, problem: Problem) -> None:
    network, (X, Y) = make(), problem
    before = network.evaluate(X, Y)
    history = gpunet.fit(network, X, Y, epochs=1)
    # The same sums in the same order, perhaps of products of another height.
    assert history.loss[0] == pytest.approx(before["loss"], rel=50 * 2.0**-53)
    assert history.accuracy[0] == before["accuracy"]


@pytest.mark.parametrize("batch_size", [1, 3, 4, 11])
def test_each_epoch_covers_each_example_once(
    make: Make, problem: Problem, batch_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, Y = problem
    batches: list[list[float]] = []
    network = make()
    backend = network.backend

    def bind(step, inputs, outputs):
        def run(inputs, outputs) -> None:
            step(*inputs, *outputs)
            X = backend.to_numpy(step.feed.source)
            rows = backend.to_numpy(inputs[0]) if step.X is None else slice(None)
            batches.append(X[rows, 0].tolist())

        return run

    monkeypatch.setattr(backend, "bind", bind)
    monkeypatch.setattr(backend, "capture", lambda work: work)  # what `run` reads is not captured
    gpunet.fit(network, X, Y, epochs=2, batch_size=batch_size)
    if batch_size == len(X):  # where they are, in their order
        assert batches == [X[:, 0].tolist()] * 2
    else:
        half = len(batches) // 2
        first, second = ([x for b in part for x in b] for part in (batches[:half], batches[half:]))
        assert sorted(first) == sorted(second) == sorted(X[:, 0].tolist())
        assert first != second
        assert [len(b) for b in batches[: half - 1]] == [batch_size] * (half - 1)


def trained(make: Make, problem: Problem, **settings) -> gpunet.Network:
    network = make(dropout=settings.pop("dropout", 0.0))
    gpunet.fit(network, *problem, **{"epochs": 3, "batch_size": 4} | settings)
    return network


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_the_same_seed_gives_the_same_bits(make: Make, problem: Problem, dropout: float) -> None:
    one, two = (trained(make, problem, dropout=dropout) for _ in range(2))
    assert_same_parameters(one, two)


def test_another_seed_gives_another_order(make: Make, problem: Problem) -> None:
    one, two = (trained(make, problem, seed=seed) for seed in (1, 2))
    assert (host(one)["W1"] != host(two)["W1"]).any()


def test_the_networks_seed_is_the_shuffles_unless_one_is_given(
    make: Make, problem: Problem
) -> None:
    assert_same_parameters(trained(make, problem), trained(make, problem, seed=3))
    assert_same_parameters(trained(make, problem), trained(make, problem, seed=np.int64(3)))


def test_dropout_leaves_out_its_share_and_evaluation_none(make: Make, problem: Problem) -> None:
    X, Y = problem
    network = make(dropout=0.5)
    assert network.evaluate(X, Y) == make().evaluate(X, Y)
    history = gpunet.fit(network, X, Y, epochs=1)
    assert history.loss[0] != make().evaluate(X, Y)["loss"]


def test_dropout_masks(backend: gpunet.Backend, dtype: str) -> None:
    """Each entry is 0 or 1 / (1 - rate), of the right share, and new at each step."""
    rate, n, columns = 0.3, 200, 50
    drawn = masks(backend, columns, rate, 0, n, 2, dtype)
    kept = np.dtype(dtype).type(1 / (1 - rate))
    for D in drawn:
        assert set(np.unique(D)) == {0, kept}
        # The share of zeros has the standard error sqrt(p (1-p) / n); the seed is fixed.
        assert abs((D == 0).mean() - rate) < 5 * np.sqrt(rate * (1 - rate) / D.size)
        # Neither rows nor columns repeat.
        assert len(np.unique(D, axis=0)) == n
        assert len(np.unique(D, axis=1).T) == columns
    assert (drawn[0] != drawn[1]).any()


def test_a_data_set_of_bytes_is_its_scaled_floats(make: Make) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (11, 3), np.uint8)
    data = Dataset(pixels, np.arange(11) % 2, 1 / 255, ("a", "b"), "bytes")
    for batch_size in (None, 4):
        one, two = make(), make()
        gpunet.fit(one, data, epochs=3, batch_size=batch_size)
        gpunet.fit(two, *data.arrays("float64"), epochs=3, batch_size=batch_size)
        assert_same_parameters(one, two)
    assert one.input_format.name == "bytes"
    assert two.input_format.name == ""


def test_the_training_data_are_not_changed(make: Make, problem: Problem) -> None:
    X, Y = problem[0].astype("f8"), problem[1].astype("f8")
    before = X.copy(), Y.copy()
    gpunet.fit(make(), X, Y, epochs=2, batch_size=4)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(Y, before[1])


@pytest.mark.parametrize("seconds", [-1.0, 1e9])
@pytest.mark.parametrize("unread", [1, 2, 5, 1024])
@pytest.mark.parametrize("batch_size", [None, 4])
def test_how_often_losses_are_read_changes_nothing(
    make: Make,
    problem: Problem,
    seconds: float,
    unread: int,
    batch_size: int | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = {"epochs": 7, "batch_size": batch_size, "optimizer": gpunet.Adam(0.05)}
    usual, network = make(dropout=0.25), make(dropout=0.25)
    expected = gpunet.fit(usual, *problem, **settings)
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_READS", seconds)
    monkeypatch.setattr(loop, "MOST_EPOCHS_UNREAD", unread)
    history = gpunet.fit(network, *problem, **settings)
    assert_same_parameters(network, usual)
    assert history.to_dict() | {"seconds": 0} == expected.to_dict() | {"seconds": 0}


def test_the_history_has_the_learning_rates(make: Make, problem: Problem) -> None:
    schedule = gpunet.schedules.step(0.4, every=2, factor=0.5)
    history = gpunet.fit(make(), *problem, optimizer=gpunet.SGD(schedule), epochs=5, batch_size=4)
    assert history.learning_rate == [0.4, 0.4, 0.2, 0.2, 0.1]


def test_the_schedule_is_asked_at_fractions_of_epochs(make: Make, problem: Problem) -> None:
    class Recorder(gpunet.SGD):
        def scalars(self, rate: float, step: int) -> tuple[float, ...]:
            rates.append(rate)
            return super().scalars(rate, step)

    rates: list[float] = []
    optimizer = Recorder(lambda epoch: 1 + epoch)
    gpunet.fit(make(), *problem, optimizer=optimizer, epochs=2, batch_size=3)
    assert rates == [1, 1.25, 1.5, 1.75, 2, 2.25, 2.5, 2.75]


def test_validation_is_evaluated_after_each_epoch(make: Make, problem: Problem) -> None:
    X, Y = problem
    seen = []
    network = make()

    def look(epoch: int, logs: dict[str, float]) -> None:
        seen.append(network.evaluate(X, Y))

    history = gpunet.fit(network, X, Y, epochs=3, validation=(X, Y), callbacks=[look])
    assert history.val_loss == [s["loss"] for s in seen]
    assert history.val_accuracy == [s["accuracy"] for s in seen]


def test_validation_does_not_disturb_training(make: Make, problem: Problem) -> None:
    X, Y = problem
    data = Dataset((X > 0).astype("uint8"), Y[:, 0].astype("int64"), 0.5, ("a", "b"))
    without, with_it = make(), make()
    gpunet.fit(without, X, Y, epochs=3, batch_size=4)
    gpunet.fit(with_it, X, Y, epochs=3, batch_size=4, validation=data)
    assert_same_parameters(without, with_it)


@pytest.mark.parametrize("read", [-1.0, 1e9])
def test_divergence_is_an_error_that_keeps_the_history(
    make: Make, problem: Problem, read: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_READS", read)
    network = make(hidden="identity", output="identity", loss="squared_error")
    with pytest.raises(DivergedError, match="lower the learning rate") as caught:
        gpunet.fit(network, *problem, optimizer=gpunet.SGD(1e3), epochs=200)
    history = caught.value.history
    assert 0 < history.epochs < 200
    assert np.isfinite(history.loss).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "from 1 to the number of examples, 11"),
        ({"batch_size": 12}, "from 1 to the number of examples, 11"),
        ({"batch_size": -1}, "batch size"),
        ({"batch_size": 2.5}, "batch size"),
        ({"epochs": 0}, "epochs must be a whole number above 0"),
        ({"epochs": 1.5}, "epochs"),
        ({"seed": -1}, "seed must be"),
        ({"seed": 2**32}, "seed must be"),
        ({"validation": 3}, "validation must be"),
        ({"validation": (1, 2, 3)}, "validation must be"),
    ],
)
def test_settings_out_of_range(make: Make, problem: Problem, settings: dict, message: str) -> None:
    network = make()
    before = host(network)
    with pytest.raises(ArgumentError, match=message):
        gpunet.fit(network, *problem, **settings)
    for name, p in host(network).items():
        np.testing.assert_array_equal(p, before[name])


def test_validation_data_that_do_not_fit(make: Make, problem: Problem) -> None:
    with pytest.raises(DataError, match="columns"):
        gpunet.fit(make(), *problem, validation=(np.zeros((2, 5)), np.zeros(2)))


def test_numpy_integers_are_integers(make: Make, problem: Problem) -> None:
    one, two = make(), make()
    gpunet.fit(one, *problem, epochs=np.int64(2), batch_size=np.int32(4))
    gpunet.fit(two, *problem, epochs=2, batch_size=4)
    assert_same_parameters(one, two)
