"""What a part is: a command with a bound, and what its end means."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from gpu_check_parts.process import Run

Results = list[dict[str, Any]]
Failures = list[dict[str, str]]  # each {"name", "message"}


def results_of(text: str) -> Results:
    """Return the JSON objects that a command has printed: all of its output, or one a line."""
    for pieces in ([text], text.splitlines()):
        found = []
        for piece in pieces:
            with suppress(ValueError):
                found.append(json.loads(piece))
        if objects := [result for result in found if isinstance(result, dict)]:
            return objects
    return []


def told_failures(run: Run) -> Failures:
    """Return the results that have a key "failure", whose value says what is wrong."""
    return [
        {"name": str(result.get("name", "")), "message": str(result["failure"])}
        for result in results_of(run.output.out)
        if result.get("failure")
    ]


@dataclass(frozen=True)
class Part:
    """One part of the check.

    Attributes:
        name: Of the part; of one of several alike, "peers/torch/128".
        command: What to run; it prints JSON objects, a line each, as soon as it has them.
        seconds: Its bound.
        least: With less time than this left it is not begun.
        modules: Python modules without which it cannot run.
        needs_gpu: Whether it is pointless where no GPU is usable.
        tells_usable: Whether it is one that finds this out.
        interrupt: So many seconds before its bound it is asked to end by itself.
        log: The file for all that it prints; "" for none.
        writes: Other files that it writes beside the report; an earlier run's are removed.
        environment: What to add to the environment.
        failures: Returns what has failed, from what has been printed (and written) by its end.
        counts: Returns figures about it from all that it has printed.
    """

    name: str
    command: Sequence[str]
    seconds: float
    least: float = 5.0
    modules: tuple[str, ...] = ()
    needs_gpu: bool = True
    tells_usable: bool = False
    interrupt: float = 0.0
    log: str = ""
    writes: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    failures: Callable[[Run], Failures] = told_failures
    counts: Callable[[str], Mapping[str, int]] | None = None

    def outcome(self, run: Run) -> tuple[str, Failures]:
        """Return how it went, "passed", "failed" or "past its time", and all its failures."""
        failures = self.failures(run)
        last = run.output.tail[-1] if run.output.tail else "it has printed nothing"
        if run.late:
            said = "\n".join(run.output.tail) or last
            message = f"no end within {self.bound(run):.0f} s; the last that it printed:\n{said}"
            return "past its time", [*failures, {"name": self.name, "message": message}]
        if run.status != 0 and not failures:
            ended = f"ended with status {run.status}"
            if run.status is not None and run.status < 0:
                ended = f"was ended by signal {-run.status}"
            failures = [{"name": self.name, "message": f"{ended}: {last}"}]
        return ("failed" if failures else "passed"), failures

    def bound(self, run: Run) -> float:
        """Return within how many seconds it should have ended."""
        return min(self.seconds, run.seconds)
