"""The training loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np

from gpunet import random
from gpunet.backends import Array
from gpunet.datasets.dataset import Dataset
from gpunet.errors import ArgumentError, DivergedError
from gpunet.nn.feed import Feed
from gpunet.nn.network import InputFormat, Network, format_of
from gpunet.nn.workspace import Workspace
from gpunet.optim import SGD, Optimizer
from gpunet.random import LARGEST_SEED
from gpunet.ranges import whole
from gpunet.training.callbacks import Callback, FunctionCallback, Run
from gpunet.training.history import History
from gpunet.training.interrupt import INTERRUPTED, Interrupt

# Losses are read from the device when this much time has passed (or at once, for callbacks and
# validation), so that short epochs do not make it wait.
SECONDS_BETWEEN_READS = 0.2
MOST_EPOCHS_UNREAD = 1024


def fit(
    network: Network,
    X: Any,
    Y: Any = None,
    *,
    optimizer: Optimizer | None = None,
    epochs: int = 1000,
    batch_size: int | None = None,
    shuffle: bool = True,
    validation: Any = None,
    callbacks: Iterable[Callback | Callable[[int, dict[str, float]], Any]] = (),
    seed: int | None = None,
) -> History:
    """Train the network.

    Args:
        network: Changed in place.
        X: A Dataset (then Y is None), or (n, features) numbers; plain arrays are never rescaled.
        Y: (n,) or (n, outputs) targets; class numbers (n,) for a softmax.
        optimizer: gpunet.SGD(0.1) by default; its state starts fresh at each call.
        epochs: How many times all examples are gone through.
        batch_size: Examples an update; None for all at once.
        shuffle: Whether mini-batches are drawn in a new order each epoch (by ``seed``).
        validation: A Dataset or a pair (X, Y), evaluated after each epoch.
        callbacks: Callbacks, or functions (epoch, logs) that may return True to stop.
        seed: For the shuffle; the network's by default.

    Ctrl-C ends training after the step at hand; the history then says so.

    Raises:
        ArgumentError: A value out of range.
        DataError: The examples do not fit the network.
        DivergedError: The loss is no longer finite; its ``history`` has the epochs before.
    """
    feed = Feed(network.backend, network.check(X, Y))
    batch_size = _checked_batch_size(batch_size, feed.n)
    optimizer = SGD() if optimizer is None else optimizer
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(
            f"optimizer must be an optimizer object such as gpunet.Adam(); got {optimizer!r}"
        )
    epochs = whole("epochs", epochs)
    loop = _Loop(
        network,
        feed,
        _validation_feed(network, validation),
        optimizer,
        batch_size,
        network.seed if seed is None else whole("seed", seed, 0, LARGEST_SEED),
        shuffle and batch_size < feed.n,
        _checked_callbacks(callbacks),
        epochs,
    )
    network.input_format = format_of(X) if isinstance(X, Dataset) else InputFormat()
    return loop.run()


def _checked_batch_size(batch_size: int | None, n: int) -> int:
    if batch_size is None:
        return n
    try:
        return whole("batch size", batch_size, 1, n)
    except ArgumentError as error:
        raise ArgumentError(
            f"batch size must be from 1 to the number of examples, {n} (None for all at once); "
            f"got {batch_size!r}"
        ) from error


def _checked_callbacks(callbacks: Any) -> list[Callback]:
    checked: list[Callback] = []
    for callback in callbacks if isinstance(callbacks, Iterable) else [callbacks]:
        if isinstance(callback, Callback):
            checked.append(callback)
        elif callable(callback) and not isinstance(callback, type):
            checked.append(FunctionCallback(callback))
        else:
            raise ArgumentError(
                "callbacks must be a list of gpunet.Callback objects or functions (epoch, logs); "
                f"got {callback!r}"
            )
    return checked


def _validation_feed(network: Network, validation: Any) -> Feed | None:
    if validation is None:
        return None
    pair = (validation, None) if isinstance(validation, Dataset) else validation
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise ArgumentError("validation must be a data set or a pair (X, Y)")
    return Feed(network.backend, network.check(*pair))


class _Loop:
    """One call of ``fit``."""

    def __init__(
        self,
        network: Network,
        feed: Feed,
        validation: Feed | None,
        optimizer: Optimizer,
        batch_size: int,
        seed: int,
        shuffle: bool,
        callbacks: list[Callback],
        epochs: int,
    ) -> None:
        self.network, self.feed, self.validation = network, feed, validation
        self.backend, self.mlp = network.backend, network.mlp
        self.optimizer, self.seed, self.shuffle = optimizer, seed, shuffle
        self.callbacks, self.batch_size = callbacks, batch_size
        self.steps_per_epoch = -(-feed.n // batch_size)
        self.run_info = Run(network, History(), epochs, self.steps_per_epoch, feed.n)
        self.history = self.run_info.history
        self.workspace = self.mlp.workspace(batch_size)
        self.stepper = optimizer.start(
            self.backend, self.mlp.theta, self.mlp.grad, self.mlp.slices.weights
        )
        at_once = validation is not None or any(c.every_epoch for c in callbacks)
        self.epochs_unread = 1 if at_once else max(1, MOST_EPOCHS_UNREAD // self.steps_per_epoch)
        # One row of sums a step, collected on the device.
        rows = self.epochs_unread * self.steps_per_epoch
        self.totals = self.backend.zeros((rows, 2), network.architecture.dtype)
        self.unread: list[int] = []  # how many steps each unread epoch had
        self.order: Array = None
        if shuffle:
            self.order = self.backend.zeros((feed.n,), "int64")

    def run(self) -> History:
        with ExitStack() as ends:  # each callback that has begun also ends, whatever happens
            for callback in self.callbacks:
                callback.on_train_begin(self.run_info)
                ends.callback(callback.on_train_end, self.history)
            started = time.perf_counter()
            try:
                self._train()
            finally:
                self.history.seconds = time.perf_counter() - started
        return self.history

    def _train(self) -> None:
        last_read = time.perf_counter()
        with Interrupt() as interrupt:
            for epoch in range(self.run_info.epochs):
                self._epoch(epoch, interrupt)
                due = time.perf_counter() - last_read > SECONDS_BETWEEN_READS
                if due or len(self.unread) == self.epochs_unread:
                    self._read()
                    last_read = time.perf_counter()
                if interrupt.requested:
                    self.run_info.stop(INTERRUPTED)
                if self.history.stopped:
                    break
            self._read()
        # The last losses were measured before the last updates.
        if not np.isfinite(self.backend.to_numpy(self.mlp.theta)).all():
            raise self._diverged("a parameter is no longer finite after the last step")

    def _epoch(self, epoch: int, interrupt: Interrupt) -> None:
        """Go through the examples once, or until interrupted."""
        first_row = len(self.unread) * self.steps_per_epoch
        for step, (X, Y, ws) in enumerate(self._batches(epoch)):
            self.mlp.backpropagate(X, Y, ws, self.totals[first_row + step, :])
            self.stepper.step(epoch + step / self.steps_per_epoch)
            self.mlp.count_step()
            self.history.steps += 1
            for callback in self.callbacks:
                callback.on_batch_end(epoch + 1, step + 1)
            if interrupt.requested or self.history.stopped:
                break
        self.unread.append(step + 1)

    def _batches(self, epoch: int) -> Iterator[tuple[Array, Array, Workspace]]:
        n = self.feed.n
        if self.batch_size == n:
            if epoch == 0:  # the whole of the data stays where it has been gathered once
                self._whole = (*self.feed.load(slice(0, n), self.workspace), self.workspace)
            yield self._whole
            return
        if self.shuffle:
            order = random.permutation(self.seed, random.SHUFFLE, epoch, n)
            self.backend.assign(self.order, order)
        for start in range(0, n, self.batch_size):
            stop = min(start + self.batch_size, n)
            ws = self.workspace.first(stop - start)
            rows = self.order[start:stop] if self.shuffle else slice(start, stop)
            yield (*self.feed.load(rows, ws), ws)

    def _read(self) -> None:
        """Read the unread epochs' losses from the device and hand them on."""
        if not self.unread:
            return
        totals = self.backend.to_numpy(self.totals)
        unread, self.unread = self.unread, []
        for i, steps in enumerate(unread):
            start = i * self.steps_per_epoch
            loss, correct = totals[start : start + steps].sum(axis=0, dtype=float)
            examples = min(steps * self.batch_size, self.feed.n)
            self._finish_epoch(self.network.scores(loss, correct, examples))

    def _diverged(self, what: str) -> DivergedError:
        error = DivergedError(f"{what}; lower the learning rate or clip the gradient's norm")
        error.history = self.history
        return error

    def _finish_epoch(self, logs: dict[str, float]) -> None:
        epoch = self.history.epochs + 1
        if not abs(logs["loss"]) < float("inf"):
            raise self._diverged(f"the loss became {logs['loss']} in epoch {epoch}")
        if self.validation is not None:
            scores = self.network.evaluate_feed(self.validation)
            logs |= {f"val_{name}": value for name, value in scores.items()}
        last_step = epoch - 1 / self.steps_per_epoch
        logs["learning_rate"] = float(self.optimizer.learning_rate(last_step))
        self.history.append(logs)
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, logs)
