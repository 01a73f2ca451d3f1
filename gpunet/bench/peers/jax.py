"""JAX: an epoch is one compiled scan over its batches."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from gpunet.bench.job import LEARNING_RATE, SCALE, Job
from gpunet.bench.peers.base import Looped


class Jax(Looped):
    """Parameters and velocities are donated, so that they are updated in place."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        # Else XLA may compute float32 products in TF32 on a GPU, with a thousandth of the digits.
        jax.config.update("jax_default_matmul_precision", "highest")
        platform = "cpu" if job.device == "cpu" else "cuda"
        self.device = jax.devices(platform)[job.device_number]
        self.X = self._put(self.data.X)
        if job.batch is None:  # all examples at once: scaled once, and kept
            self.X = self.X.astype(jnp.float32) * SCALE
        self.Y = self._put(self.data.targets.astype(np.float32))
        parameters = [(self._put(W), self._put(b)) for W, b in job.weights()]
        velocities = jax.tree.map(jnp.zeros_like, parameters)
        self.state = (parameters, velocities)
        self._epoch = jax.jit(self._batches, donate_argnums=0)
        self._full = jax.jit(self._step, donate_argnums=0)

    def _put(self, host: NDArray) -> Any:
        return jax.device_put(host, self.device)

    def _loss(self, parameters: Any, X: Any, Y: Any) -> Any:
        A = X
        for W, b in parameters[:-1]:
            A = jax.nn.sigmoid(A @ W + b)
        W, b = parameters[-1]
        Z = A @ W + b
        if self.job.binary:
            return jnp.mean(jax.nn.softplus(Z) - Y * Z)
        return -jnp.mean(jnp.sum(Y * jax.nn.log_softmax(Z), axis=1))

    def _step(self, state: Any, X: Any, Y: Any) -> Any:
        parameters, velocities = state
        loss, gradients = jax.value_and_grad(self._loss)(parameters, X, Y)
        if not self.job.momentum:
            update = jax.tree.map(lambda p, g: p - LEARNING_RATE * g, parameters, gradients)
            return (update, velocities), loss
        velocities = jax.tree.map(
            lambda v, g: self.job.momentum * v - LEARNING_RATE * g, velocities, gradients
        )
        return (jax.tree.map(jnp.add, parameters, velocities), velocities), loss

    def _gathered_step(self, state: Any, rows: Any, X: Any, Y: Any) -> Any:
        return self._step(state, X[rows].astype(jnp.float32) * SCALE, Y[rows])

    def _batches(self, state: Any, order: Any, X: Any, Y: Any) -> Any:
        """Scan over the full batches, then the rest; return the mean loss too."""
        batch = self.job.batch or self.n
        whole = self.n // batch * batch
        state, losses = lax.scan(
            lambda state, rows: self._gathered_step(state, rows, X, Y),
            state,
            order[:whole].reshape(-1, batch),
        )
        total = losses.sum() * batch
        if whole < self.n:
            state, loss = self._gathered_step(state, order[whole:], X, Y)
            total += loss * (self.n - whole)
        return state, total / self.n

    def epoch(self, order: NDArray) -> Any:
        """Go through the examples in mini-batches."""
        rows = self._put(order.astype(np.int32))
        self.state, loss = self._epoch(self.state, rows, self.X, self.Y)
        return loss

    def full_batch(self) -> Any:
        """Take one step."""
        self.state, loss = self._full(self.state, self.X, self.Y)
        return loss

    def device_peak(self) -> float | None:
        """Return the peak of XLA's allocator, in MB."""
        stats = self.device.memory_stats()
        return float(stats["peak_bytes_in_use"]) / 1e6 if stats else None
