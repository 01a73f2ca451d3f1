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
    """A network's forward pass, whatever its weights are at the time."""

    def __init__(self, device: str, architecture: Architecture) -> None:
        self.device, self.architecture = device, architecture
        self._backend = backend_for(device)
        self._mlp = MLP(self._backend, architecture, 0)
        self._ws: Any = None

    def __call__(self, weights: Weights, X: Any) -> NDArray:
        """Return the outputs (n, outputs) for X (n, features), dense or sparse."""
        backend, mlp, a = self._backend, self._mlp, self.architecture
        device_weights(backend, mlp, weights)
        sparse, n = not isinstance(X, np.ndarray), X.shape[0]
        X = X.tocsr() if sparse else np.ascontiguousarray(X, a.dtype)
        together = min(n, PREDICTED_TOGETHER)
        if self._ws is None or self._ws.n < together:
            self._ws = mlp.workspace(together)
        outputs = np.empty((n, a.sizes[-1]), a.dtype)
        for start in range(0, n, together):
            rows = slice(start, min(start + together, n))
            ws = self._ws.first(rows.stop - start)
            batch = X[rows].toarray().astype(a.dtype, copy=False) if sparse else X[rows]
            backend.assign(ws.X, batch)
            outputs[rows] = backend.to_numpy(mlp.predict(ws.X, ws))
        return outputs
