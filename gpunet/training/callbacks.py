"""Looking on while a network trains, and stopping it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpunet.errors import ArgumentError, DivergedError
from gpunet.nn.network import Network
from gpunet.ranges import whole
from gpunet.training.history import History

Logs = dict[str, float]


@dataclass
class Run:
    """A training run, as callbacks see it."""

    network: Network
    history: History
    epochs: int
    steps_per_epoch: int
    examples: int

    def stop(self, reason: str) -> None:
        """End training after this epoch (or, from ``on_batch_end``, after this batch)."""
        self.history.stopped = reason


class Callback:
    """Override what you need.

    Reading losses from a GPU makes it wait. A callback that only reports may set ``every_epoch``
    to False: where epochs are short, several are then read together, and ``on_epoch_end`` is
    called for each of them afterwards, when the network has gone on. Likewise ``every_batch``:
    with False ``on_batch_end`` is called for several batches together, and the network's parameters
    are then not those of that batch; so training is as fast as without it.
    """

    every_epoch = True
    every_batch = True

    def on_train_begin(self, run: Run) -> None:
        """Called once, before the first batch."""

    def on_batch_end(self, epoch: int, batch: int) -> None:
        """Called after each update, which may still be running on the device."""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Called for each epoch, counted from 1, with what History keeps of it."""

    def on_train_end(self, history: History) -> None:
        """Called once, at the end, however it came; the last callback first."""


class FunctionCallback(Callback):
    """A plain function (epoch, logs) as a callback; it may return True to stop training."""

    def __init__(self, function: Callable[[int, Logs], Any]) -> None:
        self._function = function

    def on_train_begin(self, run: Run) -> None:
        """Keep the run, to be able to stop it."""
        self._run = run

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Call the function."""
        if isinstance(answer := self._function(epoch, logs), bool | np.bool_) and answer:
            self._run.stop("a callback asked for it")


class Monitor(Callback):
    """Base of callbacks that watch one value for improvement.

    Args:
        monitor: "loss", "accuracy", "val_loss" or "val_accuracy", or "val_NAME" of one of
            ``fit``'s metrics; by default the loss on the validation data if there are any, else the
            training loss (which an epoch measures before its updates, so it lags behind the
            weights by up to an epoch).
        min_delta: How much better counts as better.
        mode: "max" if more is better, "min" if less; of losses and accuracies it is known.

    Raises:
        ArgumentError: An unknown value or mode, or a metric without a mode.
    """

    def __init__(
        self, monitor: str | None = None, min_delta: float = 0.0, mode: str | None = None
    ) -> None:
        known = ("loss", "accuracy", "val_loss", "val_accuracy")
        if mode not in (None, "min", "max"):
            raise ArgumentError(f"mode must be 'min' or 'max'; got {mode!r}")
        own = str(monitor).startswith("val_") and mode is not None
        if monitor is not None and monitor not in known and not own:
            raise ArgumentError(
                f"monitor must be one of {', '.join(known)}, or val_NAME of one of fit's metrics, "
                f"with mode='max' or mode='min'; got {monitor!r}, mode={mode!r}"
            )
        self.monitor, self.min_delta, self.mode = monitor, min_delta, mode

    def on_train_begin(self, run: Run) -> None:
        """Start anew."""
        self.run = run
        self.best = float("inf")

    def improved(self, logs: Logs) -> bool:
        """Return whether the value is the best so far; raises ArgumentError if there is none."""
        name = self.monitor or ("val_loss" if "val_loss" in logs else "loss")
        if name not in logs:
            raise ArgumentError(
                f"cannot monitor {name}: this run has {', '.join(logs)}; val_ values need "
                "validation data, and those of your own one of fit's metrics"
            )
        mode = self.mode or ("max" if name.endswith("accuracy") else "min")
        value = -logs[name] if mode == "max" else logs[name]
        if value < self.best - self.min_delta:
            self.best = value
            return True
        return False


class EarlyStopping(Monitor):
    """Stop when nothing has improved for ``patience`` epochs, and go back to the best weights."""

    def __init__(
        self,
        monitor: str | None = None,
        patience: int = 10,
        min_delta: float = 0.0,
        restore_best: bool = True,
        mode: str | None = None,
    ) -> None:
        super().__init__(monitor, min_delta, mode)
        self.patience, self.restore_best = whole("patience", patience), restore_best

    def on_train_begin(self, run: Run) -> None:
        """Make room for the best weights, on the device."""
        super().on_train_begin(run)
        mlp = run.network.mlp
        self._theta = run.network.backend.zeros(
            tuple(mlp.theta.shape), run.network.architecture.dtype
        )
        self.best_epoch = 0

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Keep the weights if they are the best, or stop."""
        if self.improved(logs):
            self.best_epoch = epoch
            self.run.network.backend.assign(self._theta, self.run.network.mlp.theta)
        elif epoch - self.best_epoch >= self.patience:
            self.run.stop(
                f"no improvement for {self.patience} epochs since epoch {self.best_epoch}"
            )

    def on_train_end(self, history: History) -> None:
        """Go back to the best weights."""
        if self.restore_best and self.best_epoch:
            mlp = self.run.network.mlp
            mlp.turns.take(lambda: mlp.backend.assign(mlp.theta, self._theta))


class Checkpoint(Monitor):
    """Save the network after each epoch in which it improved, or after every epoch."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        monitor: str | None = None,
        best_only: bool = True,
        mode: str | None = None,
    ) -> None:
        super().__init__(monitor, mode=mode)
        self.path, self.best_only = path, best_only

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Save."""
        if self.improved(logs) or not self.best_only:
            try:
                self.run.network.save(self.path)
            except DivergedError as error:
                error.history = self.run.history
                raise
