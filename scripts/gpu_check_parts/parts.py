"""Which parts there are, in the order of their worth."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from gpu_check_parts.junit import counts, failures_of
from gpu_check_parts.part import Failures, Part, results_of
from gpu_check_parts.process import Run

PEERS = (
    *("gpunet", "products", "gpunet-tf32", "gpunet-split16"),
    *("torch-graph", "torch", "jax", "torch-compile"),
)
PEER_BATCHES = ("128", "full")
# What each may take, and what it takes at least, mostly to import the library and to compile.
PEER_SECONDS, COMPILERS_SECONDS = (45.0, 15.0), {"torch-compile": (90.0, 40.0)}
TESTS_SECONDS, JUNIT_SECONDS = 240.0, 10.0
WHOLE_RUNS = ("tests/training/test_fit.py", "tests/backends/test_same_bits.py")
METRICS = (
    *("gpu__time_duration.sum", "dram__bytes_read.sum", "dram__bytes_write.sum"),
    *("launch__registers_per_thread", "launch__grid_size", "launch__block_size"),
    "sm__throughput.avg.pct_of_peak_sustained_elapsed",
    "gpu__dram_throughput.avg.pct_of_peak_sustained_elapsed",
)
# Where NVIDIA's installers put their tools without putting them on the path.
TOOL_FOLDERS = ("/usr/local/cuda*/bin", "/opt/nvidia/nsight-compute/*", "/usr/local/bin")


def own(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of this folder."""
    return [sys.executable, "-m", f"gpu_check_parts.{module}", *arguments]


def all_parts(device: str, out: Path, examples: str = "") -> list[Part]:
    """Return all parts.

    Args:
        device: "cuda:N".
        out: Where pytest's report goes.
        examples: How many to train on where times are measured; "" for all.
    """
    number = device.partition(":")[2] or "0"
    doctor = [sys.executable, "-m", "gpunet", "doctor", "--device", device, "--json"]
    return [
        Part("versions", own("versions"), 20, needs_gpu=False),
        Part("smoke", own("smoke", device, examples), 40, needs_gpu=False, tells_usable=True),
        Part("doctor", [*doctor, "--timeout", "25"], 30, needs_gpu=False, tells_usable=True,
             modules=("click",), failures=doctors_failure),
        Part("alone", own("alone", device, examples), 60, least=10),
        Part("verify", own("verify", device), 120, least=20),
        gpu_tests(number, out),
        *(
            Part(f"peers/{peer}/{batch}", own("peer", device, peer, batch, examples),
                 *COMPILERS_SECONDS.get(peer, PEER_SECONDS), modules=modules_of(peer))
            for batch in PEER_BATCHES
            for peer in PEERS
        ),
        *profiles(device, number),
    ]  # fmt: skip


def doctors_failure(run: Run) -> Failures:
    """Return doctor's verdict and remedy, if the GPU is not usable."""
    return [
        {"name": "verdict", "message": f"{found['verdict']}; to mend it: {found['remedy']}"}
        for found in results_of(run.output.out)
        if found.get("usable") is False
    ]


def pytest(*arguments: str) -> list[str]:
    """Return the command that runs the GPU tests, with no plugins but those that they need."""
    return [
        *(sys.executable, "-m", "pytest", "-p", "gpunet.parity.plugin"),
        *("-p", "_hypothesis_pytestplugin", "-p", "no:cacheprovider"),
        *("--require-gpu", "-m", "gpu", "-v", "--tb=short", *arguments),
        *("-o", "junit_family=xunit1"),  # with the files' names: ids that can be run again
        # A module that is missing is missing to some files of tests only.
        "--continue-on-collection-errors",
    ]


def gpu_tests(number: str, out: Path) -> Part:
    """Return the tests marked gpu."""
    junit = out / "junit.xml"
    return Part(
        "tests",
        pytest("--junitxml", str(junit), "--maxfail=30"),
        TESTS_SECONDS,
        least=20,
        modules=("pytest", "hypothesis"),
        interrupt=JUNIT_SECONDS,
        log="tests.log",
        writes=(junit.name,),
        environment=on_gpu(number),
        failures=partial(failures_of, junit=junit),
        counts=counts,
    )


def on_gpu(number: str) -> dict[str, str]:
    """Return the environment in which GPU ``number`` is the only one, and number 0.

    The tests take the first. Plugins of other packages would load, and warn, unasked.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    chosen = visible[int(number)] if int(number) < len(visible) and visible[0] else number
    return {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "CUDA_VISIBLE_DEVICES": chosen}


def modules_of(peer: str) -> tuple[str, ...]:
    """Return what a library's peer imports beside gpunet."""
    return {"torch": ("torch",), "jax": ("jax",)}.get(peer.partition("-")[0], ())


def profiles(device: str, number: str) -> Iterator[Part]:
    """Yield one step under ncu, and the tests that train under compute-sanitizer."""
    metrics = ["--profile-from-start", "off", "--csv", "--metrics", ",".join(METRICS)]
    ncu = [tool("ncu"), *metrics, *own("step", device)]
    yield Part("profile/ncu", ncu, 90, least=20, modules=("ncu",), log="ncu.log")
    for check in ("memcheck", "racecheck"):
        sanitizer = [tool("compute-sanitizer"), "--tool", check, "--error-exitcode", "9"]
        yield Part(
            f"profile/{check}",
            [*sanitizer, *pytest(*WHOLE_RUNS, "--maxfail=5")],
            120,
            least=20,
            modules=("compute-sanitizer", "pytest", "hypothesis"),
            log=f"{check}.log",
            environment=on_gpu(number),
        )


def tool(name: str) -> str:
    """Return where one of NVIDIA's tools is; its bare name if it is not found."""
    places = [str(path) for folder in TOOL_FOLDERS for path in Path("/").glob(folder[1:])]
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), *places))) or name


def chosen(
    parts: Sequence[Part], only: Sequence[str], skip: Sequence[str], profile: bool
) -> tuple[list[Part], dict[str, str]]:
    """Return the parts to run, and for the others why they are left out.

    Raises:
        ValueError: A name that no part has.
    """
    for name in (*only, *skip):
        if not any(within(part.name, [name]) for part in parts):
            names = ", ".join(dict.fromkeys(part.name.partition("/")[0] for part in parts))
            raise ValueError(f"there is no part {name!r}; choose from {names}, or peers/torch/128")
    why: dict[str, str] = {}
    for part in parts:
        if only and not within(part.name, only):
            why[part.name] = "--only"
        elif within(part.name, skip):
            why[part.name] = "--skip"
        elif within(part.name, ["profile"]) and not (profile or only):
            why[part.name] = "no --profile"
    return [part for part in parts if part.name not in why], why


def within(name: str, groups: Sequence[str]) -> bool:
    """Return whether a part is one of these, or in one of these groups."""
    return any(name == group or name.startswith(f"{group}/") for group in groups)


def missing_tools(missing: Mapping[str, str]) -> dict[str, str]:
    """Return ``missing`` with NVIDIA's tools that are not there."""
    tools = ("ncu", "compute-sanitizer")
    return {**missing, **{str(name): "not found" for name in tools if tool(name) == name}}
