"""The arrays that a pass through the network writes into, allocated once and used every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpunet.backends import Array, Backend
from gpunet.nn.products import Products


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

    def input_above(self, training: bool) -> Array:
        """Return what the next layer sees: A, after dropout when ``training``."""
        return self.dropped if training else self.A


@dataclass
class Scoring:
    """Where losses are summed from: ``scores`` (2, n), each example's loss and correctness."""

    scores: Array

    @property
    def columns(self) -> tuple[Array, Array]:
        """The two rows as the (n, 1) columns that a kernel writes."""
        return self.scores[0:1, :].T, self.scores[1:2, :].T

    def first(self, n: int) -> Scoring:
        """Return the same memory for n examples or fewer."""
        return Scoring(self.scores[:, :n])


@dataclass
class Workspace:
    """Buffers for n examples: the batch X (n, features) and Y (n, outputs), and each layer's.

    ``logits`` (n, outputs) is the last layer's Z with its biases. ``products`` says how precisely
    matrices are multiplied; if they take raw inputs, X holds those. ``capacity`` is how many
    examples there is room for in the workspace that this is a part of.
    """

    n: int
    X: Array
    Y: Array
    layers: list[LayerBuffers]
    logits: Array
    products: Products
    capacity: int

    def first(self, n: int) -> Workspace:
        """Return the same memory for n examples or fewer (the last batch of an epoch)."""
        return self.part(slice(0, n))

    def part(self, rows: slice) -> Workspace:
        """Return the memory of some of the examples."""
        if rows == slice(0, self.n):
            return self
        layers = []
        for full in self.layers:
            part = {
                name: value if value is None or name == "columns" else value[rows, :]
                for name, value in vars(full).items()
            }
            if full.Z is full.A:  # in place stays in place
                part["Z"] = part["A"]
            layers.append(LayerBuffers(**part))
        return Workspace(
            rows.stop - rows.start,
            *(self.X[rows, :], self.Y[rows, :], layers),
            self.logits[rows, :],
            self.products,
            self.capacity,
        )


def allocate(
    backend: Backend,
    sizes: Sequence[int],
    n: int,
    dtype: str,
    keeps_Z: list[bool],
    dropout: bool,
    products: Products,
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
        backend.zeros((n, sizes[0]), backend.bfloat16 if products.raw else dtype),
        zeros(sizes[-1]),
        layers,
        zeros(sizes[-1]),
        products,
        n,
    )


def add_dropout(backend: Backend, buffers: LayerBuffers, n: int, columns: int, dtype: str) -> None:
    """Give a layer its mask, padded to a multiple of four columns, and the mask's positions."""
    groups = -(-columns // 4)
    buffers.D_padded = backend.zeros((n, 4 * groups), dtype)
    buffers.D = buffers.D_padded[:, :columns]
    buffers.dropped = backend.zeros((n, columns), dtype)
    buffers.rows = backend.array(np.arange(n)[:, None], "uint32")
    buffers.columns = backend.array(np.arange(groups)[None, :], "uint32")
