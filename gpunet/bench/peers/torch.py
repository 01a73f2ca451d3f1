"""PyTorch, step by step (eager)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gpunet.bench.job import LEARNING_RATE, SCALE, Job
from gpunet.bench.peers.base import Looped


class Torch(Looped):
    """A Sequential of Linear layers, its loss from the logits, and the fused SGD."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.device = torch.device(job.device)
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
        self.X = torch.from_numpy(self.data.X).to(self.device)
        if job.batch is None:  # all examples at once: scaled once, and kept
            self.X = self.X.to(torch.float32).mul_(SCALE)
        self.criterion: Any
        if job.binary:
            targets = torch.from_numpy(self.data.targets.astype(np.float32))
            self.criterion = torch.nn.BCEWithLogitsLoss()
        else:
            targets = torch.from_numpy(self.data.y)
            self.criterion = torch.nn.CrossEntropyLoss()
        self.Y = targets.to(self.device)
        self.model = self._model().to(self.device)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), LEARNING_RATE, job.momentum, fused=True
        )
        self.total = torch.zeros((), device=self.device)

    def _model(self) -> Any:
        layers: list[Any] = []
        for W, b in self.job.weights():
            linear = torch.nn.Linear(*W.shape)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(W.T.copy()))
                linear.bias.copy_(torch.from_numpy(b))
            layers += [linear, torch.nn.Sigmoid()]
        return torch.nn.Sequential(*layers[:-1])

    def loss(self, rows: Any) -> Any:
        """Return the mean loss of these rows, gathered and scaled first."""
        X = self.X.index_select(0, rows).to(torch.float32).mul_(SCALE)
        return self.criterion(self.model(X), self.Y.index_select(0, rows))

    def full_loss(self) -> Any:
        """Return the mean loss of all examples."""
        return self.criterion(self.model(self.X), self.Y)

    def update(self, loss: Any) -> Any:
        """Take the step, and return the loss without its graph."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def epoch(self, order: NDArray) -> Any:
        """Go through the examples in mini-batches."""
        return self.batches(torch.from_numpy(order).to(self.device)).clone()

    def batches(self, order: Any) -> Any:
        """Take a step for each mini-batch; return the mean loss, in memory that is used again."""
        self.total.zero_()
        for rows in order.split(self.job.batch):
            self.total.add_(self.update(self.loss(rows)), alpha=len(rows) / self.n)
        return self.total

    def full_batch(self) -> Any:
        """Take one step."""
        return self.update(self.full_loss())

    def classes(self, X: NDArray) -> NDArray:
        """Return the predicted classes."""
        with torch.inference_mode():
            Z = self.model(torch.from_numpy(X).to(self.device).to(torch.float32).mul_(SCALE))
            found = (Z[:, 0] > 0) if self.job.binary else Z.argmax(dim=1)
        classes: NDArray = found.cpu().numpy().astype(np.int64)
        return classes

    def device_peak(self) -> float | None:
        """Return the peak of PyTorch's allocator, in MB."""
        if self.device.type != "cuda":
            return None
        return float(torch.cuda.max_memory_allocated(self.device)) / 1e6
