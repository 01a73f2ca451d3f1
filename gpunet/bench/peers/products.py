"""The matrix products of a step and nothing else: what the hardware leaves as a limit."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np

from gpunet.backends import LaunchBackend, get_backend
from gpunet.bench.job import Job
from gpunet.bench.peers.base import Peer
from gpunet.training.epochs import chunks_of

COPIED_BYTES = 96 * 10**6  # more than caches hold
# A GPU copies that in the time of some launches; this takes it milliseconds.
COPIED_ON_GPU = 4 * 10**9


class Products(Peer):
    """Z = A W and dW = A^T dZ of each layer, and dA = dZ W^T of all but the first, float32.

    On a CPU with all threads of the BLAS and with one: which is faster depends on the size and on
    what else the machine does. On a GPU an epoch's products are one graph, as a launch from Python
    takes longer than a small product.
    """

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.backend = backend = get_backend(job.device)
        assert isinstance(backend, LaunchBackend)
        # NumPy's own product, not gpunet's choice of threads for it.
        self.matmul: Any = backend.matmul if backend.name != "numpy" else np.matmul
        self.W = [self.backend.array(W, "float32") for W, _ in job.weights()]
        self.dW = [self._filled(W.shape) for W in self.W]
        rows = min(job.batch or self.n, self.n)
        self.A, self.dZ, self.spare = (
            [self._filled((rows, size)) for size in job.network] for _ in range(3)
        )
        batch = job.batch or self.n
        self._works = [
            self.backend.capture(partial(self._steps, chunk, batch))
            for chunk in chunks_of(self.n, batch)
        ]

    def _filled(self, shape: tuple[int, ...], dtype: str = "float32") -> Any:
        """Return ones: memory of zeros that nobody has written to need not be there at all."""
        return self.backend.array(np.ones(shape, dtype), dtype)

    def seconds(self, epochs: int) -> float:
        """Return how long an epoch's products took: the quicker of all threads and one."""
        if self.job.device != "cpu":
            return super().seconds(epochs)
        from threadpoolctl import threadpool_limits

        half = max(1, epochs // 2)
        with threadpool_limits(1, "blas"):
            one = super().seconds(half)
        return min(one, super().seconds(half))

    def _step(self, rows: int) -> None:
        matmul = self.matmul
        for l, W in enumerate(self.W):  # noqa: E741 (the textbook's layer l)
            A, dZ = self.A[l][:rows, :], self.dZ[l + 1][:rows, :]
            matmul(A, W, out=self.spare[l + 1][:rows, :])
            matmul(A.T, dZ, out=self.dW[l])
            if l:
                matmul(dZ, W.T, out=self.spare[l][:rows, :])

    def _steps(self, steps: range, batch: int) -> None:
        for step in steps:
            self._step(min(batch, self.n - step * batch))

    def train(self, epochs: int) -> list[float]:
        """Compute the products of so many epochs; there is no loss."""
        for _ in range(epochs):
            for work in self._works:
                work()
        self.backend.synchronize()
        return []

    def copy_bandwidth(self) -> float:
        """Return the speed of copying a large array, in GB read and written per second."""
        if self.backend.name == "cupy":
            size = min(COPIED_ON_GPU, device_memory_free(self.backend.xp, self.job) // 4)
            source, target = (self.backend.zeros((size,), "uint8") for _ in range(2))
        else:
            size = COPIED_BYTES
            source, target = (self._filled((size,), "uint8") for _ in range(2))
        times = []
        for _ in range(7):
            started = time.perf_counter()
            self.backend.assign(target, source)
            self.backend.synchronize()
            times.append(time.perf_counter() - started)
        return 2 * size / min(times) / 1e9


def device_memory_free(cupy: Any, job: Job) -> int:
    """Return how many bytes are free on the job's GPU."""
    with cupy.cuda.Device(job.device_number):
        return int(cupy.cuda.runtime.memGetInfo()[0])
