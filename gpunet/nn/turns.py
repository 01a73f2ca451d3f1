"""Threads that take turns at one network."""

from __future__ import annotations

import threading
from types import TracebackType


class Turns:
    """A lock that goes around: who holds it, and wants it again, comes after those who wait.

    A plain lock goes back to the thread that has just let go of it, so that predictions would wait
    until a training that takes it for each step has come to its end. Not for nesting.
    """

    def __init__(self) -> None:
        self._door, self._room = threading.Lock(), threading.Lock()

    def __enter__(self) -> None:
        with self._door:  # the next in turn waits in it, and those after it outside
            self._room.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._room.release()
