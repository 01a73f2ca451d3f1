"""The loss curve that every library has to show: the run in plain float64 NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gpunet.bench.job import CHECK_EPOCHS, LEARNING_RATE, Job

# How far an epoch's mean loss may be off, relatively. Float32 rounds each operation by 6e-8; over
# the steps of the check that came to at most 5e-7, with every library and network tried. A learning
# rate off by 1 % or another order of the examples make more than ten times the difference allowed.
TOLERANCE = 5e-5


def disagreement(found: Sequence[float], expected: Sequence[float]) -> float:
    """Return the largest relative difference of two loss curves; infinite if one has a gap."""
    if len(found) != len(expected) or not np.isfinite(found).all():
        return float("inf")
    return float(np.max(np.abs(np.divide(found, expected) - 1)))


def reference_losses(job: Job, epochs: int = CHECK_EPOCHS) -> list[float]:
    """Return each epoch's mean loss, computed plainly in float64."""
    data = job.train()
    X, Y = data.arrays("float64")
    layers = [[W.astype(float), b.astype(float)] for W, b in job.weights()]
    velocities = [[np.zeros_like(W), np.zeros_like(b)] for W, b in layers]
    n, losses = len(X), []
    for epoch in range(epochs):
        order = np.arange(n) if job.batch is None else job.order(epoch, n)
        total = 0.0
        for start in range(0, n, job.batch or n):
            rows = order[start : start + (job.batch or n)]
            A = [X[rows]]
            for W, b in layers[:-1]:
                A.append(1 / (1 + np.exp(-(A[-1] @ W + b))))
            Z = A[-1] @ layers[-1][0] + layers[-1][1]
            loss, dZ = crossentropy(Z, Y[rows])
            total += loss
            for layer in reversed(range(len(layers))):
                W = layers[layer][0]
                gradients = (A[layer].T @ dZ, dZ.sum(axis=0))
                if layer:
                    dZ = dZ @ W.T * A[layer] * (1 - A[layer])
                for k, gradient in enumerate(gradients):  # of W and of b
                    v = job.momentum * velocities[layer][k] - LEARNING_RATE * gradient / len(rows)
                    velocities[layer][k] = v
                    layers[layer][k] = layers[layer][k] + v
        losses.append(total / n)
    return losses


def crossentropy(Z: NDArray, Y: NDArray) -> tuple[float, NDArray]:
    """Return the sum of the losses of logits Z, and dZ = A - Y."""
    if Z.shape[1] == 1:
        loss = np.logaddexp(0, Z) - Y * Z
        return float(loss.sum()), 1 / (1 + np.exp(-Z)) - Y
    log_sum = np.logaddexp.reduce(Z, axis=1, keepdims=True)
    return float((Y * (log_sum - Z)).sum()), np.exp(Z - log_sum) - Y
