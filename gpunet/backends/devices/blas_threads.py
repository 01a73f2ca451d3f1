"""Small products on one thread of the BLAS.

A BLAS cuts every product into a piece for each core and waits for the slowest. For the products of
a mini-batch that saves little, and where another program keeps a core busy, one piece waits for the
scheduler: on two cores, with the other one loaded, the median of a 32x784x196 product rose from 0.2
to 0.4 ms and its 90th percentile to 40 ms (one thread: 0.28 and 0.35 ms).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from typing import Any

# Multiplications up to which one thread is used: between a batch of 32 and one of 64 rows through
# 784x196, where a second thread begins to save more than a tenth of a millisecond.
SMALL_PRODUCT = 8_000_000
# Multiplications from which work is better cut into pieces for threads of our own, which also share
# out what lies between the products. Below some 1,500 rows of 784x196, waking them (0.1 ms) and
# Python's lock, which they all need between two calls, cost more than that saves.
LARGE_WORK = 200_000_000


class OneThread:
    """Runs work while the BLAS libraries of the process use one thread.

    How many they use is one number for the whole process, while several threads may train or
    predict: so all share one object (``one_thread``), of which the first to come sets the number
    and the last to leave puts it back. Whom Ctrl-C keeps from leaving is known by its lock, which
    is free all the same: the next puts the number back.
    """

    def __init__(self) -> None:
        from threadpoolctl import ThreadpoolController

        self._libraries: list[Any] = ThreadpoolController().select(user_api="blas").lib_controllers
        # From 3.8 on, threadpoolctl lets only the thread that was the first to set an OpenBLAS's
        # number do so again, and does nothing for others. Here any may be the last to leave.
        self._setters: list[Callable[[int], None]] = [
            getattr(library, "_real_set_num_threads", library.set_num_threads)
            for library in self._libraries
        ]
        self._counting = threading.Lock()
        self._inside: list[threading.Lock] = []  # each held by who is inside
        self._outside: list[int] = []  # what is to be put back, if anything

    @property
    def most(self) -> int:
        """How many threads the libraries use outside of ``run``."""
        with self._counting:
            return max(self._outside or self._current(), default=1)

    def _current(self) -> list[int]:
        return [library.get_num_threads() for library in self._libraries]

    def _set(self, numbers: list[int]) -> None:
        for set_number, number in zip(self._setters, numbers, strict=True):
            set_number(number)

    def run(self, work: Callable[[], None]) -> None:
        """Run the work on one thread of the BLAS. May be nested."""
        ours = threading.Lock()
        with ours:
            self._enter(ours)
            try:
                work()
            finally:
                self._leave(ours)

    def _enter(self, ours: threading.Lock) -> None:
        with self._counting:
            self._inside.append(ours)
            if not self._outside:
                self._outside = self._current()
                self._set([1] * len(self._libraries))

    def _leave(self, ours: threading.Lock) -> None:
        with self._counting:
            self._inside = [other for other in self._inside if other is not ours and other.locked()]
            if not self._inside and self._outside:
                self._set(self._outside)
                self._outside = []


@cache
def one_thread() -> OneThread:
    """Return the process's one object, made when it is first wanted."""
    return OneThread()
