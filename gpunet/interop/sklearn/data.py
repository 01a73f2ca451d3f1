"""Training examples: on the device, or sparse on the host, whose batches are uploaded one by one.

A batch of sparse rows is multiplied as a dense one: the same sums but for zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet.backends import Array, Backend


class Data:
    """What a network learns from.

    Args:
        backend, dtype: Where it goes, and the network's precision.
        X: (n, features), dense or a SciPy sparse matrix.
        Y: (n, outputs), booleans for classes, else floats.
        weights: (n,), what each example counts, or None.
    """

    def __init__(
        self, backend: Backend, dtype: str, X: Any, Y: NDArray, weights: NDArray | None
    ) -> None:
        self._backend = backend
        self.n, self.features = X.shape
        self.sparse = not isinstance(X, np.ndarray)
        if self.sparse:
            self._X: Any = X.tocsr().astype(dtype, copy=False)
        else:
            self._X = backend.share(np.ascontiguousarray(X, dtype))
        kept = "uint8" if Y.dtype == np.bool_ else dtype
        self._Y = backend.share(np.ascontiguousarray(Y, kept))
        self.weights = None if weights is None else np.asarray(weights, np.float64)

    def gather(self, rows: Array | slice, order: NDArray | slice, X: Array) -> None:
        """Fill X with the inputs of ``rows``, which the host knows as ``order``."""
        if self.sparse:
            self._backend.assign(X, self._X[order].toarray())
        else:
            self._backend.take(self._X, rows, 1.0, out=X)

    def gather_targets(self, rows: Array | slice, Y: Array) -> None:
        """Fill Y with the targets of ``rows``."""
        self._backend.take(self._Y, rows, 1.0, out=Y)
