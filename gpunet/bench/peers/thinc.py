"""Thinc: a chain of its layers, on its NumPy operations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from thinc.api import Linear, Sigmoid, Softmax, chain

from gpunet.bench.job import LEARNING_RATE, SCALE, Job
from gpunet.bench.peers.base import Looped

TINY = 1e-30  # a probability that has been rounded to 0 is given a finite loss


class Thinc(Looped):
    """A batch at a time; Thinc's SGD knows no momentum, so it is added here."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        output: Any = Linear if job.binary else Softmax
        layers: list[Any] = [Sigmoid(b, a) for a, b in job.shapes()[:-1]]
        layers.append(output(job.network[-1], job.network[-2]))
        self.model: Any = chain(*layers)
        self.model.initialize()
        for layer, (W, b) in zip(layers, job.weights(), strict=True):
            layer.set_param("W", np.ascontiguousarray(W.T))
            layer.set_param("b", b)
        self.velocities: dict[Any, NDArray] = {}
        self.Y = self.data.targets.astype(np.float32)
        if job.batch is None:  # all examples at once: scaled once, and kept
            self.X = np.multiply(self.data.X, SCALE, dtype=np.float32)

    def sgd(self, key: Any, W: NDArray, dW: NDArray) -> tuple[NDArray, NDArray]:
        """Update a parameter in place; return it, and its gradient set to zero."""
        dW *= LEARNING_RATE
        if self.job.momentum:
            v = self.velocities.setdefault(key, np.zeros_like(W))
            v *= self.job.momentum
            v += dW
            W -= v
        else:
            W -= dW
        dW.fill(0.0)
        return W, dW

    def step(self, X: NDArray, Y: NDArray) -> float:
        """Take one step; return the sum of the losses."""
        outputs, backpropagate = self.model.begin_update(X)
        if self.job.binary:
            A = 1 / (1 + np.exp(-outputs))
            losses = np.logaddexp(0, outputs) - Y * outputs
        else:
            A = outputs
            losses = -Y * np.log(np.maximum(A, TINY))
        backpropagate((A - Y) / np.float32(len(X)))
        self.model.finish_update(self.sgd)
        return float(losses.sum())

    def epoch(self, order: NDArray) -> float:
        """Go through the examples in mini-batches."""
        total, batch = 0.0, self.job.batch or self.n
        for start in range(0, self.n, batch):
            rows = order[start : start + batch]
            X = np.multiply(self.data.X[rows], SCALE, dtype=np.float32)
            total += self.step(X, self.Y[rows])
        return total / self.n

    def full_batch(self) -> float:
        """Take one step."""
        return self.step(self.X, self.Y) / self.n
