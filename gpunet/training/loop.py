"""The training loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

import numpy as np

from gpunet.errors import ArgumentError, DivergedError
from gpunet.nn.compact import compact
from gpunet.nn.feed import Feed
from gpunet.nn.network import Network
from gpunet.optim import SGD, Optimizer
from gpunet.program.rewrites.precision import check_precision
from gpunet.random import LARGEST_SEED
from gpunet.ranges import whole
from gpunet.training.arguments import (
    checked_batch_size,
    checked_callbacks,
    examples_and_format,
    validation_examples,
)
from gpunet.training.callbacks import Callback, Run
from gpunet.training.epochs import Epochs, chunks_of
from gpunet.training.history import History
from gpunet.training.interrupt import INTERRUPTED, Interrupt
from gpunet.training.metrics import Metrics, validation_metrics
from gpunet.training.progress import shown

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
    precision: str = "float32",
    metrics: Metrics = (),
    verbose: bool | str = False,
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
        validation: A Dataset or a pair (X, Y), evaluated after each epoch. Integers in a plain X
            are scaled as those of a training Dataset are.
        callbacks: Callbacks, or functions (epoch, logs) that may return True to stop.
        seed: For the shuffle; the network's by default.
        precision: Of the matrix products: "float32" (as the network is stored), "tf32" or "split16"
            (see gpunet/program/rewrites/precision.py), which are fast on tensor cores.
        metrics: Functions (y, predicted) of the validation data's class numbers (n,), or values
            (n, outputs), such as scikit-learn's; or {name: function}. The history has what they
            return after each epoch in ``metrics["val_NAME"]``.
        verbose: True shows progress: a bar in a terminal or a notebook, else lines on standard
            error. "auto" does so only where a person is looking.

    Other threads may predict with the network meanwhile. Ctrl-C ends training after the step at
    hand (on a GPU, after some 8,192 examples); the history then says so.

    Raises:
        ArgumentError: A value out of range.
        BusyError: The network is being trained already.
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
        callbacks=[*shown(verbose), *checked_callbacks(callbacks)],
        seed=seed,
        precision=precision,
        metrics=metrics,
    ).run()


class Training:
    """One call of ``fit``, with its arguments; or, with ``advance``, training by parts."""

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
        precision: str = "float32",
        metrics: Metrics = (),
    ) -> None:
        self.network, self.backend = network, network.backend
        examples, about = examples_and_format(network, X, Y)
        self._input_format, n = about, len(examples)
        batch_size = checked_batch_size(batch_size, n)
        if examples.mapped and batch_size == n:
            raise ArgumentError(
                f"a batch of all {n} examples would hold the whole memory-mapped X in memory; give "
                "a batch size such as 128, or pass np.array(X) if there is room for it"
            )
        self.optimizer = SGD() if optimizer is None else optimizer
        if not isinstance(self.optimizer, Optimizer):
            raise ArgumentError(
                f"optimizer must be an optimizer object such as gpunet.Adam(); got {optimizer!r}"
            )
        epochs = whole("epochs", epochs)
        held_out = validation_examples(network, validation, about)
        self.validation = None if held_out is None else Feed(self.backend, held_out)
        self._metrics = validation_metrics(network, self.validation, held_out, metrics)
        seed = network.seed if seed is None else whole("seed", seed, 0, LARGEST_SEED)
        self.callbacks = checked_callbacks(callbacks)
        self._batch_callbacks = [
            c for c in self.callbacks if type(c).on_batch_end is not Callback.on_batch_end
        ]
        watched = any(c.every_batch for c in self._batch_callbacks)
        # Steps after which nobody looks at the network may be one launch, if the device has such a
        # thing; elsewhere Ctrl-C need not wait for them all.
        self._step_by_step = watched or not self.backend.captures
        rests = self.optimizer.rests and not self.optimizer.weight_decay
        self._compact = compact(network.mlp, examples) if rests and not watched else None
        self._learns_apart = True  # whether the smaller network is ahead of the whole one
        mlp = network.mlp
        if self._compact is not None:
            mlp, examples = self._compact.mlp, self._compact.examples
        feed = Feed(self.backend, examples)
        check_precision(precision, network.architecture.dtype, feed.integers)

        at_once = self.validation is not None or any(c.every_epoch for c in self.callbacks)
        chunks = len(chunks_of(n, batch_size))
        self.epochs_unread = 1 if at_once else max(1, MOST_EPOCHS_UNREAD // chunks)
        shuffles = seed if shuffle and batch_size < n else None
        self.epochs = Epochs(
            *(mlp, feed, self.optimizer, batch_size, shuffles, precision, self.epochs_unread)
        )
        self.steps_per_epoch = self.epochs.steps
        self.run_info = Run(network, History(), epochs, self.steps_per_epoch, n)
        self.history = self.run_info.history
        self.epochs_begun = 0
        self.unread: list[tuple[int, int]] = []  # rows of the totals, examples: of unread epochs

    def run(self) -> History:
        """Train for all epochs; raises as ``fit`` does."""
        # Each callback that has begun also ends, whatever happens.
        with self.network.being_trained(), ExitStack() as ends:
            for callback in self.callbacks:
                callback.on_train_begin(self.run_info)
                ends.callback(callback.on_train_end, self.history)
            started = time.perf_counter()
            try:
                self._train(self.run_info.epochs)
            finally:
                self.history.seconds = time.perf_counter() - started
        return self.history

    def advance(self, epochs: int) -> None:
        """Train for some more epochs; when it returns, the device has finished them.

        Raises:
            BusyError: The network is being trained already.
            DivergedError: The loss or a parameter is no longer finite.
        """
        with self.network.being_trained():
            self._train(epochs)

    def _train(self, epochs: int) -> None:
        self.network.input_format = self._input_format
        if self._compact is not None:
            self._compact.load()  # it may have been trained otherwise since this was made
            self._learns_apart = True  # also after a callback has failed
        try:
            with Interrupt() as interrupt, self.epochs.feed.reading():
                self._advance(epochs, interrupt)
        finally:
            self._share()
        # The last losses were measured before the last updates.
        if not np.isfinite(self.backend.to_numpy(self.network.mlp.theta)).all():
            raise self._diverged("a parameter is no longer finite after the last step")

    def _advance(self, epochs: int, interrupt: Interrupt) -> None:
        last_read = time.perf_counter()
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

    def _epoch(self, interrupt: Interrupt) -> None:
        """Go through the examples once, or until interrupted."""
        epoch, self.epochs_begun = self.epochs_begun, self.epochs_begun + 1

        def after_step(step: int) -> bool:
            for callback in self._batch_callbacks:
                callback.on_batch_end(epoch + 1, step + 1)
            return not (interrupt.requested or self.history.stopped)

        self.epochs.begin(epoch)
        first_row, done = sum(rows for rows, _ in self.unread), 0
        for chunk in range(len(self.epochs.chunks)):
            row = first_row + chunk
            done += self.epochs.train(chunk, after_step if self._step_by_step else None, row)
            if not self._step_by_step and self._batch_callbacks:
                for step in self.epochs.chunks[chunk]:
                    after_step(step)
            if interrupt.requested or self.history.stopped:
                break
        self.history.steps += -(-done // self.epochs.batch_size)
        self.unread.append((chunk + 1, done))

    def _read(self) -> None:
        """Read the unread epochs' losses from the device and hand them on."""
        if not self.unread:
            return
        totals = self.backend.to_numpy(self.epochs.totals)
        unread, self.unread = self.unread, []
        looked_at = bool(self.callbacks) or self.validation is not None
        if looked_at:
            self._share()
            self._learns_apart = False  # a callback may change the network
        start = 0
        for rows, examples in unread:
            loss, correct = totals[start : start + rows].sum(axis=0, dtype=float)
            self._finish_epoch(self.network.scores(loss, correct, examples))
            start += rows
        if looked_at and self._compact is not None:
            self._compact.load()
            self._learns_apart = True

    def _share(self) -> None:
        """Let the network have the parameters learnt so far."""
        if self._compact is not None and self._learns_apart:
            self._compact.store()

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
        if self._metrics is not None:
            logs |= self._metrics()
        last_step = epoch - 1 / self.steps_per_epoch
        logs["learning_rate"] = float(self.optimizer.learning_rate(last_step))
        self.history.append(logs)
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, logs)
