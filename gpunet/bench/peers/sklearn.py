"""scikit-learn's MLPClassifier, one epoch for each call of partial_fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from gpunet.bench.job import LEARNING_RATE, SCALE, Job
from gpunet.bench.peers.base import Looped


class Sklearn(Looped):
    """It takes an epoch's examples in one piece: they are gathered and scaled before each."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.model = MLPClassifier(
            job.network[1:-1],
            activation="logistic",
            solver="sgd",
            alpha=0.0,
            batch_size=2,
            learning_rate_init=LEARNING_RATE,
            momentum=job.momentum,
            nesterovs_momentum=False,
            shuffle=False,  # the epoch's order is given
            random_state=0,
        )
        self.gathered = np.empty_like(self.data.X)
        self.X = np.multiply(self.data.X, SCALE, dtype=np.float32)
        self.y = self.data.y
        self._start()

    def _start(self) -> None:
        """Let one step of two examples create its arrays, then replace what it has learnt."""
        outputs = np.arange(len(self.data.classes))
        self.model.partial_fit(self.X[:2], self.y[:2], classes=outputs)
        self.model.set_params(batch_size=self.job.batch or self.n)
        weights = self.job.weights()
        self.model.coefs_ = [W for W, _ in weights]
        self.model.intercepts_ = [b for _, b in weights]
        del self.model._optimizer  # the next epoch makes a new one, for these

    def epoch(self, order: NDArray) -> float:
        """Go through the examples in mini-batches."""
        np.take(self.data.X, order, axis=0, out=self.gathered, mode="clip")
        np.multiply(self.gathered, SCALE, out=self.X, dtype=np.float32)
        self.model.partial_fit(self.X, self.y[order])
        return float(self.model.loss_)

    def full_batch(self) -> float:
        """Take one step."""
        self.model.partial_fit(self.X, self.y)
        return float(self.model.loss_)

    def classes(self, X: NDArray) -> NDArray:
        """Return the predicted classes."""
        found: NDArray = self.model.predict(np.multiply(X, SCALE, dtype=np.float32))
        return found
