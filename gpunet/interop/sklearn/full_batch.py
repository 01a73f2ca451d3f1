"""The loss and its gradient over all examples, for SciPy's L-BFGS."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet.interop.sklearn.data import Data
from gpunet.interop.sklearn.devices import backend_of
from gpunet.interop.sklearn.losses import per_example
from gpunet.nn.architecture import Architecture
from gpunet.nn.mlp import MLP
from gpunet.nn.products import products


class FullBatch:
    """The objective as a function of one flat vector: coefficients first, then intercepts."""

    def __init__(
        self,
        device: str,
        architecture: Architecture,
        X: Any,
        Y: NDArray,
        weights: NDArray | None,
        alpha: float,
        precision: str = "float32",
        seed: int = 0,
    ) -> None:
        # As scikit-learn does, the sums are divided at the end: L-BFGS goes far on last bits.
        a, self._alpha = replace(architecture, reduction="sum"), alpha
        self._backend = backend = backend_of(device)
        self._mlp = MLP(backend, a, seed)
        data = Data(backend, a.dtype, X, Y, weights)
        n = data.n
        self._dtype = np.dtype(a.dtype)
        chosen = products(backend, precision, a.dtype, 1.0, integers=False)
        self._ws = self._mlp.workspace(n, chosen)
        data.gather(slice(0, n), slice(0, n), self._ws.X)
        data.gather_targets(slice(0, n), self._ws.Y)
        counts = np.ones(n) if data.weights is None else data.weights
        self._weight = float(counts.sum())
        self._counts = counts
        self._shares = None
        if weights is not None:
            self._shares = backend.array(counts[:, None], a.dtype)
        self._loss = backend.kernel(per_example(a.loss, a.sizes[-1], a.dtype))
        self._losses = backend.zeros((n, 1), a.dtype)
        self._bound = backend.bind(self._passes, (), ())

    def _passes(self) -> None:
        mlp, ws = self._mlp, self._ws
        self._backend.parallel(mlp.passes(ws.X, ws.Y, ws.logits, ws, shares=self._shares))
        self._backend.parallel([gradient for _, gradient in mlp.gradient_parts(ws.X, ws)])
        self._loss(ws.logits, ws.Y, out=self._losses)
        mlp.count_step()

    def __call__(self, theta: NDArray) -> tuple[float, NDArray]:
        """Return the loss and its gradient, both float64."""
        backend, mlp = self._backend, self._mlp
        rounded = theta.astype(self._dtype)
        backend.assign(mlp.theta, rounded)
        self._bound((), ())
        grad = backend.to_numpy(mlp.grad).astype(np.float64)
        losses = backend.to_numpy(self._losses)[:, 0]
        W = rounded[: mlp.slices.weights]
        grad[: len(W)] += self._alpha * W
        grad /= self._weight
        penalty = 0.5 * self._alpha * float(W @ W) / self._weight
        return float(np.average(losses, weights=self._counts)) + penalty, grad
