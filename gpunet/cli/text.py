"""Names of classes, numbers and tables on their way to a terminal: shown as they are, and whole."""

from __future__ import annotations

from typing import Any

from gpunet.printable import printable

__all__ = ["full_width", "print_whole", "printable"]


def full_width(console: Any, table: Any, least: bool = False) -> int:
    """Return how many columns a table would take; or at least, with all words wrapped."""
    unbounded = console.options.update(max_width=1000)
    measured = console.measure(table, options=unbounded)
    return int(measured.minimum if least else measured.maximum)


def print_whole(console: Any, table: Any) -> None:
    """Print a table without cutting a number; a narrower terminal has to wrap the lines."""
    console.width = max(console.width, full_width(console, table, least=True))
    console.print(table)
