"""Where a batch is gathered."""

from __future__ import annotations

from dataclasses import dataclass

from gpunet.backends import Array


@dataclass
class Batch:
    """Memory for n examples: X (n, features) and Y (n, outputs)."""

    n: int
    X: Array
    Y: Array

    def first(self, n: int) -> Batch:
        """Return the same memory for n examples or fewer (the last batch of an epoch)."""
        return self if n == self.n else Batch(n, self.X[:n, :], self.Y[:n, :])
