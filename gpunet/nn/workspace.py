"""The arrays that a pass through the network writes into, allocated once and used every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpunet.backends import Array, Backend


@dataclass
class LayerBuffers:
    """What one layer writes for n examples; fan_out columns each.

    ``Z`` and ``A`` are one array unless the derivative needs Z. ``dropped`` is what the next
    layer sees: A, or A after dropout.
    """

    Z: Array
    A: Array
    dZ: Array
    dropped: Array
    D_padded: Array = None
    D: Array = None
    rows: Array = None
    columns: Array = None


@dataclass
class Workspace:
    """Buffers for n examples: the batch X (n, features) and Y (n, outputs), and each layer's.

    ``scores`` (2, n) holds each example's loss and whether it was right.
    """

    n: int
    X: Array
    Y: Array
    layers: list[LayerBuffers]
    scores: Array

    @property
    def score_columns(self) -> tuple[Array, Array]:
        """The two rows of ``scores`` as the (n, 1) columns that a kernel writes."""
        return self.scores[0:1, :].T, self.scores[1:2, :].T

    def first(self, n: int) -> Workspace:
        """Return the same memory for n examples or fewer (the last batch of an epoch)."""
        if n == self.n:
            return self
        layers = []
        for full in self.layers:
            part = {
                name: value if value is None or name == "columns" else value[:n, :]
                for name, value in vars(full).items()
            }
            if full.Z is full.A:  # in place stays in place
                part["Z"] = part["A"]
            layers.append(LayerBuffers(**part))
        return Workspace(n, self.X[:n, :], self.Y[:n, :], layers, self.scores[:, :n])


def allocate(
    backend: Backend, sizes: Sequence[int], n: int, dtype: str, keeps_Z: list[bool], dropout: bool
) -> Workspace:
    """Return a workspace for n examples of a network with these layer sizes."""

    def zeros(columns: int) -> Array:
        return backend.zeros((n, columns), dtype)

    layers = []
    for layer, fan_out in enumerate(sizes[1:]):
        A = zeros(fan_out)
        buffers = LayerBuffers(zeros(fan_out) if keeps_Z[layer] else A, A, zeros(fan_out), A)
        if dropout and layer < len(sizes) - 2:
            add_dropout(backend, buffers, n, fan_out, dtype)
        layers.append(buffers)
    return Workspace(
        n,
        zeros(sizes[0]),
        zeros(sizes[-1]),
        layers,
        backend.zeros((2, n), dtype),
    )


def add_dropout(backend: Backend, buffers: LayerBuffers, n: int, columns: int, dtype: str) -> None:
    """Give a layer its mask, padded to a multiple of four columns, and the mask's positions."""
    groups = -(-columns // 4)
    buffers.D_padded = backend.zeros((n, 4 * groups), dtype)
    buffers.D = buffers.D_padded[:, :columns]
    buffers.dropped = backend.zeros((n, columns), dtype)
    buffers.rows = backend.array(np.arange(n)[:, None], "uint32")
    buffers.columns = backend.array(np.arange(groups)[None, :], "uint32")
