"""Small products on one thread of the BLAS.

A BLAS cuts every product into a piece for each core and waits for the slowest. For the products of
a mini-batch that saves little, and where another program keeps a core busy, one piece waits for the
scheduler: on two cores, with the other one loaded, the median of a 32x784x196 product rose from 0.2
to 0.4 ms and its 90th percentile to 40 ms (one thread: 0.28 and 0.35 ms).
"""

from __future__ import annotations

import threading
from contextlib import nullcontext
from functools import cache
from types import TracebackType
from typing import Any

# Multiplications up to which one thread is used: between a batch of 32 and one of 64 rows through
# 784x196, where a second thread begins to save more than a tenth of a millisecond.
SMALL_PRODUCT = 8_000_000
# Multiplications from which work is better cut into pieces for threads of our own, which also share
# out what lies between the products. Below some 1,500 rows of 784x196, waking them (0.1 ms) and
# Python's lock, which they all need between two calls, cost more than that saves.
LARGE_WORK = 200_000_000
ALL_THREADS = nullcontext()


class OneThread:
    """Within this context, the BLAS libraries of the process use one thread.

    How many they use is one number for the whole process, while several threads may train or
    predict: so all share one object (``one_thread``), of which the first to enter sets the number
    and the last to leave puts it back.
    """

    def __init__(self) -> None:
        from threadpoolctl import ThreadpoolController

        self._libraries: list[Any] = ThreadpoolController().select(user_api="blas").lib_controllers
        self._counting = threading.Lock()
        self._inside = 0
        self._outside: list[int] = []  # what was set before the first entered

    @property
    def most(self) -> int:
        """How many threads the libraries use outside of this context."""
        with self._counting:
            return max(self._outside if self._inside else self._current(), default=1)

    def _current(self) -> list[int]:
        return [library.get_num_threads() for library in self._libraries]

    def __enter__(self) -> None:
        with self._counting:
            if self._inside == 0:
                self._outside = self._current()
                for library in self._libraries:
                    library.set_num_threads(1)
            self._inside += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._counting:
            self._inside -= 1
            if self._inside == 0:
                for library, threads in zip(self._libraries, self._outside, strict=True):
                    library.set_num_threads(threads)


@cache
def one_thread() -> OneThread:
    """Return the process's one object, made when it is first wanted."""
    return OneThread()
