"""A whole benchmark: its settings, and the report that comes of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from gpunet.backends import Backend
from gpunet.bench import machine, parts
from gpunet.bench.job import Job, training_data
from gpunet.bench.measure import MEASURED, Say, Timing
from gpunet.bench.process import Worker
from gpunet.bench.registry import PEERS
from gpunet.errors import ArgumentError


@dataclass(frozen=True)
class Settings:
    """What to measure.

    Attributes:
        networks, batches: Each network is measured with each batch size (None: all examples).
        peers: Names in registry.PEERS.
        rounds, seconds: How many rounds, of about how many seconds each.
        seed: Of the weights and of the order of the examples.
        examples: The first so many of the training set; None for all.
        data_dir: Folder with the ten digits of MNIST; None for classes made up from two.
        side_by_side: Whether to compare the libraries step by step.
        to_accuracy: A test accuracy to time the way to; None for leaving this out.
        scaling: Whether to measure gpunet alone over batch sizes, widths, numbers of examples.
    """

    networks: tuple[tuple[int, ...], ...]
    batches: tuple[int | None, ...]
    peers: tuple[str, ...]
    rounds: int = 7
    seconds: float = 0.4
    seed: int = 0
    examples: int | None = None
    data_dir: str | None = None
    side_by_side: bool = True
    to_accuracy: float | None = None
    scaling: bool = False

    def check(self) -> None:
        """Refuse a batch that is larger than the data; raises ArgumentError, DataError."""
        for network in self.networks if self.side_by_side else ():
            n = self.examples or len(training_data(network[-1], self.data_dir))
            for batch in self.batches:
                if batch is not None and batch > n:
                    raise ArgumentError(
                        f"--batch {batch} is more than the {n} examples for the network "
                        f"{'-'.join(map(str, network))}; choose a smaller one, or full"
                    )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return asdict(self) | {
            "networks": ["-".join(map(str, sizes)) for sizes in self.networks],
            "batches": [batch or "full" for batch in self.batches],
        }


def run(
    settings: Settings,
    backend: Backend,
    say: Say = lambda text: None,
    start: Callable[[str], Worker] = Worker,
) -> dict[str, Any]:
    """Measure everything; return the report, JSON-ready.

    Raises:
        ArgumentError: A batch larger than the data.
    """
    settings.check()
    started = time.perf_counter()
    timing, device = Timing(settings.rounds, settings.seconds), backend.device
    report: dict[str, Any] = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": machine.commit(),
        "machine": machine.describe(),
        "device": backend.describe(),
        "versions": machine.versions(),
        "settings": settings.to_dict(),
        "missing": missing(),
        "copy_gb_per_s": parts.copy_bandwidth(device, start),
        "workloads": [],
        "to_accuracy": [],
        "scaling": [],
    }
    for network in settings.networks if settings.side_by_side else ():
        for batch in settings.batches:
            job = Job(network, batch, device, settings.seed, settings.examples, settings.data_dir)
            report["workloads"].append(parts.workload(job, settings.peers, timing, say, start))
    if settings.to_accuracy is not None:
        report["to_accuracy"] = parts.to_accuracy(
            settings.to_accuracy, settings.peers, device, settings.seed, say, start
        )
    if settings.scaling:
        report["scaling"] = parts.scaling(parts.sweep(device, settings.seed), timing, say, start)
    report["seconds"] = time.perf_counter() - started
    return report


def missing() -> dict[str, str]:
    """Return the remedy for each library that is not installed."""
    return {
        name: f"pip install {entry.package}" for name, entry in PEERS.items() if not entry.installed
    }


def anything_measured(report: dict[str, Any]) -> bool:
    """Return whether the report has a single figure of a library."""
    rows = [row for workload in report["workloads"] for row in workload["rows"]]
    return any(
        row["status"] == MEASURED for row in (*rows, *report["to_accuracy"], *report["scaling"])
    )
