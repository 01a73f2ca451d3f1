"""Threads that take turns at one network."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from gpunet.errors import BusyError

T = TypeVar("T")


class Turns:
    """A queue of threads: whoever wants a turn comes after those who wait.

    A plain lock goes back to the thread that has just let go of it, so that predictions would wait
    until a training that takes it for each step has come to its end.

    Ctrl-C may be raised at any time, also between two lines of this class. It must not leave a
    turn that never ends, at which everyone else would wait: so each turn is a ``with`` of a bare
    lock, which Ctrl-C cannot come in the midst of, and not a context of our own, which it can.
    """

    def __init__(self) -> None:
        self._queueing = threading.Lock()
        self._last: _Turn | None = None
        self._own = _Own()

    def take(self, work: Callable[[], T]) -> T:
        """Return ``work()``, done when it is our turn.

        Raises:
            BusyError: This thread has a turn already, or waits for one.
        """
        if self._own.lock.locked():
            raise BusyError(
                "this thread is in the midst of using the network already: a signal handler, say, "
                "came in between, and would wait for ever. Let it set a flag, and use the network "
                "after that"
            )
        turn = _Turn()
        with self._own.lock, turn.lock:
            with self._queueing:
                turn.before, self._last = self._last, turn
            before = turn.before
            while before is not None:
                with before.lock:  # until its turn has ended
                    pass
                before = before.before  # one that was interrupted while it waited
            turn.before = None
            return work()


class _Own(threading.local):
    """What each thread has for itself: a lock that it holds from when it lines up."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


class _Turn:
    """A place in the queue. ``lock`` is held until the turn has ended or has been given up.

    ``before`` is the place before it, None from when that one's turn has ended.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.before: _Turn | None = None
