"""PyTorch with the work of a whole epoch recorded as one CUDA graph."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray

from gpunet.bench.job import Job
from gpunet.bench.peers.torch import Torch


class TorchGraph(Torch):
    """Every step of an epoch in one graph; what changes between epochs is the order alone."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.order = torch.arange(self.n, device=self.device)
        initial = [parameter.detach().clone() for parameter in self.model.parameters()]
        # Libraries allocate their workspaces on first use, and the optimizer its velocities: both
        # have to happen before the recording, on another stream than the default one.
        stream = torch.cuda.Stream(self.device)
        stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(stream):
            for _ in range(3):
                self._work()
        torch.cuda.current_stream(self.device).wait_stream(stream)
        self.graph = torch.cuda.CUDAGraph()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.cuda.graph(self.graph):
            self.result = self._work()
        self._restart(initial)

    def _work(self) -> Any:
        return super().full_batch() if self.job.batch is None else self.batches(self.order)

    def _restart(self, initial: list[Any]) -> None:
        """Undo the steps of the warm-up, in place: the graph has the addresses."""
        with torch.no_grad():
            for parameter, value in zip(self.model.parameters(), initial, strict=True):
                parameter.copy_(value)
        for state in self.optimizer.state.values():
            if state.get("momentum_buffer") is not None:
                state["momentum_buffer"].zero_()

    def epoch(self, order: NDArray) -> Any:
        """Go through the examples in mini-batches."""
        self.order.copy_(torch.from_numpy(order))
        return self.full_batch()

    def full_batch(self) -> Any:
        """Run the graph."""
        self.graph.replay()
        return self.result.clone()
