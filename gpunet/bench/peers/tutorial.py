"""The program of the tutorials: columns are examples, float64, new arrays at every step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gpunet.bench.job import LEARNING_RATE, Job
from gpunet.bench.peers.base import Peer


def sigmoid(Z: NDArray) -> NDArray:
    """Return 1 / (1 + exp(-Z))."""
    return 1 / (1 + np.exp(-Z))


class Tutorial(Peer):
    """A network with one hidden layer and one output, on all examples at once."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.X = self.data.X.T / 255
        self.Y = self.data.targets.T.astype(float)
        (W1, b1), (W2, b2) = job.weights()
        self.W1, self.b1 = W1.T.astype(float), b1[:, None].astype(float)
        self.W2, self.b2 = W2.T.astype(float), b2[:, None].astype(float)

    def train(self, epochs: int) -> list[float]:
        """Take so many steps more, each on all examples."""
        return [self._step() for _ in range(epochs)]

    def _step(self) -> float:
        X, Y, m = self.X, self.Y, self.n
        A1 = sigmoid(np.dot(self.W1, X) + self.b1)
        A2 = sigmoid(np.dot(self.W2, A1) + self.b2)
        cost = -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m

        dZ2 = A2 - Y
        dW2 = np.dot(dZ2, A1.T) / m
        db2 = np.sum(dZ2, axis=1, keepdims=True) / m
        dZ1 = np.dot(self.W2.T, dZ2) * A1 * (1 - A1)
        dW1 = np.dot(dZ1, X.T) / m
        db1 = np.sum(dZ1, axis=1, keepdims=True) / m

        self.W1 = self.W1 - LEARNING_RATE * dW1
        self.b1 = self.b1 - LEARNING_RATE * db1
        self.W2 = self.W2 - LEARNING_RATE * dW2
        self.b2 = self.b2 - LEARNING_RATE * db2
        return float(cost)
