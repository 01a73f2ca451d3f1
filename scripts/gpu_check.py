"""Everything that needs a GPU, in one command of at most nine minutes, from a plain checkout.

python scripts/gpu_check.py                      writes gpu-report/report.json, gpu.md and logs
python scripts/gpu_check.py --only smoke,tests   some parts
python scripts/gpu_check.py --wheels wheels/     with wheels of what the machine lacks

The parts run in the order of their worth, each in a process of its own and within its own time,
and the report is written again after each: what hangs, crashes or fills the disk spoils no other.
The exit status is 1 if anything failed or no GPU is usable, 2 for wrong usage.

This script and its part of gpu_check_parts need nothing but the standard library (hence argparse,
where gpunet's own commands take click): on a machine without a module it has to be able to say so.
"""

from __future__ import annotations

import argparse
import datetime
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

from gpu_check_parts.modules import STAND_INS, find_missing, install
from gpu_check_parts.parts import all_parts, chosen, missing_tools
from gpu_check_parts.report import Report
from gpu_check_parts.schedule import check

SCRIPTS = Path(__file__).resolve().parent
ROOT = SCRIPTS.parent


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what is asked for; wrong usage ends the program with status 2."""
    parser = argparse.ArgumentParser(description="Run all that needs a GPU, and report.")
    add = parser.add_argument
    add("--device", default="cuda:0", metavar="cuda:N", help="which GPU [default: cuda:0]")
    add("--out", type=Path, metavar="DIR",
        help="folder for the report [default: $OUT, else gpu-report]")  # fmt: skip
    add("--wheels", type=Path, metavar="DIR", help="install the wheels in it first, for this run")
    add(
        "--only",
        type=names,
        default=[],
        metavar="A,B",
        help="these parts, such as smoke,peers/torch",
    )
    add("--skip", type=names, default=[], metavar="A,B", help="all parts but these")
    add("--budget", type=float, default=540.0, metavar="SECONDS",
        help="for everything; what does not fit is left out [default: 540]")  # fmt: skip
    add("--examples", type=int, metavar="N",
        help="time training on the first N only, on a slow device [default: all]")  # fmt: skip
    add("--profile", action="store_true", help="ncu and compute-sanitizer too, where they are")
    chosen = parser.parse_args(arguments)
    if not re.fullmatch(r"cuda:\d+", chosen.device):
        parser.error(f"--device {chosen.device}: expected cuda:N, such as cuda:0")
    if not chosen.budget > 0:
        parser.error(f"--budget {chosen.budget}: expected a number of seconds above 0")
    if chosen.examples is not None and chosen.examples < 2:
        parser.error(f"--examples {chosen.examples}: expected at least 2")
    if chosen.wheels is not None and not chosen.wheels.is_dir():
        parser.error(f"--wheels {chosen.wheels}: expected a folder with wheels in it")
    chosen.out = (chosen.out or Path(os.environ.get("OUT") or "gpu-report")).resolve()
    if chosen.out.exists() and not chosen.out.is_dir():
        parser.error(f"--out {chosen.out}: expected a folder; this is a file")
    chosen.error = parser.error
    return chosen


def names(text: str) -> list[str]:
    """Return what stands between the commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def say(text: str) -> None:
    """Print at once; a reader that has gone is no reason to stop."""
    try:
        print(text, flush=True)
    except OSError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (until the end)


def commit() -> str:
    """Return the checkout's commit, marked where files differ from it; nothing there is touched."""

    def git(*arguments: str) -> str:
        return subprocess.run(  # noqa: S603 (fixed commands)
            ["git", "--no-optional-locks", "-C", str(ROOT), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
            timeout=5,
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=12", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def environment(folders: Sequence[Path]) -> dict[str, str]:
    """Return the parts' environment: this checkout, and these folders, before all else."""
    path = [str(ROOT), str(SCRIPTS), *map(str, folders), os.environ.get("PYTHONPATH", "")]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",  # what hangs says where when it is ended
    }


@contextmanager
def installed(wheels: Path | None) -> Iterator[tuple[list[Path], dict[str, Any]]]:
    """Install wheels for this run; provide the folders to look for modules in, and what was said.

    Of a module that is still missing, it is said what that costs.
    """
    facts: dict[str, Any] = {}
    with ExitStack() as stack:
        folders = []
        if wheels is not None:
            try:
                target = stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True))
                done, bad = install(wheels, Path(target))
                folders.append(Path(target))
            except OSError as error:  # the disk is full, say
                done, bad = [], {str(wheels): str(error)}
            facts |= {"wheels": done, "bad_wheels": bad}
            say(f"installed for this run: {', '.join(done) or 'nothing'}")
            for name, why in bad.items():
                say(f"NOT installed: {name}: {why}")
        facts["missing"] = find_missing(folders)
        for name, cost in facts["missing"].items():
            say(f"missing: {name}: {cost}")
        if "threadpoolctl" in facts["missing"]:
            folders.append(STAND_INS)
        yield folders, facts


def main(arguments: Sequence[str]) -> int:
    """Run the parts; return the exit status."""
    started = time.monotonic()
    asked = options(arguments)
    parts = all_parts(asked.device, asked.out, str(asked.examples or ""))
    try:
        wanted, left_out = chosen(parts, asked.only, asked.skip, asked.profile)
    except ValueError as error:
        asked.error(str(error))
    with installed(asked.wheels) as (folders, facts):
        known = {
            "command": shlex.join(["python", "scripts/gpu_check.py", *arguments]),
            "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "commit": commit(),
            "device": asked.device,
            "budget_s": asked.budget,
        }
        report = Report(asked.out, known | facts, say)
        try:
            check(
                wanted,
                report,
                left=lambda: asked.budget - (time.monotonic() - started),
                missing=missing_tools(facts["missing"]),
                environment=environment(folders),
                folder=ROOT,
            )
        except KeyboardInterrupt:
            report.interrupt()
    report.conclude(left_out)
    return 0 if report.passed else 1


def interrupt(number: int, frame: object) -> NoReturn:
    """Do for other signals what Ctrl-C does: end the part at hand, and save."""
    raise KeyboardInterrupt


def run() -> NoReturn:
    """Do what the command line says."""
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), interrupt)
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # before the first part
        sys.exit(130)


if __name__ == "__main__":
    run()
