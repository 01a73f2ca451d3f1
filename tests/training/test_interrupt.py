"""Ctrl-C: the step at hand is finished, then training ends and says so."""

import signal
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from same import assert_same_parameters

import gpunet
from gpunet.training.callbacks import Callback

Make = Callable[..., gpunet.Network]
Problem = tuple[np.ndarray, np.ndarray]


@pytest.fixture
def handler() -> Iterator[Callable]:
    """A handler of our own, to see that it is put back."""

    def ours(number: int, frame: object) -> None:
        raise AssertionError("not while training")

    before = signal.signal(signal.SIGINT, ours)
    yield ours
    signal.signal(signal.SIGINT, before)


class CtrlC(Callback):
    def __init__(self, epoch: int, batch: int, times: int = 1) -> None:
        self.at, self.times, self.ended = (epoch, batch), times, False

    def on_batch_end(self, epoch: int, batch: int) -> None:
        if (epoch, batch) == self.at:
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)

    def on_train_end(self, history) -> None:
        self.ended = True


def test_training_ends_after_the_step(make: Make, problem: Problem, handler: Callable) -> None:
    network = make()
    history = gpunet.fit(network, *problem, epochs=100, batch_size=4, callbacks=[CtrlC(2, 2)])
    assert history.stopped == "interrupted"
    assert (history.steps, history.epochs) == (5, 2)  # 3 of the first epoch, 2 of the second
    assert len(history.loss) == len(history.accuracy) == 2
    assert signal.getsignal(signal.SIGINT) is handler

    # The steps that were made are those of a run that is not interrupted.
    class Count(Callback):
        steps = 0

        def on_train_begin(self, run) -> None:
            self.run = run

        def on_batch_end(self, epoch: int, batch: int) -> None:
            self.steps += 1
            if self.steps == 5:
                self.run.stop("five steps")

    same = make()
    gpunet.fit(same, *problem, epochs=100, batch_size=4, callbacks=[Count()])
    assert_same_parameters(network, same)


def test_a_second_one_is_raised_at_once(make: Make, problem: Problem, handler: Callable) -> None:
    callback = CtrlC(1, 1, times=2)
    with pytest.raises(KeyboardInterrupt):
        gpunet.fit(make(), *problem, epochs=100, callbacks=[callback])
    assert callback.ended
    assert signal.getsignal(signal.SIGINT) is handler


def test_the_handler_is_put_back_after_an_error(
    make: Make, problem: Problem, handler: Callable
) -> None:
    def fail(epoch: int, logs: dict) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        gpunet.fit(make(), *problem, epochs=1, callbacks=[fail])
    assert signal.getsignal(signal.SIGINT) is handler


def test_training_works_outside_the_main_thread(make: Make, problem: Problem) -> None:
    found = []
    thread = threading.Thread(
        target=lambda: found.append(gpunet.fit(make(), *problem, epochs=2).epochs)
    )
    thread.start()
    thread.join()
    assert found == [2]
