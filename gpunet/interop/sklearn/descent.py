"""Gradient descent on the device: the network, its rule with its moments, and single steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet.backends import Array, Bound
from gpunet.interop.sklearn.devices import backend_for
from gpunet.interop.sklearn.losses import per_example
from gpunet.interop.sklearn.rules import BatchDecay
from gpunet.interop.sklearn.weights import Weights, device_weights, host_weights
from gpunet.nn.architecture import Architecture
from gpunet.nn.mlp import MLP
from gpunet.nn.products import products


class Descent:
    """A network that learns by steps; what goes on from one ``partial_fit`` to the next.

    It can be pickled: its arrays then travel as NumPy's, and go to the same device if there is one.

    Attributes:
        learning_rate: Of the coming steps.
        steps: How many have been taken.
    """

    def __init__(
        self,
        device: str,
        architecture: Architecture,
        rule: BatchDecay,
        learning_rate: float,
        precision: str = "float32",
        seed: int = 0,
    ) -> None:
        self.device, self.architecture, self.rule = device, architecture, rule
        self.learning_rate, self.precision, self.seed = float(learning_rate), precision, seed
        self.steps = 0
        self._allocate()

    def _allocate(self) -> None:
        self.backend = backend_for(self.device)
        a = self.architecture
        self.mlp = MLP(self.backend, a, self.seed)
        self.stepper = self.rule.start(
            self.backend, self.mlp.theta, self.mlp.grad, self.mlp.slices.weights
        )
        self._products = products(self.backend, self.precision, a.dtype, 1.0, integers=False)
        self.loss = self.backend.kernel(per_example(a.loss, a.sizes[-1], a.dtype))
        self._ws: Any = None
        self._bound: dict[tuple[int, bool], Bound] = {}

    def load(self, weights: Weights) -> None:
        """Start from these coefficients and intercepts."""
        device_weights(self.backend, self.mlp, weights)

    def read(self, out: Weights | None = None) -> Weights:
        """Return the coefficients and intercepts as NumPy arrays."""
        return host_weights(self.backend, self.mlp)

    def inputs(self, n: int, capacity: int) -> Array:
        """Return where the inputs (n, features) of the next step are to be put."""
        if self._ws is None or self._ws.n < capacity:
            self._ws = self.mlp.workspace(capacity, self._products)
            self._bound = {}
        return self._ws.first(n).X

    def step(
        self, Y: Array, scalars: Array, shares: Array | None, logits: Array, square: Array
    ) -> None:
        """Take a step from the inputs that have been put in their place.

        Args:
            Y: (n, outputs), the targets.
            scalars: The rule's, for this step.
            shares: (n, 1), what each example counts in the gradient; None: 1/n.
            logits: (n, outputs), filled.
            square: (1, 1), filled with |W|^2 before the step.
        """
        n = Y.shape[0]
        inputs = (Y, scalars) if shares is None else (Y, scalars, shares)
        bound = self._bound.get((n, shares is None))
        if bound is None:
            ws = self._ws.first(n)

            def work(Y: Array, scalars: Array, *rest: Array) -> None:
                *shares, logits, square = rest
                self._step(ws, Y, scalars, shares[0] if shares else None, logits, square)

            bound = self.backend.bind(work, inputs, (logits, square))
            self._bound[n, shares is None] = bound
        bound(inputs, (logits, square))

    def _step(
        self, ws: Any, Y: Array, scalars: Array, shares: Array, logits: Array, square: Array
    ) -> None:
        mlp, backend, weights = self.mlp, self.backend, self.mlp.slices.weights
        if self.rule.weight_decay:
            W = mlp.theta[:weights]
            row, column = backend.reshape(W, (1, weights)), backend.reshape(W, (weights, 1))
            backend.matmul(row, column, out=square)
        backend.parallel(mlp.passes(ws.X, Y, logits, ws, shares=shares))
        tasks = []
        for part, gradient in mlp.gradient_parts(ws.X, ws):

            def task(part: slice = part, gradient: Any = gradient) -> None:
                gradient()
                self.stepper.update(part, scalars)

            tasks.append(task)
        backend.parallel(tasks)
        mlp.count_step()

    def __getstate__(self) -> dict[str, Any]:
        kept = ("device", "architecture", "rule", "learning_rate", "precision", "seed", "steps")
        to_host = self.backend.to_numpy
        return {name: getattr(self, name) for name in kept} | {
            "theta": to_host(self.mlp.theta),
            "moments": [to_host(moment) for moment in self.stepper.moments],
            "masks": to_host(self.mlp.step),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        arrays: dict[str, Any] = {name: state.pop(name) for name in ("theta", "moments", "masks")}
        self.__dict__.update(state)
        self._allocate()
        self.backend.assign(self.mlp.theta, arrays["theta"])
        self.backend.assign(self.mlp.step, arrays["masks"])
        for moment, values in zip(self.stepper.moments, arrays["moments"], strict=True):
            self.backend.assign(moment, values)


def batch_weights(
    weights: NDArray | None, order: NDArray | None, batch_size: int, n: int
) -> tuple[NDArray | None, NDArray]:
    """Return what each example counts within its batch (n, 1), and each batch's weight (steps,).

    The first is None where all count the same. Both are in the epoch's ``order``.
    """
    starts = np.arange(0, n, batch_size)
    sizes = np.minimum(starts + batch_size, n) - starts
    if weights is None:
        return None, sizes.astype(np.float64)
    if order is not None:
        weights = weights[order]
    sums = np.add.reduceat(weights, starts)
    with np.errstate(all="ignore"):  # a batch without weight has no mean: the loss shows it
        return (weights / np.repeat(sums, sizes))[:, None], sums
