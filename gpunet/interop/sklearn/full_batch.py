"""The loss and its gradient over all examples, for SciPy's L-BFGS."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet.backends import Array
from gpunet.interop.sklearn.data import Data
from gpunet.interop.sklearn.devices import backend_of
from gpunet.interop.sklearn.losses import per_example
from gpunet.kernels.expression import BATCH, FLOAT
from gpunet.nn.architecture import Architecture
from gpunet.nn.mlp import MLP
from gpunet.program.rewrites.precision import check_precision, precision_rules


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
        self._batch = self._mlp.batch(n)
        data.gather(slice(0, n), slice(0, n), self._batch.X)
        data.gather_targets(slice(0, n), self._batch.Y)
        counts = np.ones(n) if data.weights is None else data.weights
        self._weight = float(counts.sum())
        self._counts = counts
        self._shares = None
        if weights is not None:
            self._shares = backend.array(counts[:, None], a.dtype)
        self._losses = self._mlp.zeros(n, 1)
        check_precision(precision, a.dtype, integers=False)
        self._per_example = per_example(a.loss, a.sizes[-1], a.dtype)
        specs = {name: spec for name, spec in self._mlp.specs.items() if name != "Z"}
        if weights is not None:
            specs["share"] = ((BATCH, 1), FLOAT)
        self._run = self._mlp.compile(self._text, specs, n, precision_rules(precision, backend))
        self._bound = backend.bind(self._passes, (), ())

    def _text(
        self, xp: Any, theta: Array, X: Array, Y: Array, share: Any, step: Array
    ) -> dict[str, Array]:
        logits, grad = self._mlp.perceptron.gradient(xp, theta, X, Y, share, step)
        results = {"grad": grad, "losses": self._per_example(xp, logits, Y)}
        return results | ({"step": step + 1} if self._mlp.perceptron.dropout else {})

    def _passes(self) -> None:
        mlp, batch = self._mlp, self._batch
        values = {"theta": mlp.theta, "X": batch.X, "Y": batch.Y, "step": mlp.step}
        values |= {"share": mlp.share(batch.n) if self._shares is None else self._shares}
        self._run(batch.n, values | {"grad": mlp.grad, "losses": self._losses})

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
