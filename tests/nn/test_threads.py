"""One network in several threads: right predictions, one training at a time, settings put back."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import gpunet
from gpunet.backends import Backend
from gpunet.backends.devices.team import Team
from gpunet.errors import BusyError
from gpunet.nn.turns import Turns

FEATURES, N = 6, 64


@pytest.fixture(scope="module")
def X() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(N, FEATURES)).astype("float32")


@pytest.fixture(scope="module")
def Y(X: np.ndarray) -> np.ndarray:
    return (X.sum(axis=1) > 0).astype("float32")


def network(backend: Backend) -> gpunet.Network:
    return gpunet.Network([FEATURES, 32, 1], device=backend)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0)


def in_threads(count: int, work: Callable[[int], object]) -> list:
    """Return the results of ``work(0)`` ... ``work(count - 1)``, begun at the same moment."""
    start = threading.Barrier(count)

    def one(number: int) -> object:
        start.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("only the main thread is interrupted")
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_predictions_from_several_threads_are_those_of_one(backend: Backend, X: np.ndarray) -> None:
    net = network(backend)
    alone = [net.predict_proba(X[i : i + 1]) for i in range(N)]

    def all_rows(number: int) -> list[np.ndarray]:
        rows = np.roll(np.arange(N), number)
        return [net.predict_proba(X[i : i + 1]) for i in rows]

    for number, found in enumerate(in_threads(8, all_rows)):
        for i, A in zip(np.roll(np.arange(N), number), found, strict=True):
            np.testing.assert_array_equal(A, alone[i])


def test_networks_that_share_a_backend_do_not_share_scratch(
    backend: Backend, X: np.ndarray
) -> None:
    """Bytes are gathered and scaled by way of scratch memory."""
    nets = [network(backend) for _ in range(4)]
    data = [gpunet.datasets.Dataset(np.full((N, FEATURES), k, "u1"), Y_of(k), 0.1) for k in (1, 9)]
    alone = [net.evaluate(data[i % 2]) for i, net in enumerate(nets)]

    def often(i: int) -> list[dict[str, float]]:
        return [nets[i].evaluate(data[i % 2]) for _ in range(20)]

    for i, found in enumerate(in_threads(4, often)):
        assert found == [alone[i]] * 20


def Y_of(k: int) -> np.ndarray:
    return np.arange(N) * k % 2


def test_a_second_fit_is_refused_and_changes_nothing(
    backend: Backend, X: np.ndarray, Y: np.ndarray
) -> None:
    net, alone = network(backend), network(backend)
    refused: list[str] = []

    def fit_again(epoch: int, logs: dict) -> None:
        with pytest.raises(BusyError, match="being trained already"):
            gpunet.fit(net, gpunet.datasets.Dataset(X, Y_of(1)), epochs=1)
        in_threads(1, lambda _: refused.append(refusal(net, X, Y)))

    gpunet.fit(net, X, Y, epochs=2, batch_size=8, callbacks=[fit_again])
    gpunet.fit(alone, X, Y, epochs=2, batch_size=8)
    assert ["being trained already" in said for said in refused] == [True, True]
    assert net.input_format.name == ""  # of the run that went on
    for name, value in alone.parameters.items():
        found = backend.to_numpy(net.parameters[name])
        np.testing.assert_array_equal(found, backend.to_numpy(value))
    gpunet.fit(net, X, Y, epochs=1)  # and now it may be trained again


def refusal(net: gpunet.Network, X: np.ndarray, Y: np.ndarray) -> str:
    try:
        gpunet.fit(net, X, Y, epochs=1)
    except BusyError as error:
        return str(error)
    return ""


def test_after_a_failure_it_may_be_trained_again(
    backend: Backend, X: np.ndarray, Y: np.ndarray
) -> None:
    net = network(backend)

    def fail(epoch: int, logs: dict) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        gpunet.fit(net, X, Y, epochs=1, callbacks=[fail])
    gpunet.fit(net, X, Y, epochs=1)


def test_a_training_prepared_before_another_goes_on_from_its_weights(
    Y: np.ndarray,
) -> None:
    """Also where it trains without the inputs that are 0 in every example."""
    X = np.zeros((N, FEATURES), "u1")
    X[:, :2] = np.random.default_rng(0).integers(0, 9, (N, 2))
    net, alone = (network(gpunet.get_backend("cpu")) for _ in range(2))
    prepared = gpunet.training.Training(net, X, Y, batch_size=8, epochs=1, seed=1)
    gpunet.fit(net, X, Y, batch_size=8, epochs=1, seed=2)
    prepared.run()
    for seed in (2, 1):
        gpunet.fit(alone, X, Y, batch_size=8, epochs=1, seed=seed)
    np.testing.assert_array_equal(net.parameters["W1"], alone.parameters["W1"])


def test_trainings_at_once_put_the_blas_back(X: np.ndarray, Y: np.ndarray) -> None:
    # What each of two networks does for a small product; the first is done first.
    one, other = (gpunet.get_backend("cpu")._one_thread for _ in range(2))
    if not one._libraries:
        pytest.skip("this NumPy's BLAS has no number of threads to set")

    def threads() -> list[int]:
        return [library.get_num_threads() for library in one._libraries]

    with threadpool_limits(2, user_api="blas"):
        inside, leave = threading.Event(), threading.Event()

        def stay() -> None:
            inside.set()
            leave.wait(60)

        staying = threading.Thread(target=lambda: other.run(stay))

        def come_and_go() -> None:
            staying.start()
            inside.wait(60)
            assert set(threads()) == {1}

        one.run(come_and_go)
        assert set(threads()) == {1}  # the other one still needs it
        assert other.most == 2
        leave.set()
        staying.join()
        assert set(threads()) == {2}

        def train(number: int) -> None:
            gpunet.fit(network(gpunet.get_backend("cpu")), X, Y, epochs=20, batch_size=4)

        in_threads(4, train)
        assert set(threads()) == {2}


def test_ctrl_c_at_any_moment_leaves_the_blas_as_it_was(ctrl_c: None) -> None:
    one = gpunet.get_backend("cpu")._one_thread
    if not one._libraries:
        pytest.skip("this NumPy's BLAS has no number of threads to set")
    with threadpool_limits(2, user_api="blas"):
        for i in range(200):
            with pytest.raises(KeyboardInterrupt):  # noqa: PT012 (it may come at once)
                signal.setitimer(signal.ITIMER_REAL, 2e-4 + 1e-6 * i)
                while True:
                    one.run(lambda: None)
            one.run(lambda: None)  # at the latest, the next that leaves puts it back
            assert {library.get_num_threads() for library in one._libraries} == {2}


def test_the_turn_goes_to_who_waits() -> None:
    """Not back to the thread that has just had it."""
    turns, order = Turns(), []

    waiting = threading.Thread(target=lambda: turns.take(lambda: order.append("waiting")))

    def first() -> None:
        ours = turns._last
        waiting.start()
        wait_until(lambda: turns._last is not ours)  # it has lined up

    turns.take(first)
    turns.take(lambda: order.append("again"))
    waiting.join()
    assert order == ["waiting", "again"]


def test_a_team_that_is_taken_lets_others_work_alone() -> None:
    team, inner, done = Team(2), threading.Event(), []

    def outer_task() -> None:
        done.append("outer")
        inner.wait(60)

    thread = threading.Thread(target=lambda: team.run([outer_task, outer_task]))
    thread.start()
    wait_until(lambda: len(done) == 2)
    team.run([lambda: done.append("inner")] * 3)
    inner.set()
    thread.join()
    assert sorted(done) == ["inner"] * 3 + ["outer"] * 2


def test_parameters_are_not_loaded_into_another_threads_training(
    backend: Backend, X: np.ndarray, Y: np.ndarray
) -> None:
    """Where it trains without some inputs, the two would be mixed."""
    net, refused = network(backend), []

    def load(number: int) -> None:
        with pytest.raises(BusyError, match="being trained by another thread"):
            net.load_parameters(net.parameters)
        refused.append(number)

    def callback(epoch: int, logs: dict) -> None:
        in_threads(1, load)
        net.load_parameters(net.parameters)  # where it is being trained it may be

    gpunet.fit(net, X, Y, epochs=1, callbacks=[callback])
    in_threads(1, lambda number: net.load_parameters(net.parameters))
    assert refused == [0]


def test_ctrl_c_at_any_moment_leaves_no_turn_that_never_ends(ctrl_c: None) -> None:
    """With a lock in a context of our own, one of some ten came where it was never let go of."""
    turns = Turns()
    for i in range(200):
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 (it may come at once)
            signal.setitimer(signal.ITIMER_REAL, 2e-4 + 1e-6 * i)
            while True:
                turns.take(bool)
        other = threading.Thread(target=lambda: turns.take(bool), daemon=True)
        other.start()
        other.join(60)
        assert not other.is_alive(), f"after interrupt {i} nobody gets a turn"


def test_who_gives_up_waiting_lets_nobody_in_before_the_turn_ends(ctrl_c: None) -> None:
    turns, order, end = Turns(), [], threading.Event()
    begun = threading.Event()

    def first() -> None:
        begun.set()
        end.wait(60)
        order.append("first")

    one = threading.Thread(target=lambda: turns.take(first))
    one.start()
    begun.wait(60)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    with pytest.raises(KeyboardInterrupt):
        turns.take(lambda: order.append("given up"))
    given_up = turns._last
    another = threading.Thread(target=lambda: turns.take(lambda: order.append("another")))
    another.start()
    wait_until(lambda: turns._last is not given_up)
    time.sleep(0.05)  # time in which it would come in
    end.set()
    one.join()
    another.join()
    assert order == ["first", "another"]


def test_a_turn_within_a_turn_is_refused_and_not_waited_for() -> None:
    """So would a signal handler that saves the network in the midst of a step."""
    turns = Turns()

    waiting = threading.Thread(target=lambda: turns.take(bool))

    def again() -> None:
        ours = turns._last
        with pytest.raises(BusyError, match="already: a signal handler"):
            turns.take(bool)
        waiting.start()
        wait_until(lambda: turns._last is not ours)  # another one is in between now
        with pytest.raises(BusyError, match="already: a signal handler"):
            turns.take(bool)

    turns.take(again)
    waiting.join()
    turns.take(bool)
    assert in_threads(3, lambda number: turns.take(lambda: number)) == [0, 1, 2]
