"""Examples on the device, handed to a network batch by batch."""

from __future__ import annotations

from collections.abc import Iterator

from gpunet.backends import Array, Backend
from gpunet.nn.examples import Examples
from gpunet.nn.workspace import Workspace


class Feed:
    """Examples uploaded once, in their own type; a batch is gathered and scaled on the device."""

    def __init__(self, backend: Backend, examples: Examples) -> None:
        self._backend, self._scale = backend, examples.scale
        self._X = backend.share(examples.X)
        self._Y = None if examples.Y is None else backend.share(examples.Y)
        self._floats = str(examples.X.dtype) != "uint8"
        self.n = len(examples)

    def load(self, rows: slice, ws: Workspace) -> tuple[Array, Array]:
        """Return the batch (X, Y) of these rows, ``ws.n`` of them, in the workspace's precision."""
        if self._floats and self._scale == 1.0:
            X = self._X[rows, :]  # already what the network takes: no copy
        else:
            X = ws.X
            self._backend.take(self._X, rows, self._scale, out=X)
        if self._Y is not None:
            self._backend.take(self._Y, rows, 1.0, out=ws.Y)
        return X, ws.Y

    def gather(self, rows: Array, X: Array) -> None:
        """Fill X with the inputs of ``rows``, an integer array on the device."""
        self._backend.take(self._X, rows, self._scale, out=X)

    def gather_targets(self, rows: Array, Y: Array) -> None:
        """Fill Y with the targets of ``rows``."""
        self._backend.take(self._Y, rows, 1.0, out=Y)

    def chunks(self, ws: Workspace) -> Iterator[tuple[slice, Workspace]]:
        """Return all the rows in order, in pieces that fit the workspace."""
        for start in range(0, self.n, ws.n):
            rows = slice(start, min(start + ws.n, self.n))
            yield rows, ws.first(rows.stop - rows.start)
