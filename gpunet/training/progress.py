"""Showing how training goes: a bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import IO, Any

from gpunet.errors import ArgumentError
from gpunet.streams import Unfailing
from gpunet.training.callbacks import Callback, Logs, Run
from gpunet.training.history import History

# Plain lines, and the bar's redraws, are at least this many seconds apart.
SECONDS_BETWEEN_LINES = 2.0
SECONDS_BETWEEN_REDRAWS = 0.1


class Progress(Callback):
    """Show the epoch, loss, accuracy, examples per second and time left.

    A bar in a terminal or a notebook, else lines on standard error, or on ``stream``. Where that
    cannot be printed, training goes on all the same.
    """

    every_epoch = every_batch = False  # it only reports

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._given = stream
        self._bar: Any = None

    def on_train_begin(self, run: Run) -> None:
        """Start the clock and, where a person is looking, the bar."""
        self._stream: Any = Unfailing(sys.stderr if self._given is None else self._given)
        self._run, self._started, self._shown = run, time.perf_counter(), 0.0
        self._epoch, self._batches, self._figures = 0, 0, ""
        self._told = 0  # the epoch of the last line
        self._bar = self._new_bar()

    def _new_bar(self) -> Any:
        if self._given is None and in_notebook():
            from gpunet.training.bars import NotebookBar

            return NotebookBar()
        if self._stream.isatty():
            from gpunet.training.bars import TerminalBar

            return TerminalBar(self._stream)
        return None

    def on_batch_end(self, epoch: int, batch: int) -> None:
        """Move the bar."""
        self._batches += 1
        if self._bar is not None and self._due(SECONDS_BETWEEN_REDRAWS):
            self._draw()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Show the losses."""
        self._epoch = epoch
        self._figures = "  ".join(
            f"{name.replace('_', ' ')} {value:.4f}"
            for name, value in logs.items()
            if name != "learning_rate"
        )
        if self._bar is not None:
            if self._due(SECONDS_BETWEEN_REDRAWS):
                self._draw()
        elif epoch in (1, self._run.epochs) or self._due(SECONDS_BETWEEN_LINES):
            self._line()

    def on_train_end(self, history: History) -> None:
        """Show the last epoch, and why it was the last."""
        if self._bar is not None:
            self._draw()
            self._bar.stop()
        elif self._epoch > self._told:
            self._line()
        if history.stopped:
            print(f"stopped after epoch {history.epochs}: {history.stopped}", file=self._stream)

    def _due(self, seconds: float) -> bool:
        now = time.perf_counter()
        if now - self._shown < seconds:
            return False
        self._shown = now
        return True

    def _done(self) -> float:
        """Return the share of the steps that have been taken."""
        return self._batches / (self._run.epochs * self._run.steps_per_epoch)

    def _speed(self) -> str:
        """Return examples per second, and the time left at that speed."""
        elapsed = max(time.perf_counter() - self._started, 1e-9)
        done = self._done()
        speed = done * self._run.epochs * self._run.examples / elapsed
        return f"{speed:,.0f} examples/s  {clock(elapsed * (1 - done) / max(done, 1e-9))} left"

    def _line(self) -> None:
        self._told = self._epoch
        print(
            f"epoch {self._epoch}/{self._run.epochs}  {self._figures}  {self._speed()}",
            file=self._stream,
            flush=True,
        )

    def _draw(self) -> None:
        # The epoch at hand, which the figures come before.
        epoch = min(self._batches // self._run.steps_per_epoch + 1, self._run.epochs)
        self._bar.draw(
            self._done(), f"epoch {epoch}/{self._run.epochs}", self._speed(), self._figures
        )


def shown(verbose: bool | str) -> list[Callback]:
    """Return the callbacks that ``verbose`` asks for.

    Args:
        verbose: True: progress, wherever it goes. "auto": only where a person is looking, in a
            terminal or a notebook. False: none.

    Raises:
        ArgumentError: It is something else.
    """
    if verbose not in (True, False, "auto"):
        raise ArgumentError(f"verbose must be True, False or 'auto'; got {verbose!r}")
    looking = verbose == "auto" and (in_notebook() or Unfailing(sys.stderr).isatty())
    return [Progress()] if looking or (verbose != "auto" and verbose) else []


def in_notebook() -> bool:
    """Whether this process runs a notebook's cells."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return hasattr(shell, "kernel")


def clock(seconds: float) -> str:
    """Return m:ss, or h:mm:ss."""
    minutes, s = divmod(round(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02}:{s:02}" if hours else f"{m}:{s:02}"
