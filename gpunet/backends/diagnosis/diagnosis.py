"""Finding out why a GPU cannot be used, without being hung or crashed by it.

Nothing here imports CuPy: a process of its own does (``stages``), under a time limit.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from gpunet.backends.devices.numpy_backend import NumpyBackend
from gpunet.backends.diagnosis.failures import MEANING, Facts, Failure, remedy
from gpunet.backends.diagnosis.installation import installed_cupy_wheels
from gpunet.backends.diagnosis.probe import Probe
from gpunet.backends.diagnosis.stages import STAGES

# Every key that the report has; None where it could not be found out.
VERSIONS = (
    *("python", "numpy", "cupy", "cupy_wheel", "cuda_runtime", "nvrtc", "driver", "driver_cuda"),
    *("gpu", "compute_capability", "memory_free", "memory_total"),
)
PATIENCE = 1.0  # seconds to wait for a killed process: one that hangs in the kernel never ends


@dataclass
class Stage:
    """How one stage went; ``ok`` is None if it was not reached."""

    stage: str
    ok: bool | None = None
    detail: str = "not reached"
    seconds: float | None = None


@dataclass
class Diagnosis:
    """What was found, the failure's class and its remedy (both None for a usable GPU)."""

    device: str
    cpu: Stage
    failure: Failure | None = None
    remedy: str | None = None
    stages: list[Stage] = field(default_factory=lambda: [Stage(name) for name in STAGES])
    versions: dict[str, str | None] = field(default_factory=lambda: dict.fromkeys(VERSIONS))

    @property
    def usable(self) -> bool:
        """Whether every stage went well."""
        return self.failure is None and all(stage.ok for stage in self.stages)

    @property
    def verdict(self) -> str:
        """One line: can the GPU be used, and if not, what is the matter."""
        if self.failure is None:
            return f"{self.device} is usable: {self.versions['gpu']}"
        works = "; the CPU is usable" if self.cpu.ok else "; nor is the CPU"
        return f"{self.device} is not usable: {self.failure} - {MEANING[self.failure]}{works}"

    def to_dict(self) -> dict[str, Any]:
        """Return what ``gpunet doctor --json`` prints."""
        return {"usable": self.usable, "verdict": self.verdict} | asdict(self)


def diagnose(number: int = 0, time_limit: float = 60.0) -> Diagnosis:
    """Examine GPU ``number`` stage by stage in another process, and the CPU in this one."""
    diagnosis = Diagnosis(f"cuda:{number}", examine_cpu())
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        # Files, not pipes: a pipe stays open as long as a process that cannot be killed.
        status = _run(number, time_limit, out.fileno(), err.fileno())
        out.seek(0)
        err.seek(0)
        told = out.read().decode(errors="replace").splitlines()
        complaints = err.read().decode(errors="replace").split("\n")
    begun, finished = _read(told, diagnosis)
    if not finished:
        diagnosis.failure = Failure.TIME_LIMIT if status is None else Failure.CRASH
        facts = Facts(wheels=installed_cupy_wheels())
        diagnosis.remedy = remedy(diagnosis.failure, facts)
        stage = next(s for s in diagnosis.stages if s.stage == begun)
        stage.ok = False
        stage.detail = (
            f"no answer within {time_limit:g} s" if status is None else _ending(status, complaints)
        )
    return diagnosis


def examine_cpu() -> Stage:
    """Compute the same on the CPU."""
    started = time.perf_counter()
    backend = NumpyBackend()
    try:
        probe = Probe(backend)
        probe.kernel()
        probe.product()
        probe.reduction()
        probe.check()
        ok, detail = True, backend.describe()
    except Exception as error:
        ok, detail = False, f"{type(error).__name__}: {error}"
    return Stage("cpu", ok, detail, time.perf_counter() - started)


def _run(number: int, time_limit: float, out: int, err: int) -> int | None:
    """Run the stages; return the exit status, None if the time limit ended them."""
    process = subprocess.Popen(  # noqa: S603 (our own module)
        # -P: a file named numpy.py in the working directory is none of ours.
        [sys.executable, "-P", "-m", "gpunet.backends.diagnosis.stages", str(number)],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        env=os.environ
        | {
            # It sees the same packages as this process, whichever way this one was started.
            "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
            # A kernel that was compiled last week proves nothing about NVRTC today.
            "CUPY_CACHE_IN_MEMORY": "1",
        },
    )
    try:
        return process.wait(time_limit)
    except subprocess.TimeoutExpired:
        return None
    finally:  # also after Ctrl-C
        if process.poll() is None:
            process.kill()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                # It hangs in the driver and cannot be killed: leave it behind, silently.
                process.returncode = -int(signal.SIGTERM)


def _read(told: list[str], diagnosis: Diagnosis) -> tuple[str, bool]:
    """Enter what the process told; return the last stage that it began, and whether it ended."""
    begun, finished = STAGES[0], False
    for line in told:
        try:
            message = json.loads(line)
        except ValueError:  # cut off as it was killed
            continue
        if "begin" in message:
            begun = message["begin"]
        elif "stage" in message:
            diagnosis.stages[STAGES.index(message["stage"])] = Stage(**message)
        elif "versions" in message:
            diagnosis.versions |= message["versions"]
        else:
            finished = True
            diagnosis.failure = message["failure"] and Failure(message["failure"])
            diagnosis.remedy = message["remedy"]
    return begun, finished


def _ending(status: int, complaints: list[str]) -> str:
    """Return how a process ended that should have told more."""
    if status < 0:
        try:
            return f"the process was ended by {signal.Signals(-status).name}"
        except ValueError:
            return f"the process was ended by signal {-status}"
    last = next((line.strip() for line in reversed(complaints) if line.strip()), "")
    return f"the process ended with status {status}" + (f": {last}" if last else "")
