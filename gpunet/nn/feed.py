"""Examples on the device, handed to a network batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import numpy as np
from numpy.typing import NDArray

from gpunet.backends import Array, Backend
from gpunet.datasets.mapped import MappedRows
from gpunet.nn.batch import Batch
from gpunet.nn.examples import Examples
from gpunet.nn.stream import Stream


class Feed:
    """Examples uploaded once, in their own type; a batch is gathered and scaled on the device.

    The inputs of a memory-mapped file are streamed instead: ``gather`` then takes its rows from
    the window that ``chunk`` fills.
    """

    def __init__(self, backend: Backend, examples: Examples) -> None:
        self._backend, self._scale = backend, examples.scale
        self._stream: Stream | None = None
        self._X: Array = None
        if isinstance(examples.X, MappedRows):
            self._stream = Stream(backend, examples.X)
        else:
            self._X = backend.share(examples.X)
        self._Y = None if examples.Y is None else backend.share(examples.Y)
        self._floats = str(examples.X.dtype) != "uint8"
        self.n = len(examples)

    @property
    def scale(self) -> float:
        """What the inputs are multiplied by."""
        return self._scale

    @property
    def integers(self) -> bool:
        """Whether the inputs are stored as uint8."""
        return not self._floats

    @property
    def streams(self) -> bool:
        """Whether the inputs stay in their file."""
        return self._stream is not None

    def load(self, rows: slice, batch: Batch) -> tuple[Array, Array]:
        """Return the batch (X, Y) of these rows, in ``batch`` or as they lie."""
        if self._stream is not None:
            X = batch.X
            self._stream.load(rows, self._scale, X)
        elif self._floats and self._scale == 1.0:
            X = self._X[rows, :]  # already what the network takes: no copy
        else:
            X = batch.X
            self._backend.take(self._X, rows, self._scale, out=X)
        if self._Y is not None:
            self._backend.take(self._Y, rows, 1.0, out=batch.Y)
        return X, batch.Y

    def reading(self) -> AbstractContextManager[None]:
        """Return the context within which ``begin`` and ``chunk`` may be called."""
        return nullcontext() if self._stream is None else self._stream.reading()

    def begin(self, order: NDArray | None, chunk: int) -> None:
        """Get ready to go through the examples, in this order (None: as they stand), by chunks."""
        if self._stream is not None:
            self._stream.begin(np.arange(self.n) if order is None else order, chunk)

    def chunk(self, rows: Array) -> Array:
        """Return what ``gather`` has to be given for ``rows``, the order's next chunk."""
        return rows if self._stream is None else self._stream.chunk()

    @property
    def source(self) -> Array:
        """What the rows that ``chunk`` returns are rows of: the inputs as they are stored."""
        return self._X if self._stream is None else self._stream.window

    def gather(self, rows: Array, X: Array, raw: bool = False) -> None:
        """Fill X with the inputs of ``rows``, an integer array on the device; see ``chunk``.

        ``raw`` ones are not scaled.
        """
        self._backend.take(self.source, rows, 1.0 if raw else self._scale, out=X)

    def gather_targets(self, rows: Array, Y: Array) -> None:
        """Fill Y with the targets of ``rows``."""
        self._backend.take(self._Y, rows, 1.0, out=Y)

    def chunks(self, batch: Batch) -> Iterator[tuple[slice, Batch]]:
        """Return all the rows in order, in pieces that fit ``batch``."""
        for start in range(0, self.n, batch.n):
            rows = slice(start, min(start + batch.n, self.n))
            yield rows, batch.first(rows.stop - rows.start)
