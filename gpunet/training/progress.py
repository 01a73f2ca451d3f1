"""Showing how training goes: a bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import IO, Any

from gpunet.streams import Unfailing
from gpunet.training.callbacks import Callback, Logs, Run
from gpunet.training.history import History

# Plain lines, and the bar's redraws, are at least this many seconds apart.
SECONDS_BETWEEN_LINES = 2.0
SECONDS_BETWEEN_REDRAWS = 0.1


class Progress(Callback):
    """Print the epoch, loss, accuracy, examples per second and time left, by default to stderr.

    Where that cannot be printed, training goes on all the same.
    """

    every_epoch = False  # it only reports

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream: Any = Unfailing(sys.stderr if stream is None else stream)
        self._bar: Any = None

    def on_train_begin(self, run: Run) -> None:
        """Start the clock and, in a terminal, the bar."""
        self._run, self._started, self._shown = run, time.perf_counter(), 0.0
        self._epoch, self._batches, self._text = 0, 0, ""
        self._told = 0  # the epoch of the last line
        if self._stream.isatty():
            self._bar = _bar(self._stream, run.epochs * run.steps_per_epoch)
            self._bar.start()

    def on_batch_end(self, epoch: int, batch: int) -> None:
        """Move the bar."""
        self._batches += 1
        if self._bar is not None and self._due(SECONDS_BETWEEN_REDRAWS):
            self._draw()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Show the losses."""
        self._epoch = epoch
        values = [
            f"{name.replace('_', ' ')} {logs[name]:.4f}"
            for name in ("loss", "accuracy", "val_loss", "val_accuracy")
            if name in logs
        ]
        self._text = f"epoch {epoch}/{self._run.epochs}  {'  '.join(values)}"
        if self._bar is not None:
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

    def _speed(self) -> tuple[float, float]:
        """Return examples per second and the seconds left at that speed."""
        elapsed = max(time.perf_counter() - self._started, 1e-9)
        run = self._run
        done = self._batches / (run.epochs * run.steps_per_epoch)
        return done * run.epochs * run.examples / elapsed, elapsed * (1 - done) / max(done, 1e-9)

    def _line(self) -> None:
        self._told = self._epoch
        speed, left = self._speed()
        print(
            f"{self._text}  {speed:,.0f} examples/s  {clock(left)} left",
            file=self._stream,
            flush=True,
        )

    def _draw(self) -> None:
        speed, left = self._speed()
        self._bar.update(
            self._bar.task_ids[0],
            completed=self._batches,
            description=self._text or f"epoch 1/{self._run.epochs}",
            speed=f"{speed:,.0f} examples/s",
            left=f"{clock(left)} left",
        )


def clock(seconds: float) -> str:
    """Return m:ss, or h:mm:ss."""
    minutes, s = divmod(round(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02}:{s:02}" if hours else f"{m}:{s:02}"


def _bar(stream: IO[str], steps: int) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as RichProgress

    bar = RichProgress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[speed]}"),
        TextColumn("{task.fields[left]}"),
        console=Console(file=stream),
        auto_refresh=True,
    )
    bar.add_task("", total=steps, speed="", left="")
    return bar
