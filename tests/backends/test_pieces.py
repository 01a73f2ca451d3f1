"""Work cut into pieces for several threads, and work written on a tape: the same results."""

import signal
import threading
import time
from itertools import pairwise

import numpy as np
import pytest

import gpunet
from gpunet.backends import Backend, LaunchBackend
from gpunet.backends.devices import numpy_backend
from gpunet.backends.devices.numpy_backend import NumpyBackend
from gpunet.backends.devices.team import Team
from gpunet.parity.bounds_backend import PRECISIONS
from gpunet.parity.lockstep import lockstep

NETWORKS = {
    "one output": {"sizes": [784, 30, 1]},
    "deep": {
        "sizes": [784, 20, 12, 10],
        "hidden": ["gelu", "relu"],
        "output": "softmax",
        "loss": "categorical_crossentropy",
        "dropout": 0.3,
    },
}
OPTIMIZERS = {
    "one output": gpunet.SGD(0.1, momentum=0.9, weight_decay=1e-3),
    "deep": gpunet.Adam(0.01, epsilon=1e-3, clip_norm=0.5),
}


class InPieces(NumpyBackend):
    """Three threads, however small the work is."""

    def __init__(self) -> None:
        super().__init__()
        self._team = Team(3)

    def pieces(self, n: int, cost: int, few: bool = False) -> list[slice]:
        edges = [n * i // 5 for i in range(6)]
        return [slice(a, b) for a, b in pairwise(edges) if a < b]


class AtOnce(NumpyBackend):
    """Nothing is cut or written on a tape."""

    pieces, parallel, bind = LaunchBackend.pieces, LaunchBackend.parallel, Backend.bind


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_step_in_pieces_is_within_its_bounds(name: str, precision: str) -> None:
    train = gpunet.datasets.load("mnist58")[0].part(slice(0, 300))
    if name == "deep":
        train = gpunet.datasets.Dataset(train.X, np.arange(300) % 10, scale=train.scale)
    checks = list(
        lockstep(InPieces(), PRECISIONS[precision], NETWORKS[name], train, OPTIMIZERS[name])
    )
    assert len(checks) > 20
    assert [check for check in checks if not check.passed] == []


@pytest.mark.parametrize("name", NETWORKS)
def test_the_tape_and_the_pieces_change_no_bit_of_the_dropout_and_little_else(name: str) -> None:
    X = np.random.default_rng(0).normal(size=(50, 784)).astype("float32")
    y = np.arange(50) % NETWORKS[name]["sizes"][-1] if name == "deep" else np.arange(50) % 2
    losses = []
    for backend in (AtOnce(), NumpyBackend(), InPieces()):
        network = gpunet.Network(device=backend, **NETWORKS[name])
        history = gpunet.fit(network, X, y, optimizer=OPTIMIZERS[name], batch_size=20, epochs=2)
        losses.append(history.loss)
    assert losses[0] == losses[1]  # the very same calls
    # Products of other shapes add in another order: some roundings of 6e-8, over six steps. A
    # piece that was left out, taken twice or masked wrongly would change the first digits.
    np.testing.assert_allclose(losses[2], losses[0], rtol=1e-4)


def test_runs_in_pieces_repeat_bit_for_bit() -> None:
    train = gpunet.datasets.load("mnist58")[0].part(slice(0, 200))
    thetas = []
    for _ in range(2):
        network = gpunet.Network([784, 30, 1], device=InPieces())
        gpunet.fit(network, train, batch_size=60, epochs=2)
        thetas.append(network.mlp.theta.tobytes())
    assert thetas[0] == thetas[1]


def test_large_work_is_cut_and_small_work_is_not() -> None:
    backend = NumpyBackend()
    backend._team = Team(4)
    assert backend.pieces(32, 154_000) == [slice(0, 32)]
    for n in (2000, 2001, 11_272):
        pieces = backend.pieces(n, 154_000)
        assert len(pieces) % 4 == 0
        assert [i for piece in pieces for i in range(piece.start, piece.stop)] == list(range(n))
        assert max((p.stop - p.start) * 154_000 for p in pieces) <= numpy_backend.PIECE + 154_000
    assert len(backend.pieces(11_272, 154_000, few=True)) == 4
    backend._team = Team(1)
    assert backend.pieces(11_272, 154_000) == [slice(0, 11_272)]


def test_a_team_runs_each_task_once_and_on_several_threads() -> None:
    both = threading.Barrier(2, timeout=20)
    done: list[tuple[int, str]] = []

    def task(i: int) -> None:
        if i < 2:
            both.wait()  # the first two only get on together
        done.append((i, threading.current_thread().name))

    team = Team(2)
    for _ in range(3):
        done.clear()
        team.run([lambda i=i: task(i) for i in range(7)])
        assert sorted(i for i, _ in done) == list(range(7))
        assert len({name for _, name in done}) == 2


@pytest.mark.parametrize("where", ["here", "helper"])
def test_an_error_in_a_task_is_raised_and_the_team_goes_on(where: str) -> None:
    both = threading.Barrier(2, timeout=20)
    caller = threading.current_thread()

    def task() -> None:
        both.wait()
        if (threading.current_thread() is caller) == (where == "here"):
            raise ZeroDivisionError

    team = Team(2)
    with pytest.raises(ZeroDivisionError):
        team.run([task, task])
    seen: list[int] = []
    team.run([lambda: seen.append(1), lambda: seen.append(2)])
    assert sorted(seen) == [1, 2]


def test_ctrl_c_waits_for_the_helpers_and_leaves_nothing_for_the_next_call() -> None:
    """A helper that still worked would write into arrays that are in use again."""
    both, main = threading.Barrier(2, timeout=20), threading.main_thread()
    if threading.current_thread() is not main:
        pytest.skip("only the main thread is interrupted")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    done: list[str] = []

    def task() -> None:
        both.wait()
        if threading.current_thread() is not main:
            time.sleep(0.1)  # the caller comes to wait for this helper
            signal.pthread_kill(main.ident or 0, signal.SIGINT)
            time.sleep(0.1)
            done.append("helper")

    team = Team(2)
    try:
        with pytest.raises(KeyboardInterrupt):
            team.run([task, task])
    finally:
        signal.signal(signal.SIGINT, before)
    assert done == ["helper"]
    for _ in range(3):
        done.clear()
        team.run([lambda: (both.wait(), done.append("again"))[1]] * 2)
        assert done == ["again"] * 2
