"""What a library has to do to be measured."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import Any

from numpy.typing import NDArray

from gpunet.bench.job import Job


class Peer(ABC):
    """One library, set up for one job.

    Attributes:
        job, data: What to train on; ``data.X`` is uint8 (n, 784).
        n: How many examples there are.
    """

    def __init__(self, job: Job) -> None:
        self.job, self.data = job, job.train()
        self.n = len(self.data)

    @abstractmethod
    def train(self, epochs: int) -> list[float]:
        """Train so many epochs more; return their mean losses once all work is done."""

    def seconds(self, epochs: int) -> float:
        """Train so many epochs more; return how long one took."""
        started = time.perf_counter()
        self.train(epochs)
        return (time.perf_counter() - started) / epochs

    def classes(self, X: NDArray) -> NDArray:
        """Return the class numbers (n,) that the network gives to pixels (n, 784)."""
        raise NotImplementedError(f"{type(self).__name__} is not asked for classes")

    def device_peak(self) -> float | None:
        """Return the most device memory that the library has held, in MB, where it can tell."""
        return None


class Looped(Peer):
    """A library whose epochs are a loop of ours, in the order that all of them get."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._epochs = 0

    def train(self, epochs: int) -> list[float]:
        """Train so many epochs more."""
        losses = []
        for _ in range(epochs):
            if self.job.batch is None:
                losses.append(self.full_batch())
            else:
                losses.append(self.epoch(self.job.order(self._epochs, self.n)))
            self._epochs += 1
        # On a device the losses are read only here: reading waits for all that came before.
        return [float(loss) for loss in losses]

    @abstractmethod
    def epoch(self, order: NDArray) -> Any:
        """Go through the examples in this order (n,) in mini-batches; return the mean loss."""

    @abstractmethod
    def full_batch(self) -> Any:
        """Take one step on all examples; return the loss."""
