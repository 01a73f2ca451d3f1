"""Choosing a device by trying: a few steps of the very training on each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from gpunet.backends import Backend
from gpunet.datasets.dataset import Dataset
from gpunet.nn.network import Network
from gpunet.optim import Optimizer
from gpunet.training.interrupt import INTERRUPTED
from gpunet.training.loop import Training

# Steps of an epoch that is measured: first a few, and more only where those were quick.
FEW_STEPS, MORE_STEPS = 2, 32
QUICK = 0.02  # seconds a step
ROUNDS = 3
LONGEST_REASON = 200


def choose(
    candidates: Sequence[Backend],
    build: Callable[[Backend], Network],
    data: Dataset,
    optimizer: Optimizer,
    batch_size: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Backend:
    """Return the candidate on which training steps take least time; its ``reason`` says so.

    Each trains a network of its own, which is then thrown away, on the first of the examples. What
    raises an error there loses. Of candidates that all fail, or of one alone, which is not
    measured, the first is returned.

    Args:
        candidates: What to choose from, each with a device of its own.
        build: Makes the network that will be trained, on a backend.
        data, optimizer, batch_size: What it will be trained with.
        clock: Tells the time in seconds.

    Raises:
        KeyboardInterrupt: Ctrl-C while measuring.
    """
    if len(candidates) < 2:
        return candidates[0]
    seconds: dict[str, float] = {}
    failures: dict[str, str] = {}
    for backend in candidates:
        try:
            seconds[backend.device] = _seconds_a_step(
                build(backend), data, optimizer, batch_size, clock
            )
        except Exception as error:  # of memory, a driver, a compiler: whatever, it cannot train
            lines = (str(error) or type(error).__name__).splitlines()
            failures[backend.device] = lines[0][:LONGEST_REASON]
    if not seconds:
        return candidates[0]  # training will raise its error again, where it is dealt with
    fastest = min((b for b in candidates if b.device in seconds), key=lambda b: seconds[b.device])
    fastest.reason = _reason(fastest.device, seconds, failures)
    return fastest


def _reason(device: str, seconds: dict[str, float], failures: dict[str, str]) -> str:
    others = [
        f"{_milliseconds(t)} on {'the CPU' if d == 'cpu' else d}"
        for d, t in seconds.items()
        if d != device
    ]
    measured = f"{_milliseconds(seconds[device])} ms a step against {', '.join(others)}"
    failed = [f"{d} failed when it was tried: {why}" for d, why in failures.items()]
    return "; ".join(([measured] if others else []) + failed)


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.2f}" if seconds < QUICK / 2 else f"{1e3 * seconds:.0f}"


def _seconds_a_step(
    network: Network,
    data: Dataset,
    optimizer: Optimizer,
    batch_size: int,
    clock: Callable[[], float],
) -> float:
    """Return the time of a step after the first, which compile and allocate."""
    best = float("inf")
    for steps in (FEW_STEPS, MORE_STEPS):
        batches = min(steps, len(data) // batch_size)
        few = data if batches < 2 else data.part(slice(0, batches * batch_size))
        training = Training(network, few, optimizer=optimizer, epochs=1, batch_size=batch_size)
        _advance(training)
        times = []
        for _ in range(ROUNDS):
            started = clock()
            _advance(training)
            times.append((clock() - started) / training.steps_per_epoch)
            if times[-1] > QUICK:
                break
        best = min(times)
        if best > QUICK or len(few) == len(data):
            break
    return best


def _advance(training: Training) -> None:
    training.advance(1)
    if training.history.stopped == INTERRUPTED:
        raise KeyboardInterrupt
