"""The comparison: every library in a process of its own, one after another, round by round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from gpunet.bench.job import Job
from gpunet.bench.process import Worker, WorkerError
from gpunet.bench.reference import disagreement, reference_losses
from gpunet.bench.registry import ENTRIES, OWN, PRODUCTS
from gpunet.bench.statistics import ratios, spread

# Compiling can take minutes; a worker that is silent for longer hangs.
SET_UP_SECONDS = 600.0
# How many times a round may take what it took at first, and some seconds for a busy machine.
SLOWER, BUSY_SECONDS = 10.0, 60.0

MEASURED, IMPOSSIBLE, WRONG, FAILED = (
    "measured",
    "not possible",
    "computes something else",
    "failed",
)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Timing:
    """How long to measure: ``rounds`` of about ``seconds`` each."""

    rounds: int = 7
    seconds: float = 0.4


@dataclass
class Row:
    """One library's result in one workload.

    Attributes:
        status: MEASURED, IMPOSSIBLE, WRONG or FAILED.
        message: What is to be said about it; "" if all went well.
        rounds_ms: Milliseconds a step, of each round.
        disagreement: Of its loss curve with the reference's, relatively.
        before_mb: Memory of the process when the library had been imported and checked.
        peak_mb, device_mb: The most memory held, on the host and on the device, where known.
    """

    peer: str
    version: str
    device: str
    status: str = MEASURED
    message: str = ""
    rounds_ms: list[float] | None = None
    epochs_per_round: int = 0
    disagreement: float | None = None
    before_mb: float | None = None
    peak_mb: float | None = None
    device_mb: float | None = None


class Comparison:
    """One workload: a job for all of the peers.

    Args:
        job: On the device that was asked for.
        n: Number of examples of the job.
        peers: Names in registry.PEERS.
        start: Starts a worker by its name; tests replace it.
        limit: Whether to measure the matrix products alone beside them.
    """

    def __init__(
        self,
        job: Job,
        n: int,
        peers: Sequence[str],
        timing: Timing,
        say: Say = lambda text: None,
        start: Callable[[str], Worker] = Worker,
        limit: bool = True,
    ) -> None:
        self.job, self.n, self.timing, self.say = job, n, timing, say
        self.steps = -(-n // (job.batch or n))
        self.start = start
        self.rows: dict[str, Row] = {}
        for name in (*peers, PRODUCTS) if limit else peers:
            entry = ENTRIES[name]
            row = self.rows[name] = Row(name, entry.version, entry.placed(job).device)
            row.message = entry.obstacle(job)
            row.status = IMPOSSIBLE if row.message else MEASURED
        self._workers: dict[str, Worker] = {}
        self._seconds: dict[str, float] = {}

    def run(self) -> dict[str, Any]:
        """Check, measure, and return the workload's part of the report."""
        with ExitStack() as stack:
            for name in self._live():
                self._workers[name] = stack.enter_context(self.start(name))
            self._check()
            self._build()
            self._rounds()
            for name in self._live():
                found = self._ask(name, "memory", BUSY_SECONDS)
                if found:
                    self.rows[name].peak_mb = found["peak_mb"]
                    self.rows[name].device_mb = found["device_mb"]
        return self.report()

    def _live(self) -> list[str]:
        return [name for name, row in self.rows.items() if row.status == MEASURED]

    def _ask(self, name: str, action: str, timeout: float, **arguments: Any) -> dict[str, Any]:
        """Return the worker's answer; an error becomes its row's result, and the answer is {}."""
        try:
            return self._workers[name].ask(action, timeout, **arguments)
        except WorkerError as error:
            self.rows[name].status, self.rows[name].message = FAILED, str(error)
            return {}

    def _job(self, name: str, job: Job) -> dict[str, Any]:
        return ENTRIES[name].placed(job).to_dict()

    def _check(self) -> None:
        """Sort out what does not train as the others do."""
        job = self.job.for_check(self.n)
        expected = reference_losses(job)
        for name in self._live():
            if name == PRODUCTS:
                continue
            self.say(f"{self.title}: checking {name}")
            found = self._ask(name, "check", SET_UP_SECONDS, job=self._job(name, job))
            if not found:
                continue
            row = self.rows[name]
            row.disagreement = disagreement(found["losses"], expected)
            if not row.disagreement <= ENTRIES[name].tolerance:
                row.status = WRONG
                row.message = (
                    f"its losses {_listed(found['losses'])} are not the reference's "
                    f"{_listed(expected)}"
                )

    def _build(self) -> None:
        for name in self._live():
            self.say(f"{self.title}: preparing {name}")
            job, seconds = self._job(name, self.job), self.timing.seconds
            found = self._ask(name, "build", SET_UP_SECONDS, job=job, seconds=seconds)
            if found:
                self.rows[name].epochs_per_round = found["epochs"]
                self.rows[name].before_mb = found["before_mb"]
                self._seconds[name] = found["seconds"]

    def _rounds(self) -> None:
        for number in range(self.timing.rounds):
            for name in self._live():
                self.say(f"{self.title}: round {number + 1} of {self.timing.rounds}, {name}")
                timeout = BUSY_SECONDS + SLOWER * self._seconds[name]
                found = self._ask(name, "round", timeout)
                if found:
                    row = self.rows[name]
                    row.rounds_ms = row.rounds_ms or []
                    row.rounds_ms.append(1e3 * found["seconds"] / self.steps)

    @property
    def title(self) -> str:
        """Return the workload in words."""
        return f"{self.job.name}, batch {self.job.batch or 'full'}"

    def report(self) -> dict[str, Any]:
        """Return the workload with a row for each library, JSON-ready."""
        limit = self._times(PRODUCTS)
        rows = []
        for name, row in self.rows.items():
            times = self._times(name)
            rows.append(
                {
                    **vars(row),
                    "ms": spread(times) if times else None,
                    "ratio": ratios(times, self._times(OWN)),
                    "of_limit": ratios(limit, times),
                }
            )
        products = rows.pop() if PRODUCTS in self.rows else {}
        rate = self.job.flops(self.n) / self.steps / products["ms"]["median"] if limit else None
        return {
            "network": self.job.name,
            "batch": self.job.batch or "full",
            "examples": self.n,
            "steps_per_epoch": self.steps,
            "momentum": self.job.momentum,
            "rows": rows,
            "products": products | {"gflops_per_s": rate / 1e6 if rate else None},
        }

    def _times(self, name: str) -> list[float]:
        row = self.rows.get(name)
        return (row.rounds_ms or []) if row and row.status == MEASURED else []


def _listed(losses: Sequence[float]) -> str:
    return ", ".join(f"{loss:.6f}" for loss in losses)
