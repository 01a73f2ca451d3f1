"""The parts of a report: workloads side by side, time to an accuracy, and gpunet's scaling."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from gpunet.bench.job import Job
from gpunet.bench.measure import (
    FAILED,
    IMPOSSIBLE,
    MEASURED,
    SET_UP_SECONDS,
    Comparison,
    Say,
    Timing,
)
from gpunet.bench.process import Worker, WorkerError
from gpunet.bench.registry import ENTRIES, OWN, PRODUCTS
from gpunet.bench.statistics import spread

Start = Callable[[str], Worker]

# A network of more parameters than this goes through fewer examples an epoch: an epoch would last
# for many seconds, and a round is a whole number of them.
LARGE_NETWORK, FEW_EXAMPLES = 10**6, 2048

LEARNERS = ("gpunet", "torch", "sklearn")
LEARNING_BATCH, LEARNING_RUNS, MOST_EPOCHS = 32, 3, 50

# The sweep: what is varied starts from this network, batch size and number of examples.
SWEEP_WIDTH, SWEEP_BATCH = 196, 128
BATCHES: tuple[int | None, ...] = (8, 32, 128, 512, 2048, None)
WIDTHS = (49, 196, 784, 3136)
EXAMPLES = (1_000, 4_000, 16_000, 64_000)


def workload(
    job: Job,
    peers: Sequence[str],
    timing: Timing,
    say: Say,
    start: Start = Worker,
) -> dict[str, Any]:
    """Measure one network and batch size with all peers."""
    n = job.examples or len(job.train())
    if (
        job.examples is None
        and job.batch is not None
        and sum(map(prod, job.shapes())) > LARGE_NETWORK
    ):
        n = min(n, max(FEW_EXAMPLES, 2 * job.batch))
        job = replace(job, examples=n)
    return Comparison(job, n, peers, timing, say, start).run()


def copy_bandwidth(device: str, start: Start = Worker) -> float | None:
    """Return how fast a large array is copied, in GB read and written per second."""
    job = Job((784, 1, 1), 1, device, examples=1)
    try:
        with start(PRODUCTS) as worker:
            found = worker.ask("copy_bandwidth", SET_UP_SECONDS, job=job.to_dict())
    except WorkerError:
        return None
    return float(found["gb_per_s"])


def to_accuracy(
    target: float, peers: Sequence[str], device: str, seed: int, say: Say, start: Start = Worker
) -> list[dict[str, Any]]:
    """Time the way from starting Python to a test accuracy on mnist58, for those who can."""
    job = Job((784, 196, 1), LEARNING_BATCH, device, seed)
    rows: list[dict[str, Any]] = []
    for name in (name for name in LEARNERS if name in peers):
        message = ENTRIES[name].obstacle(job)
        rows.append(
            {
                "peer": name,
                "version": ENTRIES[name].version,
                "status": IMPOSSIBLE if message else MEASURED,
                "message": message,
                "runs_s": [],
            }
        )
    for number in range(LEARNING_RUNS):
        for row in rows:
            if row["status"] != MEASURED:
                continue
            say(f"to accuracy {target}: run {number + 1} of {LEARNING_RUNS}, {row['peer']}")
            placed = ENTRIES[row["peer"]].placed(job).to_dict()
            began = time.perf_counter()
            try:
                with start(row["peer"]) as worker:
                    found = worker.ask(
                        *("learn", SET_UP_SECONDS), job=placed, target=target, epochs=MOST_EPOCHS
                    )
                    seconds = time.perf_counter() - began
            except WorkerError as error:
                row |= {"status": FAILED, "message": str(error)}
                continue
            row |= {"accuracy": found["accuracy"], "epochs": found["epochs"]}
            if found["reached"]:
                row["runs_s"].append(seconds)
            else:
                message = f"accuracy {found['accuracy']:.4f} after {found['epochs']} epochs"
                row |= {"status": FAILED, "message": message}
    for row in rows:
        row["seconds"] = spread(row["runs_s"]) if row["status"] == MEASURED else None
    return rows


def sweep(device: str, seed: int) -> list[tuple[str, Job]]:
    """Return what is varied and the job, for each point of the scaling."""
    jobs = [
        *(("batch", Job((784, SWEEP_WIDTH, 1), batch)) for batch in BATCHES),
        *(("width", Job((784, width, 1), SWEEP_BATCH)) for width in WIDTHS),
        *(("examples", Job((784, SWEEP_WIDTH, 1), SWEEP_BATCH, examples=n)) for n in EXAMPLES),
    ]
    return [(varied, replace(job, device=device, seed=seed)) for varied, job in jobs]


def scaling(
    points: Sequence[tuple[str, Job]], timing: Timing, say: Say, start: Start = Worker
) -> list[dict[str, Any]]:
    """Measure gpunet alone, each point in a process of its own."""
    rows = []
    for varied, job in points:
        n = job.examples or len(job.train())
        row: dict[str, Any] = {
            "varied": varied,
            "network": job.name,
            "batch": job.batch or "full",
            "examples": n,
            "steps_per_epoch": -(-n // (job.batch or n)),
            "status": MEASURED,
            "message": "",
        }
        say(f"scaling, {varied}: {job.name}, batch {row['batch']}, {n:,} examples")
        try:
            with start(OWN) as worker:
                limit = SET_UP_SECONDS
                built = worker.ask("build", limit, job=job.to_dict(), seconds=timing.seconds)
                times = [worker.ask("round", limit)["seconds"] for _ in range(timing.rounds)]
                row |= worker.ask("memory", limit) | {"before_mb": built["before_mb"]}
        except WorkerError as error:
            rows.append(row | {"status": FAILED, "message": str(error)})
            continue
        row["epoch_ms"] = spread([1e3 * t for t in times])
        row["ms"] = spread([1e3 * t / row["steps_per_epoch"] for t in times])
        rows.append(row)
    return rows
