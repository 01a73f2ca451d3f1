"""A bar that moves while a network trains: in a terminal, and in a notebook.

Each has two lines, since one that holds all would be cut off in 80 columns: how far it is, and the
latest figures.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from importlib import import_module
from typing import IO, Any, Protocol

from rich.console import Console, RenderableType
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

BAR_WIDTH = 24
BESIDE = 54  # columns that the words beside the bar take


class Bar(Protocol):
    """What Progress draws with."""

    def draw(self, done: float, epoch: str, speed: str, figures: str) -> None:
        """Show the share that is done, from 0 to 1, and three texts."""

    def stop(self) -> None:
        """Leave it as it stands."""


class _Lines(RichProgress):
    """rich's own bar, and a line of figures below it."""

    figures = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        """Return the two lines; figures that are too many are wrapped."""
        yield self.make_tasks_table(self.tasks)
        if self.figures:
            yield Text(self.figures)


class TerminalBar:
    """A bar by rich."""

    def __init__(self, stream: IO[str]) -> None:
        console = Console(file=stream)
        self._lines = _Lines(
            TextColumn("{task.description}"),
            BarColumn(bar_width=min(BAR_WIDTH, max(1, console.width - BESIDE))),
            TextColumn("{task.fields[speed]}"),
            console=console,
        )
        self._task = self._lines.add_task("", total=1.0, speed="")
        self._lines.start()

    def draw(self, done: float, epoch: str, speed: str, figures: str) -> None:
        """Show how it stands."""
        self._lines.figures = figures
        self._lines.update(self._task, completed=done, description=epoch, speed=speed)

    def stop(self) -> None:
        """Draw the last state and go on below it."""
        self._lines.stop()


class NotebookBar:
    """The same as HTML in the cell's output; it needs nothing that a notebook does not have."""

    def __init__(self) -> None:
        ipython: Any = import_module("IPython.display")
        self._html = ipython.HTML
        self._handle = ipython.display(self._html(""), display_id=True)

    def draw(self, done: float, epoch: str, speed: str, figures: str) -> None:
        """Show how it stands."""
        self._handle.update(
            self._html(
                f"<div><code>{escape(epoch)}</code> "
                f'<progress value="{done:.4f}" max="1"></progress> '
                f"<code>{escape(speed)}</code><br><code>{escape(figures)}</code></div>"
            )
        )

    def stop(self) -> None:
        """Nothing to do: the output stays."""
