"""Predictions on the device."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet.interop.sklearn.devices import backend_for
from gpunet.interop.sklearn.weights import Weights, device_weights
from gpunet.nn.architecture import Architecture
from gpunet.nn.mlp import MLP

# Examples at once: their activations stay in the cache, or at least in memory.
PREDICTED_TOGETHER = 4096


class Forward:
    """A network's forward pass, whatever the weights; what it has allocated is not pickled."""

    def __init__(self) -> None:
        self._made_for: tuple[str, Architecture] | None = None

    def __reduce__(self) -> tuple[type[Forward], tuple[()]]:
        return Forward, ()

    def _get_ready(self, device: str, architecture: Architecture) -> None:
        if self._made_for != (device, architecture):
            self._backend = backend_for(device)
            self._mlp = MLP(self._backend, architecture, 0)
            self._batch: Any = None
            self._outputs: Any = None
            self._made_for = device, architecture

    def __call__(
        self, device: str, architecture: Architecture, weights: Weights, X: Any
    ) -> NDArray:
        """Return the outputs (n, outputs) for X (n, features), dense or sparse."""
        self._get_ready(device, architecture)
        backend, mlp, dtype = self._backend, self._mlp, architecture.dtype
        device_weights(backend, mlp, weights)
        sparse, n = not isinstance(X, np.ndarray), X.shape[0]
        X = X.tocsr() if sparse else np.ascontiguousarray(X, dtype)
        together = min(n, PREDICTED_TOGETHER)
        if self._batch is None or self._batch.n < together:
            self._batch = mlp.batch(together)
            self._outputs = mlp.zeros(together, architecture.sizes[-1])
        outputs = np.empty((n, architecture.sizes[-1]), dtype)
        for start in range(0, n, together):
            rows = slice(start, min(start + together, n))
            batch = self._batch.first(rows.stop - start)
            inputs = X[rows].toarray().astype(dtype, copy=False) if sparse else X[rows]
            backend.assign(batch.X, inputs)
            A = self._outputs[: batch.n, :]
            mlp.predict(batch.X, A)
            outputs[rows] = backend.to_numpy(A)
        return outputs
