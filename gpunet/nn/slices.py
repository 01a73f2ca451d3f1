"""Where each parameter lies in the flat vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from gpunet.backends import Array, Backend


@dataclass
class Slices:
    """Where each parameter lies in the flat vector: all weights first, then all biases.

    Weights come first so that weight decay, which spares the biases, acts on one slice.
    """

    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    start: dict[str, int] = field(default_factory=dict)
    weights: int = 0
    size: int = 0

    @classmethod
    def of(cls, sizes: tuple[int, ...], bias: bool) -> Slices:
        """Lay out the parameters of a network with these layer sizes."""
        self, start = cls(), {}
        pairs = list(pairwise(sizes))
        for layer, (fan_in, fan_out) in enumerate(pairs, 1):
            start[f"W{layer}"] = self.weights
            self.weights += fan_in * fan_out
        self.size = self.weights
        for layer, (_, fan_out) in enumerate(pairs, 1):
            start[f"b{layer}"] = self.size
            self.size += fan_out if bias else 0
        for layer, (fan_in, fan_out) in enumerate(pairs, 1):
            self.shapes[f"W{layer}"] = (fan_in, fan_out)
            if bias:
                self.shapes[f"b{layer}"] = (fan_out,)
        self.start = {name: start[name] for name in self.shapes}
        return self

    @property
    def widths(self) -> list[int]:
        """How many neurons each layer has."""
        return [shape[1] for name, shape in self.shapes.items() if name.startswith("W")]

    def layers(self, xp: Any, theta: Array) -> tuple[list[Array], list[Array]]:
        """Return theta's W and b of each layer; 0 is the b of layers without biases."""
        W, b = [], []
        for layer in range(1, len(self.widths) + 1):
            W.append(self._part(xp, theta, f"W{layer}"))
            b.append(self._part(xp, theta, f"b{layer}") if f"b{layer}" in self.start else 0.0)
        return W, b

    def _part(self, xp: Any, theta: Array, name: str) -> Array:
        start, shape = self.start[name], self.shapes[name]
        return xp.reshape(theta[start : start + int(np.prod(shape))], shape)

    def vector(self, xp: Any, dW: Sequence[Array], db: Sequence[Array]) -> Array:
        """Return one vector of dW and db, in theta's order."""
        parts = [*dW, *(db if self.weights < self.size else [])]
        return xp.concat([xp.reshape(x, (-1,)) for x in parts])

    def views(self, backend: Backend, vector: Array) -> dict[str, Array]:
        """Return {"W1": (fan_in, fan_out), "b1": (fan_out,), ...}: views of ``vector``."""
        views = {}
        for name, shape in self.shapes.items():
            start = self.start[name]
            part = vector[start : start + int(np.prod(shape))]
            views[name] = backend.reshape(part, shape) if len(shape) > 1 else part
        return views
