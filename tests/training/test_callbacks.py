"""Callbacks: when they are called, and what they can do."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from same import assert_same_parameters, host

import gpunet
from gpunet.errors import ArgumentError, DivergedError
from gpunet.training import loop
from gpunet.training.callbacks import Callback

Make = Callable[..., gpunet.Network]
Problem = tuple[np.ndarray, np.ndarray]


class Diary(Callback):
    def __init__(self, name: str = "") -> None:
        self.name, self.events = name, []

    def on_train_begin(self, run) -> None:
        self.events.append("begin")
        self.run = run

    def on_batch_end(self, epoch: int, batch: int) -> None:
        self.events.append(f"batch {epoch}.{batch}")

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        self.events.append(f"epoch {epoch}")

    def on_train_end(self, history) -> None:
        self.events.append("end")


class EveryEpochDiary(Diary):
    every_epoch = True


def test_the_order_of_events(make: Make, problem: Problem) -> None:
    diary = EveryEpochDiary()
    gpunet.fit(make(), *problem, epochs=2, batch_size=6, callbacks=[diary])
    batches = [[f"batch {epoch}.{batch}" for batch in (1, 2)] for epoch in (1, 2)]
    expected = ["begin", *batches[0], "epoch 1", *batches[1], "epoch 2", "end"]
    assert diary.events == expected
    assert (diary.run.epochs, diary.run.steps_per_epoch, diary.run.examples) == (2, 2, 11)


def test_an_unhurried_callback_hears_of_every_epoch_in_order(
    make: Make, problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_READS", 1e9)
    diary = Diary()
    gpunet.fit(make(), *problem, epochs=3, callbacks=[diary])
    assert [e for e in diary.events if e.startswith("epoch")] == ["epoch 1", "epoch 2", "epoch 3"]
    assert diary.events[-1] == "end"


def test_a_function_is_a_callback(make: Make, problem: Problem) -> None:
    seen = []
    history = gpunet.fit(
        make(), *problem, epochs=3, callbacks=[lambda epoch, logs: seen.append((epoch, dict(logs)))]
    )
    assert [epoch for epoch, _ in seen] == [1, 2, 3]
    assert [logs["loss"] for _, logs in seen] == history.loss
    assert seen[0][1].keys() == {"loss", "accuracy", "learning_rate"}


def test_a_function_that_returns_true_stops_training(make: Make, problem: Problem) -> None:
    history = gpunet.fit(make(), *problem, epochs=9, callbacks=[lambda epoch, logs: epoch == 4])
    assert history.epochs == history.steps == 4
    assert history.stopped == "a callback asked for it"


def test_stopping_within_an_epoch(make: Make, problem: Problem) -> None:
    """The epoch that was cut short counts the examples that it saw."""

    class Stop(Diary):
        def on_batch_end(self, epoch: int, batch: int) -> None:
            if (epoch, batch) == (2, 1):
                self.run.stop("enough")

    network, (X, Y) = make(), problem
    history = gpunet.fit(network, X, Y, epochs=9, batch_size=4, shuffle=False, callbacks=[Stop()])
    assert (history.epochs, history.steps, history.stopped) == (2, 4, "enough")
    # What the second epoch saw: its first four examples, after one epoch's updates.
    one_epoch = make()
    gpunet.fit(one_epoch, X, Y, epochs=1, batch_size=4, shuffle=False)
    expected = one_epoch.evaluate(X[:4], Y[:4])["loss"]
    assert history.loss[1] == pytest.approx(expected, rel=50 * 2.0**-53)


def test_an_error_in_a_callback_ends_training_properly(make: Make, problem: Problem) -> None:
    diary = Diary()

    def fail(epoch: int, logs: dict) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        gpunet.fit(make(), *problem, epochs=3, callbacks=[diary, fail])
    assert diary.events[-1] == "end"


VALUES = [3.0, 1.0, 2.0, 1.5, 4.0, 0.5]


class Script(Callback):
    """Writes a made-up val_loss into the logs, before the callbacks after it look."""

    every_epoch = True

    def __init__(self, network: gpunet.Network, values: list[float] = VALUES) -> None:
        self.network, self.values, self.states = network, values, []

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        logs["val_loss"] = self.values[epoch - 1]
        self.states.append(host(self.network))


def test_early_stopping_goes_back_to_the_best_weights(make: Make, problem: Problem) -> None:
    network = make()
    script, stopping = Script(network), gpunet.EarlyStopping(patience=3)
    history = gpunet.fit(network, *problem, epochs=6, callbacks=[script, stopping])
    assert history.epochs == 5  # three epochs without improvement after the second
    assert stopping.best_epoch == 2
    assert "since epoch 2" in history.stopped
    for name, p in host(network).items():
        np.testing.assert_array_equal(p, script.states[1][name])
        assert (p != script.states[4][name]).any()


def test_early_stopping_may_leave_the_last_weights(make: Make, problem: Problem) -> None:
    network = make()
    script, stopping = Script(network), gpunet.EarlyStopping(patience=3, restore_best=False)
    gpunet.fit(network, *problem, epochs=6, callbacks=[script, stopping])
    np.testing.assert_array_equal(host(network)["W1"], script.states[4]["W1"])


def test_without_patience_running_out_the_best_weights_are_restored_too(
    make: Make, problem: Problem
) -> None:
    network = make()
    script, stopping = Script(network), gpunet.EarlyStopping(patience=9)
    history = gpunet.fit(network, *problem, epochs=5, callbacks=[script, stopping])
    assert history.stopped == ""
    np.testing.assert_array_equal(host(network)["W1"], script.states[1]["W1"])


def test_small_improvements_may_not_count(make: Make, problem: Problem) -> None:
    network = make()
    script = Script(network, [3.0, 2.9, 2.8, 2.7])
    stopping = gpunet.EarlyStopping(patience=2, min_delta=0.5)
    history = gpunet.fit(network, *problem, epochs=4, callbacks=[script, stopping])
    assert (history.epochs, stopping.best_epoch) == (3, 1)


def test_nan_is_no_improvement(make: Make, problem: Problem) -> None:
    network = make()
    script, stopping = Script(network, [1.0, np.nan, np.nan]), gpunet.EarlyStopping(patience=2)
    gpunet.fit(network, *problem, epochs=3, callbacks=[script, stopping])
    assert stopping.best_epoch == 1


def test_a_larger_accuracy_is_better(make: Make, problem: Problem) -> None:
    class Accuracies(Script):
        def on_epoch_end(self, epoch: int, logs: dict) -> None:
            logs["accuracy"] = self.values[epoch - 1]

    network = make()
    stopping = gpunet.EarlyStopping("accuracy", patience=2)
    script = Accuracies(network, [0.5, 0.9, 0.8, 0.9])
    gpunet.fit(network, *problem, epochs=4, callbacks=[script, stopping])
    assert stopping.best_epoch == 2


@pytest.mark.parametrize(
    ("make_callback", "message"),
    [
        (lambda: gpunet.EarlyStopping("val_los"), "monitor must be one of"),
        (lambda: gpunet.EarlyStopping(patience=0), "patience"),
        (lambda: gpunet.EarlyStopping(patience=1.5), "patience"),
    ],
)
def test_settings_out_of_range(make_callback: Callable, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make_callback()


def test_what_is_not_there_cannot_be_monitored(make: Make, problem: Problem) -> None:
    with pytest.raises(ArgumentError, match="cannot monitor val_loss: this run has loss"):
        gpunet.fit(make(), *problem, epochs=2, callbacks=[gpunet.EarlyStopping("val_loss")])


def test_a_checkpoint_holds_the_best_network(make: Make, problem: Problem, tmp_path: Path) -> None:
    network, path = make(), tmp_path / "best.safetensors"
    script = Script(network)
    checkpoint = gpunet.Checkpoint(path)
    gpunet.fit(network, *problem, epochs=5, callbacks=[script, checkpoint])
    for name, p in host(gpunet.load(path, device=network.backend)).items():
        np.testing.assert_array_equal(p, script.states[1][name])


def test_a_checkpoint_may_follow_every_epoch(make: Make, problem: Problem, tmp_path: Path) -> None:
    network, path = make(), tmp_path / "last.safetensors"
    checkpoint = gpunet.Checkpoint(path, best_only=False)
    gpunet.fit(network, *problem, epochs=5, callbacks=[Script(network), checkpoint])
    assert_same_parameters(gpunet.load(path, device=network.backend), network)


@pytest.mark.parametrize("best_only", [True, False])
def test_a_diverged_network_does_not_take_the_place_of_a_good_one(
    make: Make, problem: Problem, tmp_path: Path, best_only: bool
) -> None:
    """An epoch's loss is that before its updates: it may be the best, and the last step too far."""
    path, (X, Y) = tmp_path / "m.safetensors", problem
    network = make(output="identity", loss="squared_error", reduction="sum")

    def rate(epoch: float) -> float:
        return 1e-3 if epoch < 1 else 1e308

    with pytest.raises(DivergedError, match=r"W. holds values that are not finite") as raised:
        gpunet.fit(
            *(network, X, 100 * Y),
            optimizer=gpunet.SGD(rate),
            epochs=3,
            callbacks=[gpunet.Checkpoint(path, best_only=best_only)],
        )
    assert raised.value.history.epochs == 2
    assert np.isfinite(gpunet.load(path, device="cpu").predict(X)).all()
