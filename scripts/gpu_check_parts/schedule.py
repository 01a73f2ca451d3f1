"""The parts one after the other, in the time that there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from gpu_check_parts.part import Part
from gpu_check_parts.process import run
from gpu_check_parts.report import Report

# Kept back from the budget: to end what hangs, and to save.
RESERVE_SECONDS = 6.0


def check(
    parts: Sequence[Part],
    report: Report,
    *,
    left: Callable[[], float],
    missing: Mapping[str, str],
    environment: Mapping[str, str],
    folder: Path,
) -> None:
    """Run the parts; each is saved before the next begins.

    Args:
        parts: In their order.
        report: Gets what comes of them.
        left: Returns how many seconds of the budget are left.
        missing: Modules that are not there.
        environment: For all parts.
        folder: Where they run.
    """
    for part in parts:
        time_left = left() - RESERVE_SECONDS
        why = obstacle(part, report, time_left, missing)
        if why:
            report.leave_out(part, why)
            continue
        bound = min(part.seconds, time_left)
        report.say(f"{part.name}: at most {bound:.0f} s ...")
        report.begin(part, bound)
        done = run(
            part.command,
            bound,
            {**environment, **part.environment},
            folder,
            interrupt=min(part.interrupt, bound / 4),
            progress=partial(report.progress, part),
        )
        report.finish(part, done)


def obstacle(part: Part, report: Report, time_left: float, missing: Mapping[str, str]) -> str:
    """Return why a part is not to be run; "" if it is."""
    absent = [module for module in part.modules if module in missing]
    if absent:
        return f"{' and '.join(absent)} missing"
    if part.needs_gpu and report.usable is False:
        return "no usable GPU"
    if time_left < part.least:
        return f"{max(0.0, time_left):.0f} s left of the budget, and it needs {part.least:.0f}"
    return ""
