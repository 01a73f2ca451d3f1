"""A computation small enough to ask any device for, with a known result."""

from __future__ import annotations

import numpy as np

from gpunet.backends.base import Array, LaunchBackend
from gpunet.backends.diagnosis.failures import DiagnosedError, Failure


class Probe:
    """Submits a kernel, a product and two sums; ``check`` waits for them and compares."""

    def __init__(self, backend: LaunchBackend) -> None:
        self.backend = backend
        self.x = backend.array(np.arange(6.0).reshape(2, 3), "float32")
        self.doubled = backend.zeros((2, 3), "float32")
        self._submitted: list[tuple[str, Array, list]] = []

    def kernel(self) -> None:
        """Double x with a kernel compiled from a formula; the product needs it."""
        double = self.backend.kernel(lambda xp, x: xp.tanh(x) * 0.0 + 2.0 * x)
        double(self.x, out=self.doubled)
        self._submitted.append(("kernel", self.doubled, [[0.0, 2.0, 4.0], [6.0, 8.0, 10.0]]))

    def product(self) -> None:
        """Multiply x by the doubled x, reshaped."""
        product = self.backend.zeros((2, 2), "float32")
        self.backend.matmul(self.x, self.backend.reshape(self.doubled, (3, 2)), out=product)
        self._submitted.append(("product", product, [[20.0, 26.0], [56.0, 80.0]]))

    def reduction(self) -> None:
        """Sum down the columns and along the rows."""
        for axis, expected in enumerate(([3.0, 5.0, 7.0], [3.0, 12.0])):
            total = self.backend.zeros((len(expected),), "float32")
            self.backend.sum(self.x, axis=axis, out=total)
            self._submitted.append(("sum", total, expected))

    def check(self) -> None:
        """Wait for the device; raises DiagnosedError for a wrong result."""
        self.backend.synchronize()
        for name, result, expected in self._submitted:
            if self.backend.to_numpy(result).tolist() != expected:
                raise DiagnosedError(
                    Failure.WRONG_RESULT,
                    f"{self.backend.device} computes a small {name} wrongly; check its memory",
                )


def probe(backend: LaunchBackend) -> None:
    """Run a small kernel and a small product and wait for both; whatever fails, raises."""
    small = Probe(backend)
    small.kernel()
    small.product()
    small.check()
