"""Training on what is larger than memory: read ahead, a chunk at a time, from a mapped file."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from gpunet.backends import Array, Backend
from gpunet.datasets.mapped import MappedRows

# Rows that are read at a time where there is no training: for evaluation, in order.
ROWS_IN_ORDER = 1024


class Stream:
    """A window on the device, filled with one chunk of rows after the other.

    While a chunk is trained on, one thread reads the next into memory of the host. It reads the
    rows in the order of the file, which disks and caches like best; so the chunk's own order is
    kept as positions in the window.

    Attributes:
        window: (rows of a chunk, features), the chunk at hand.
    """

    def __init__(self, backend: Backend, X: MappedRows) -> None:
        self.window: Array = None
        self._backend, self._X = backend, X
        self._chunks: Iterator[NDArray] = iter(())
        self._thread: ThreadPoolExecutor | None = None
        self._read_ahead: Future[NDArray] | None = None

    def _allocate(self, rows: int) -> None:
        if self.window is None:
            shape = rows, self._X.shape[1]
            self.window = self._backend.zeros(shape, self._X.dtype)
            self._staging = np.empty(shape, self._X.dtype)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep the thread while in this context; whatever happens, it ends with the context."""
        try:
            with ThreadPoolExecutor(1, "gpunet-reader") as self._thread:
                yield
        finally:
            self._thread = self._read_ahead = None

    def begin(self, order: NDArray, chunk: int) -> None:
        """Go through the rows in this order, ``chunk`` at a time, the same at each call."""
        if self.window is None:
            self._allocate(chunk)
            self._positions = self._backend.zeros((chunk,), "int64")
        self._chunks = (order[start : start + chunk] for start in range(0, len(order), chunk))
        self._next()

    def _next(self) -> None:
        chunk = next(self._chunks, None)
        assert self._thread is not None, "only within reading()"
        self._read_ahead = None if chunk is None else self._thread.submit(self._read, chunk)

    def _read(self, chunk: NDArray) -> NDArray:
        """Read the rows; return where in the window each of them will be."""
        in_file_order = np.argsort(chunk)
        self._X.read(chunk[in_file_order], self._staging[: len(chunk)])
        positions = np.empty_like(chunk)
        positions[in_file_order] = np.arange(len(chunk))
        return positions

    def chunk(self) -> Array:
        """Fill the window with the next chunk; return the positions of its rows, (k,) int64.

        Raises:
            FileError: What went wrong with the file in the other thread.
        """
        assert self._read_ahead is not None, "after begin, once for each chunk"
        positions = self._read_ahead.result()
        k = len(positions)
        # Each has been read from the host when it returns, so the next chunk may be written there.
        self._backend.assign(self.window[:k, :], self._staging[:k])
        self._backend.assign(self._positions[:k], positions)
        self._next()
        return self._positions[:k]

    def load(self, rows: slice, scale: float, X: Array) -> None:
        """Fill X with ``scale`` times these rows, at once."""
        self._allocate(ROWS_IN_ORDER)
        for start in range(rows.start, rows.stop, len(self._staging)):
            k = min(rows.stop - start, len(self._staging))
            here = slice(start - rows.start, start - rows.start + k)
            self._X.read(slice(start, start + k), self._staging[:k])
            self._backend.assign(self.window[:k, :], self._staging[:k])
            self._backend.take(self.window, slice(0, k), scale, out=X[here, :])
