"""Small products on one thread of the BLAS.

A BLAS cuts every product into a piece for each core and waits for the slowest. For the products of
a mini-batch that saves little, and where another program keeps a core busy, one piece waits for the
scheduler: on two cores, with the other one loaded, the median of a 32x784x196 product rose from 0.2
to 0.4 ms and its 90th percentile to 40 ms (one thread: 0.28 and 0.35 ms).
"""

from __future__ import annotations

from contextlib import nullcontext
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

    ``most`` is how many they use outside.
    """

    def __init__(self) -> None:
        from threadpoolctl import ThreadpoolController

        self._libraries: list[Any] = ThreadpoolController().select(user_api="blas").lib_controllers
        self._before: list[list[int]] = []  # one for each context entered
        self.most = max((library.get_num_threads() for library in self._libraries), default=1)

    def __enter__(self) -> None:
        self._before.append([library.get_num_threads() for library in self._libraries])
        for library in self._libraries:
            library.set_num_threads(1)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for library, threads in zip(self._libraries, self._before.pop(), strict=True):
            library.set_num_threads(threads)
