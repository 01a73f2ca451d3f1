"""An epoch as scikit-learn goes through it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gpunet.backends import Work
from gpunet.interop.sklearn.data import Data
from gpunet.interop.sklearn.descent import Descent, batch_weights

# Examples whose logits are collected before they are made into losses.
SCORED_TOGETHER = 8192


class Epochs:
    """The epochs of one call of ``fit``, or the one of ``partial_fit``.

    Args:
        descent, data: What learns, and from what.
        batch_size: At most the number of examples.
    """

    def __init__(self, descent: Descent, data: Data, batch_size: int) -> None:
        self.descent, self.data, self.batch_size = descent, data, batch_size
        backend, n, a = descent.backend, data.n, descent.architecture
        self._steps = -(-n // batch_size)
        self._together = max(1, SCORED_TOGETHER // batch_size)
        scored, outputs = min(n, self._together * batch_size), a.sizes[-1]
        descent.inputs(batch_size, batch_size)
        self._order = backend.zeros((n,), "int64")
        self._host_order: NDArray | None = None
        self._shares = None if data.weights is None else backend.zeros((n, 1), a.dtype)
        self._targets = backend.zeros((scored, outputs), a.dtype)
        self._logits = backend.zeros((scored, outputs), a.dtype)
        self._losses = backend.zeros((n, 1), a.dtype)
        self._squares = backend.zeros((self._steps, 1), a.dtype)
        self._scalars = backend.zeros((self._steps, descent.rule.scalar_count), a.dtype)
        self._captured: dict[int, Work] = {}

    def run(self, order: NDArray | None) -> float:
        """Train for an epoch, in this order of the examples, and return its loss.

        It is what scikit-learn reports: the mean over the examples of their batches' mean losses,
        each with its L2 term, before the step that the batch led to.
        """
        descent, backend, n = self.descent, self.descent.backend, self.data.n
        shares, weights = batch_weights(self.data.weights, order, self.batch_size, n)
        with np.errstate(divide="ignore"):
            per_weight = 1.0 / weights
        first = descent.steps + 1
        scalars = [
            (*descent.rule.scalars(descent.learning_rate, first + step), per_weight[step])
            for step in range(self._steps)
        ]
        backend.assign(self._scalars, np.array(scalars, descent.architecture.dtype))
        if shares is not None:
            backend.assign(self._shares, shares.astype(descent.architecture.dtype))
        self._host_order = order
        if order is not None:
            backend.assign(self._order, order)
        for chunk in range(0, self._steps, self._together):
            self._chunk(range(chunk, min(chunk + self._together, self._steps)))
        descent.steps += self._steps
        return self._loss(shares, weights, per_weight)

    def _chunk(self, steps: range) -> None:
        capturing = self.descent.backend.captures and not self.data.sparse
        if not capturing or self._host_order is None:
            self._go(steps)
            return
        if steps.start not in self._captured:
            self._captured[steps.start] = self.descent.backend.capture(lambda: self._go(steps))
        self.descent.mlp.turns.take(self._captured[steps.start])

    def _go(self, steps: range) -> None:
        start = steps.start * self.batch_size
        stop = min(steps.stop * self.batch_size, self.data.n)
        host_order, descent = self._host_order, self.descent
        shuffled = host_order is not None
        here = slice(start, stop)
        targets = self._targets[: stop - start, :]
        self.data.gather_targets(self._order[here] if shuffled else here, targets)
        for step in steps:
            rows = slice(step * self.batch_size, min((step + 1) * self.batch_size, stop))
            n, local = rows.stop - rows.start, slice(rows.start - start, rows.stop - start)
            X = descent.inputs(n, self.batch_size)
            on_host = rows if host_order is None else host_order[rows]
            self.data.gather(self._order[rows] if shuffled else rows, on_host, X)
            descent.step(
                self._targets[local, :],
                self._scalars[step, :],
                None if self._shares is None else self._shares[rows, :],
                self._logits[local, :],
                self._squares[step : step + 1, :],
            )
        logits = self._logits[: stop - start, :]
        descent.losses(logits, targets, out=self._losses[here, :])

    def _loss(self, shares: NDArray | None, weights: NDArray, per_weight: NDArray) -> float:
        to_numpy, n = self.descent.backend.to_numpy, self.data.n
        losses, squares = to_numpy(self._losses), to_numpy(self._squares)[:, 0]
        starts = np.arange(0, n, self.batch_size)
        sizes = np.minimum(starts + self.batch_size, n) - starts
        with np.errstate(all="ignore"):  # a loss that overflows shows in its value
            if shares is None:
                means = np.add.reduceat(losses[:, 0], starts) / sizes
            else:
                means = np.add.reduceat((losses * shares)[:, 0], starts)
            penalties = 0.5 * self.descent.rule.weight_decay * squares * per_weight
            return float(((means + penalties) * sizes).sum() / n)
