"""gpunet alone: microseconds a step by the device's clock, beside the host's.

python -m gpu_check_parts.alone DEVICE [EXAMPLES]
"""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import Any

from gpu_check_parts.runs import PRECISIONS, start, timed
from gpu_check_parts.telling import attempt, number
from gpunet import get_backend
from gpunet.bench.job import Job
from gpunet.training import Training

NETWORKS = ((784, 196, 1), (784, 196, 10))
BATCHES = (128, None, 32, 1024)
SECONDS, MOST_EPOCHS = 0.15, 2000


def measure(job: Job, backend: Any, precision: str) -> dict[str, Any]:
    """Return microseconds a step.

    Returns:
        device_us: By events around epochs of steps that are replayed, and their losses.
        host_us: Until the host has submitted them.
        wall_us: Of whole epochs as ``fit`` runs them: shuffling, uploads and reading losses too.
    """
    run = start(job, backend, precision)
    run.advance(3)  # compiles; captures; replays
    began = time.perf_counter()
    run.advance(1)
    epochs = max(1, min(MOST_EPOCHS, int(SECONDS / (time.perf_counter() - began))))
    began = time.perf_counter()
    run.advance(epochs)
    wall = time.perf_counter() - began
    steps = epochs * run.steps_per_epoch
    clocks = timed(backend, job.device_number, lambda: replay(run, epochs))
    return {
        "network": job.name,
        "precision": precision,
        "batch": job.batch or "full",
        "steps": steps,
        "wall_us": 1e6 * wall / steps,
        **{
            name: value / steps if isinstance(value, float) else value
            for name, value in clocks.items()
            if name != "wall_us"
        },
    }


def replay(run: Training, epochs: int) -> None:
    """Take the steps of so many epochs, in one order, and wait for nothing."""
    for _ in range(epochs):
        for chunk in range(len(run.epochs.chunks)):
            run.epochs.train(chunk, None, chunk)


def main(device: str, examples: str = "") -> None:
    """Tell of every network, precision and batch size."""
    backend = get_backend(device)
    for network in NETWORKS:
        for precision in PRECISIONS:
            for batch in BATCHES:
                if batch and examples and batch > int(examples):
                    continue
                job = Job(network, batch, backend.device, examples=number(examples))
                attempt(
                    f"{job.name} {precision} batch {batch or 'full'}",
                    partial(measure, job, backend, precision),
                )


if __name__ == "__main__":
    main(*sys.argv[1:])
