"""One training step, launched kernel by kernel, between a profiler's marks.

ncu --profile-from-start off ... python -m gpu_check_parts.step DEVICE
"""

from __future__ import annotations

import sys

import cupy

from gpu_check_parts.runs import start
from gpu_check_parts.telling import tell
from gpunet import get_backend
from gpunet.bench.job import Job
from gpunet.training import Callback

STEPS, PROFILED = 4, 3  # the first compile


class OneStep(Callback):
    """Watches every step, so that none is part of a graph, and has the profiler watch one."""

    def on_batch_end(self, epoch: int, batch: int) -> None:
        """Begin before the step that is profiled, end after it."""
        if batch == PROFILED - 1:
            cupy.cuda.runtime.deviceSynchronize()
            cupy.cuda.runtime.profilerStart()
        elif batch == PROFILED:
            cupy.cuda.runtime.deviceSynchronize()
            cupy.cuda.runtime.profilerStop()


def main(device: str) -> None:
    """Take some steps."""
    batch = 128
    job = Job((784, 196, 1), batch, device, examples=STEPS * batch)
    run = start(job, get_backend(device), "float32", callbacks=[OneStep()])
    run.advance(1)
    tell("one eager step", batch=batch, loss=run.history.loss[-1])


if __name__ == "__main__":
    main(sys.argv[1])
