"""The training loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

import numpy as np

from gpunet import random
from gpunet.backends import Array, Bound
from gpunet.datasets.dataset import Dataset
from gpunet.errors import ArgumentError, DivergedError
from gpunet.nn.feed import Feed
from gpunet.nn.network import InputFormat, Network, format_of
from gpunet.optim import SGD, Optimizer
from gpunet.random import LARGEST_SEED
from gpunet.ranges import whole
from gpunet.training.callbacks import Callback, FunctionCallback, Run
from gpunet.training.history import History
from gpunet.training.interrupt import INTERRUPTED, Interrupt
from gpunet.training.step import Step

# Losses are read from the device when this much time has passed (or at once, for callbacks and
# validation), so that short epochs do not make it wait.
SECONDS_BETWEEN_READS = 0.2
MOST_EPOCHS_UNREAD = 1024
SCORED_TOGETHER = 8192


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
    return Training(
        *(network, X, Y),
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch_size,
        shuffle=shuffle,
        validation=validation,
        callbacks=callbacks,
        seed=seed,
    ).run()


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


class Training:
    """One call of ``fit``, which has the same arguments; or, with ``advance``, training by parts.

    The logits of each step are collected on the device, some ``SCORED_TOGETHER`` examples at a
    time, and only then made into losses: a step has the less to do.
    """

    def __init__(
        self,
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
    ) -> None:
        self.network, self.backend, self.mlp = network, network.backend, network.mlp
        self.feed = Feed(self.backend, network.check(X, Y))
        n = self.feed.n
        self.batch_size = _checked_batch_size(batch_size, n)
        self.optimizer = SGD() if optimizer is None else optimizer
        if not isinstance(self.optimizer, Optimizer):
            raise ArgumentError(
                f"optimizer must be an optimizer object such as gpunet.Adam(); got {optimizer!r}"
            )
        epochs = whole("epochs", epochs)
        self.validation = _validation_feed(network, validation)
        self.seed = network.seed if seed is None else whole("seed", seed, 0, LARGEST_SEED)
        self.shuffle = shuffle and self.batch_size < n
        self.callbacks = _checked_callbacks(callbacks)
        network.input_format = format_of(X) if isinstance(X, Dataset) else InputFormat()

        self.steps_per_epoch = -(-n // self.batch_size)
        self.run_info = Run(network, History(), epochs, self.steps_per_epoch, n)
        self.history = self.run_info.history
        self.stepper = self.optimizer.start(
            self.backend, self.mlp.theta, self.mlp.grad, self.mlp.slices.weights
        )
        at_once = self.validation is not None or any(c.every_epoch for c in self.callbacks)
        self.steps_scored = min(self.steps_per_epoch, max(1, SCORED_TOGETHER // self.batch_size))
        chunks = -(-self.steps_per_epoch // self.steps_scored)
        self.epochs_unread = 1 if at_once else max(1, MOST_EPOCHS_UNREAD // chunks)
        self.epochs_begun = 0
        self.unread: list[tuple[int, int]] = []  # rows of `totals`, examples: of unread epochs
        self._allocate(chunks)

    def _allocate(self, chunks: int) -> None:
        backend, n, dtype = self.backend, self.feed.n, self.network.architecture.dtype
        outputs = self.network.architecture.sizes[-1]
        scored = min(n, self.steps_scored * self.batch_size)
        self.workspace = self.mlp.workspace(self.batch_size)
        self.scoring = self.mlp.scoring(scored)
        self.targets = backend.zeros((scored, outputs), dtype)
        self.logits = backend.zeros((scored, outputs), dtype)
        # One row of sums for each group of steps that is scored.
        self.totals = backend.zeros((self.epochs_unread * chunks, 2), dtype)
        self.scalars = backend.zeros((self.steps_per_epoch, *self.stepper.scalars.shape), dtype)
        self._scalars_loaded: list[tuple[float, ...]] = []
        self.order = backend.array(np.arange(n), "int64")
        self.whole_X: Array = None
        if self.batch_size == n:  # the whole of the data stays where it has been put once
            self.whole_X, Y = self.feed.load(slice(0, n), self.workspace)
            backend.assign(self.targets, Y)
        self._steps: dict[int, Bound] = {}

    def run(self) -> History:
        """Train for all epochs."""
        with ExitStack() as ends:  # each callback that has begun also ends, whatever happens
            for callback in self.callbacks:
                callback.on_train_begin(self.run_info)
                ends.callback(callback.on_train_end, self.history)
            started = time.perf_counter()
            try:
                self.advance(self.run_info.epochs)
            finally:
                self.history.seconds = time.perf_counter() - started
        return self.history

    def advance(self, epochs: int) -> None:
        """Train for some more epochs; when it returns, the device has finished them.

        Raises:
            DivergedError: The loss or a parameter is no longer finite.
        """
        last_read = time.perf_counter()
        with Interrupt() as interrupt:
            for _ in range(epochs):
                self._epoch(interrupt)
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

    def _epoch(self, interrupt: Interrupt) -> None:
        """Go through the examples once, or until interrupted."""
        epoch, self.epochs_begun = self.epochs_begun, self.epochs_begun + 1
        if self.shuffle:
            order = random.permutation(self.seed, random.SHUFFLE, epoch, self.feed.n)
            self.backend.assign(self.order, order)
        self._load_scalars(epoch)
        chunks, done = 0, 0
        first_row = sum(rows for rows, _ in self.unread)
        for first in range(0, self.steps_per_epoch, self.steps_scored):
            last = min(first + self.steps_scored, self.steps_per_epoch)
            examples = self._train(epoch, range(first, last), interrupt)
            self._score(examples, self.totals[first_row + chunks, :])
            chunks, done = chunks + 1, done + examples
            if interrupt.requested or self.history.stopped:
                break
        self.unread.append((chunks, done))

    def _load_scalars(self, epoch: int) -> None:
        """Upload what the optimizer needs at each step of an epoch, a row a step, if it is new."""
        steps = self.steps_per_epoch
        rows = [self.stepper.next_scalars(epoch + step / steps) for step in range(steps)]
        if rows != self._scalars_loaded:
            self._scalars_loaded = rows
            self.backend.assign(self.scalars, np.array(rows, self.network.architecture.dtype))

    def _train(self, epoch: int, steps: range, interrupt: Interrupt) -> int:
        """Take these steps, or some of them; return how many examples they saw."""
        origin = start = steps.start * self.batch_size
        stop = min(steps.stop * self.batch_size, self.feed.n)
        if self.whole_X is None:
            self.feed.gather_targets(self.order[start:stop], self.targets[: stop - start, :])
        for step in steps:
            stop = min(start + self.batch_size, self.feed.n)
            here = slice(start - origin, stop - origin)
            inputs = self.order[start:stop], self.targets[here, :], self.scalars[step, :]
            self._step(stop - start)(inputs, (self.logits[here, :],))
            start = stop
            self.history.steps += 1
            for callback in self.callbacks:
                callback.on_batch_end(epoch + 1, step + 1)
            if interrupt.requested or self.history.stopped:
                break
        return start - origin

    def _step(self, n: int) -> Bound:
        """Return the step for batches of n examples."""
        bound = self._steps.get(n)
        if bound is None:
            step = Step(*(self.mlp, self.feed, self.stepper, self.workspace.first(n)), self.whole_X)
            inputs = self.order[:n], self.targets[:n, :], self.scalars[0, :]
            bound = self._steps[n] = self.backend.bind(step, inputs, (self.logits[:n, :],))
        return bound

    def _score(self, examples: int, totals: Array) -> None:
        """Make losses of the logits collected so far."""
        scoring = self.scoring.first(examples)
        self.mlp.score(self.logits[:examples, :], self.targets[:examples, :], scoring, totals)

    def _read(self) -> None:
        """Read the unread epochs' losses from the device and hand them on."""
        if not self.unread:
            return
        totals = self.backend.to_numpy(self.totals)
        unread, self.unread = self.unread, []
        start = 0
        for rows, examples in unread:
            loss, correct = totals[start : start + rows].sum(axis=0, dtype=float)
            self._finish_epoch(self.network.scores(loss, correct, examples))
            start += rows

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
