"""PyTorch with torch.compile."""

from __future__ import annotations

import torch

from gpunet.bench.job import Job
from gpunet.bench.peers.torch import Torch


class TorchCompile(Torch):
    """The forward pass with gather, scaling and loss compiled as one, and its backward pass.

    The last batch of an epoch has another size: both are compiled, each for its own shape, which
    runs faster than code for any shape.
    """

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        compiler = {"fullgraph": True, "dynamic": False}
        self.loss = torch.compile(self.loss, **compiler)  # type: ignore[method-assign]
        self.full_loss = torch.compile(self.full_loss, **compiler)  # type: ignore[method-assign]
