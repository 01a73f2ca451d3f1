"""Everything that needs a GPU, in one run of less than eight minutes from a plain checkout.

python scripts/gpu_check.py                  writes gpu-report.json and docs/gpu.md

It runs `gpunet doctor`, the tests marked gpu, `gpunet verify` and `gpunet bench`, and writes what
came of them, with device, driver, versions and commit.
Exit status 1 if no GPU is usable or anything failed.
"""

import datetime
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

MINUTES = {"doctor": 0.5, "tests": 3.5, "verify": 1, "bench": 3}
BATCHES = "128,full"
PEERS = "gpunet,gpunet-tf32,gpunet-split16,torch,torch-graph,jax"


def run_module(part: str, *arguments: str) -> tuple[int, str, str]:
    """Run ``python -m ...`` from the checkout; a run past its time is status 124."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    try:
        done = subprocess.run(  # noqa: S603 (our own modules)
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=60 * MINUTES[part],
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        out = error.stdout or b""
        return 124, out.decode() if isinstance(out, bytes) else out, "past its time"
    return done.returncode, done.stdout, done.stderr


def json_part(part: str, *arguments: str) -> dict[str, Any]:
    """Run a gpunet command with --json; without JSON, return what it said instead."""
    status, out, err = run_module(part, "gpunet", *arguments, "--json")
    try:
        return {"status": status, **json.loads(out)}
    except ValueError:
        return {"status": status, "message": err.strip() or out.strip()}


def tests() -> dict[str, Any]:
    """Run the GPU tests; a missing GPU fails them."""
    status, out, err = run_module(
        *("tests", "pytest", "-p", "gpunet.parity.plugin", "--require-gpu", "-m", "gpu"),
        *("-q", "--tb=short", "-p", "no:cacheprovider"),
    )
    lines = [line for line in (out + err).splitlines() if line.strip()]
    return {"status": status, "summary": lines[-1] if lines else "", "tail": lines[-40:]}


def bench(device: str, batches: str = BATCHES) -> dict[str, Any]:
    """Time steps in each precision beside the other libraries that are installed."""
    return json_part(
        *("bench", "bench", "--device", device, "--batch", batches),
        *("--peers", PEERS, "--rounds", "5", "--seconds", "0.2"),
    )


def commit() -> str:
    """Return the checkout's commit, marked where files differ from it."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],  # noqa: S607
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def page(report: dict[str, Any]) -> str:
    """Return docs/gpu.md."""
    doctor, verify = report["doctor"], report["verify"]
    versions = ", ".join(f"{name} {v}" for name, v in doctor.get("versions", {}).items())
    lines = [
        "# The latest run on a GPU",
        "",
        f"`python scripts/gpu_check.py`, {report['date']}, commit {report['commit']}, "
        f"{report['seconds']:.0f} s. {versions}.",
        "",
        "| check | result |",
        "|---|---|",
        f"| `gpunet doctor` | {doctor.get('verdict', doctor.get('message', ''))} |",
        f"| GPU tests | {report['tests']['summary']} |",
        f"| `gpunet verify` | {'passed' if verify.get('passed') else 'FAILED'}, "
        f"{len(verify.get('findings', []))} checks |",
        "",
        "Training steps of 784-196-1 in turn, medians; *products* are the matrix products alone:",
        "",
        "| batch | library | us a step | time by gpunet's |",
        "|---|---|---|---|",
    ]
    for workload in report["bench"].get("workloads", []):
        for row in workload["rows"]:
            if row["ms"] is None:
                said = f"{row['status']}: {row['message']} | |"
            else:
                said = f"{1e3 * row['ms']['median']:.1f} | {row['ratio']['median']:.2f} |"
            lines.append(f"| {workload['batch']} | {row['peer']} | {said}")
    if "workloads" not in report["bench"]:
        lines.append(f"| | | {report['bench'].get('message', '')} | |")
    return "\n".join(lines) + "\n"


@click.command()
@click.option("--device", default="cuda:0", show_default=True, help="Which GPU: cuda:N.")
@click.option("--out", default="gpu-report.json", show_default=True, type=click.Path())
@click.option("--docs/--no-docs", default=True, help="Write docs/gpu.md.", show_default=True)
def main(device: str, out: str, docs: bool) -> None:
    """Run all that needs a GPU and write one report."""
    from gpunet.files import write_atomically

    started = time.perf_counter()
    report: dict[str, Any] = {
        "device": device,
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit(),
        "doctor": json_part("doctor", "doctor", "--device", device),
    }
    usable = report["doctor"].get("usable") is True
    click.echo(f"doctor: {report['doctor'].get('verdict', report['doctor'])}")
    if usable:
        report["tests"] = tests()
        click.echo(f"tests: {report['tests']['summary']}")
        report["verify"] = json_part("verify", "verify", "--device", device)
        click.echo(f"verify: {'passed' if report['verify'].get('passed') else 'FAILED'}")
        report["bench"] = bench(device)
    report["seconds"] = time.perf_counter() - started
    report["passed"] = (
        usable and report["tests"]["status"] == 0 and report["verify"].get("passed") is True
    )
    write_atomically(out, json.dumps(report, indent=1) + "\n")
    if usable and docs:
        write_atomically(ROOT / "docs" / "gpu.md", page(report))
    click.echo(f"{'passed' if report['passed'] else 'FAILED'}; the report is in {out}")
    sys.exit(0 if report["passed"] else 1)


if __name__ == "__main__":
    main()
