"""Telling of progress, without ever ending it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import IO, Any


class Unfailing:
    """Standard error, or another stream, whose faults are nobody's concern.

    Its reader may have gone (``2>&1 | head``), its disk may be full, it may never have been open
    (``2>&-``): what is told there is lost, and the work that was told of goes on.
    """

    def __init__(self, stream: IO[str] | None) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or not."""
        # ValueError: the stream has been closed.
        with suppress(OSError, ValueError, AttributeError):
            self._stream.write(text)  # type: ignore[union-attr]
        return len(text)

    def flush(self) -> None:
        """Flush, or not."""
        with suppress(OSError, ValueError, AttributeError):
            self._stream.flush()  # type: ignore[union-attr]

    def isatty(self) -> bool:
        """Whether a person is looking."""
        with suppress(OSError, ValueError, AttributeError):
            return self._stream.isatty()  # type: ignore[union-attr]
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def protect_standard_streams() -> None:
    """Let nothing that a process tells on standard error end it, or go where it does not belong."""
    # A stream that is closed (``2>&-``) gives its number to the next file that is opened, perhaps a
    # model, and whatever a library writes to standard error would go there.
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (as long as the process)
    sys.stderr = Unfailing(sys.stderr)
    # What the terminal's encoding lacks, perhaps a letter of a class's name, is spelled out.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
