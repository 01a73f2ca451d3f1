"""Ctrl-C while training: finish the step at hand, then stop."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

INTERRUPTED = "interrupted"  # what History.stopped then says


class Interrupt:
    """Within this context the first Ctrl-C only sets ``requested``; a second one is raised.

    Outside the main thread, where Python delivers no signals, it does nothing.
    """

    requested = False

    def __enter__(self) -> Interrupt:
        self._previous: Any = None
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.getsignal(signal.SIGINT)
            signal.signal(signal.SIGINT, self._handle)
        return self

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
