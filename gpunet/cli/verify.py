"""gpunet verify."""

from __future__ import annotations

import platform
import time
from dataclasses import asdict
from importlib import metadata
from importlib.util import find_spec
from typing import Any

import click

from gpunet import __version__
from gpunet.backends import Backend, get_backend
from gpunet.cli.completion import Device
from gpunet.cli.options import output_options, print_json, seed_option
from gpunet.errors import DeviceError
from gpunet.files import write_atomically
from gpunet.parity.bounds_backend import PRECISIONS, Precision
from gpunet.parity.lockstep import PRECISION_CONTROLS
from gpunet.parity.verify import (
    Finding,
    FreeRun,
    free_run,
    subject_name,
    verify_derivatives,
    verify_subject,
)

PARTS = {
    "formulas": "every verb and formula",
    "lockstep": "training, step by step",
    "repetition": "the same bits twice",
    "control": "planted errors caught",
}
GRADED = ("formulas", "lockstep")


@click.command()
@click.option(
    "--device",
    type=Device(),
    default="auto",
    show_default=True,
    metavar="auto|cpu|cuda|cuda:N",
    help="What to verify besides the CPU; auto takes a GPU if one is usable.",
)
@click.option("--junit", type=click.Path(), metavar="FILE", help="Write a JUnit XML report too.")
@seed_option()
@output_options
def verify(device: str, junit: str | None, seed: int, as_json: bool, quiet: bool) -> None:
    """Prove that each device computes what the formulas say.

    Every formula, and training step by step, is compared with a float64 reference; how far a
    result may be off comes from error analysis. Planted errors have to be caught, and two runs
    have to give the same bits. Exit status 1 if anything is out of bounds.
    """
    started = time.perf_counter()
    subjects, remark = choose_subjects(device)
    if not (quiet or as_json):
        click.echo(remark, err=True)
    findings: list[Finding] = list(verify_derivatives(seed))
    runs: list[FreeRun] = []
    for backend, precision in subjects:
        if not (quiet or as_json):
            click.echo(f"verifying {subject_name(backend, precision)} ...", err=True)
        findings += verify_subject(backend, precision, seed)
        runs.append(free_run(backend, precision, seed))
    bad = [finding for finding in findings if not finding.passed]
    if junit:
        write_atomically(junit, junit_xml(findings))
    if as_json:
        print_json(
            {
                "passed": not bad,
                "first_bad": bad[0].to_dict() if bad else None,
                "remark": remark,
                "findings": [finding.to_dict() for finding in findings],
                "free_runs": [asdict(run) for run in runs],
                "subjects": [backend.describe() for backend, _ in subjects],
                "settings": {b.device: b.settings() for b, _ in subjects if b.settings()},
                "seed": seed,
                "seconds": time.perf_counter() - started,
                "versions": versions(),
            }
        )
    else:
        _show(findings, runs, remark)
    if bad:
        click.get_current_context().exit(1)


def choose_subjects(device: str) -> tuple[list[tuple[Backend, Precision]], str]:
    """Return the backends and precisions to verify, and what is to be said about a GPU.

    NumPy's float64 is the reference and cannot be verified against itself.
    """
    single, double = PRECISIONS["float32"], PRECISIONS["float64"]
    subjects: list[tuple[Backend, Precision]] = [(get_backend("cpu"), single)]
    if find_spec("array_api_strict") is not None:
        import array_api_strict

        subjects += [(get_backend(xp=array_api_strict), p) for p in (single, double)]
    if device == "cpu":
        return subjects, "no GPU was tested: --device cpu"
    try:
        gpu = get_backend("cuda" if device == "auto" else device)
    except DeviceError as error:
        if device != "auto":
            raise
        return subjects, f"no GPU was tested: {error}"
    subjects += [(gpu, single), (gpu, double)]
    if gpu.tensor_cores:
        subjects += [(gpu, PRECISIONS[name]) for name in PRECISION_CONTROLS]
    return subjects, f"testing {gpu.describe()}"


def versions() -> dict[str, str]:
    """Return the versions of all that has a part in the results."""
    found = {"gpunet": __version__, "python": platform.python_version()}
    found["platform"] = platform.platform()
    for package in ("numpy", "array-api-strict", "cupy-cuda12x", "cupy-cuda13x"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def junit_xml(findings: list[Finding]) -> bytes:
    """Return the findings as a JUnit report: one test suite for each device and precision."""
    from xml.etree import ElementTree

    root = ElementTree.Element("testsuites", name="gpunet verify")
    suites: dict[str, Any] = {}
    for finding in findings:
        if finding.subject not in suites:
            suites[finding.subject] = ElementTree.SubElement(
                root, "testsuite", name=finding.subject
            )
        case = ElementTree.SubElement(
            suites[finding.subject], "testcase", classname=finding.part, name=finding.name
        )
        if not finding.passed:
            message = f"{finding.detail}; {finding.ratio:.3g} times its bound"
            ElementTree.SubElement(case, "failure", message=message)
    for subject, suite in suites.items():
        own = [finding for finding in findings if finding.subject == subject]
        suite.set("tests", str(len(own)))
        suite.set("failures", str(sum(not finding.passed for finding in own)))
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _show(findings: list[Finding], runs: list[FreeRun], remark: str) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    derivatives = [finding for finding in findings if finding.part == "derivatives"]
    right = sum(finding.passed for finding in derivatives)
    console.print(f"derivatives against central differences: {right} of {len(derivatives)}\n")
    for run in runs:
        table = Table(title=run.subject, title_justify="left")
        for column in ("check", "passed", "error / bound", "largest in"):
            table.add_column(column)
        for part, meaning in PARTS.items():
            own = [f for f in findings if (f.subject, f.part) == (run.subject, part)]
            if not own:  # the formulas are verified in the device's own precisions only
                continue
            passed = sum(finding.passed for finding in own)
            colour = "green" if passed == len(own) else "bold red"
            worst = max(own, key=lambda finding: finding.ratio)
            # A control has to be out of bounds, and of repetition there is no more or less.
            figures = (f"{worst.ratio:.3f}", worst.detail) if part in GRADED else ("", "")
            table.add_row(meaning, f"[{colour}]{passed} of {len(own)}[/]", *figures)
        console.print(table)
        growth = ", ".join(f"{g:.1e}" for g in run.growth)
        console.print(
            f"running free for {len(run.growth)} epochs, the parameters drift from float64's by "
            f"{growth} of their norm; test accuracy {run.accuracy:.4f}, float64's "
            f"{run.reference_accuracy:.4f}\n"
        )
    bad = [finding for finding in findings if not finding.passed]
    for finding in bad:
        console.print(
            f"WRONG: {finding.subject}, {finding.part}, {finding.name}: {finding.detail}, "
            f"{finding.ratio:.3g} times its bound",
            style="bold red",
            markup=False,
        )
    console.print(remark, markup=False)
    verdict = f"{len(bad)} of {len(findings)} checks failed" if bad else "verified"
    console.print(f"{verdict} ({len(findings)} checks)", style="bold")
