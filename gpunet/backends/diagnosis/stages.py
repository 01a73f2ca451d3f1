"""What ``gpunet doctor`` runs in a process of its own: using the GPU, one stage at a time.

Each stage is announced before it begins, as a line of JSON, so that the process that reads them
(``diagnosis``) knows where this one hung or crashed.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import re
import sys
import time
from collections.abc import Callable
from importlib import metadata, util
from pathlib import Path
from typing import IO, Any

from gpunet.backends.diagnosis.failures import (
    DiagnosedError,
    Facts,
    Failure,
    classify,
    remedy,
    summary,
)
from gpunet.backends.diagnosis.installation import installed_cupy_wheels
from gpunet.backends.diagnosis.probe import Probe

MIB = 2**20


class Examination:
    """The stages, each a method that returns a line of detail or raises what went wrong."""

    def __init__(self, number: int) -> None:
        self.number = number
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        self.facts = Facts(wheels=installed_cupy_wheels(), visible=visible)
        self.versions: dict[str, str] = {
            "python": platform.python_version(),
            "numpy": metadata.version("numpy"),
        }
        self.cupy: Any = None
        self.probe: Probe

    def load(self) -> str:
        """Import CuPy. This works without a driver and without a GPU."""
        wheels = ", ".join(self.facts.wheels)
        if len(self.facts.wheels) > 1:
            raise DiagnosedError(Failure.TWO_WHEELS, f"{wheels} are installed")
        if util.find_spec("cupy") is None:
            raise DiagnosedError(Failure.NO_CUPY, "CuPy is not installed")
        if wheels:
            self.versions["cupy_wheel"] = f"{wheels} {metadata.version(wheels)}"
        import cupy

        self.versions["cupy"] = cupy.__version__
        built_for = _dotted(cupy.cuda.runtime.runtimeGetVersion())
        self.versions["cuda_runtime"] = built_for
        self.cupy = cupy
        origin = wheels or "of unknown origin"
        return f"CuPy {cupy.__version__} ({origin}), built for CUDA {built_for}"

    def driver(self) -> str:
        """Ask the driver for its version, with or without CuPy."""
        runtime = self.cupy and self.cupy.cuda.runtime
        self.facts.driver = int(runtime.driverGetVersion() if runtime else _ask_libcuda())
        if not self.facts.driver:  # how CUDA says that there is none
            raise DiagnosedError(Failure.NO_DRIVER, "no NVIDIA driver is installed")
        self.versions["driver_cuda"] = _dotted(self.facts.driver)
        detail = f"CUDA {_dotted(self.facts.driver)}"
        if release := _kernel_module():
            self.versions["driver"] = release
            detail += f", NVIDIA {release}"
        if runtime:
            try:
                runtime.getDeviceCount()
            except Exception as error:
                # A driver that shows no GPU is one that works: the next stage's matter.
                if classify(error, self.facts) is not Failure.NO_GPU:
                    raise
        return detail

    def device(self) -> str:
        """Choose the GPU and read what it is; this makes the CUDA context."""
        runtime = self.cupy.cuda.runtime
        count = self.facts.gpus = int(runtime.getDeviceCount())
        if self.number >= count:
            raise DiagnosedError(
                Failure.NO_GPU,
                f"there is no GPU {self.number}: the driver shows {count}, numbered from 0",
            )
        with self.cupy.cuda.Device(self.number):
            properties = runtime.getDeviceProperties(self.number)
            free, total = (size // MIB for size in runtime.memGetInfo())
        name = properties["name"].decode()
        capability = f"{properties['major']}.{properties['minor']}"
        self.versions |= {
            "gpu": name,
            "compute_capability": capability,
            "memory_free": f"{free} MiB",
            "memory_total": f"{total} MiB",
        }
        return f"{name}, compute capability {capability}, {free:,} of {total:,} MiB free"

    def compile(self) -> str:
        """Compile one kernel of gpunet's and one of CuPy's."""
        version = ".".join(map(str, self.cupy.cuda.nvrtc.getVersion()))
        self.versions["nvrtc"] = version
        from gpunet.backends.devices.cupy_backend import CupyBackend

        self.probe = Probe(CupyBackend(self.number))
        self.probe.kernel()
        with self.cupy.cuda.Device(self.number):
            self.cupy.ones(1, "float32")  # unlike gpunet's kernels, CuPy's include CUDA's headers
        return f"NVRTC {version}"

    def product(self) -> str:
        """Multiply two matrices: this loads cuBLAS."""
        self.probe.product()
        return "2x3 by 3x2, cuBLAS"

    def reduction(self) -> str:
        """Sum along both axes."""
        self.probe.reduction()
        return "along both axes"

    def synchronise(self) -> str:
        """Wait: what went wrong on the GPU itself shows only now. Then compare the results."""
        self.probe.check()
        return "all results are right"

    def stages(self) -> dict[str, Callable[[], str]]:
        """Return the stages in their order."""
        return {
            "import": self.load,
            "driver": self.driver,
            "device": self.device,
            "compile": self.compile,
            "product": self.product,
            "reduction": self.reduction,
            "synchronise": self.synchronise,
        }


STAGES = tuple(Examination(0).stages())


def examine(number: int, tell: Callable[[dict[str, Any]], None]) -> None:
    """Run the stages up to the first that fails, and tell of each."""
    patient = Examination(number)
    first_error: Exception | None = None
    for name, stage in patient.stages().items():
        # The driver can be asked without CuPy, and decides which CuPy to install.
        if first_error and name != "driver":
            break
        tell({"begin": name})
        started = time.perf_counter()
        try:
            ok, detail = True, stage()
        except Exception as error:  # CuPy raises many kinds; each ends the examination
            ok, detail = False, summary(error)
            first_error = first_error or error
        seconds = time.perf_counter() - started
        tell({"stage": name, "ok": ok, "detail": detail, "seconds": seconds})
        tell({"versions": patient.versions})
    failure = classify(first_error, patient.facts) if first_error else None
    tell({"failure": failure, "remedy": failure and remedy(failure, patient.facts)})


def _dotted(version: int) -> str:
    """Return CUDA's 12040 as "12.4"."""
    return f"{version // 1000}.{version % 1000 // 10}"


def _ask_libcuda() -> int:
    """Return the CUDA version that the driver speaks, 0 if there is none."""
    try:
        libcuda = ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return 0
    version = ctypes.c_int(0)
    return version.value if libcuda.cuDriverGetVersion(ctypes.byref(version)) == 0 else 0


def _kernel_module() -> str | None:
    """Return the driver's own version, such as 550.54.15, where Linux tells it."""
    try:
        text = Path("/proc/driver/nvidia/version").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r"\b\d{3}\.\d+(\.\d+)?\b", text)
    return found and found[0]


def _own_stdout() -> IO[str]:
    """Return stdout, and send to stderr whatever a library prints."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return out


if __name__ == "__main__":
    stdout = _own_stdout()
    examine(int(sys.argv[1]), lambda message: print(json.dumps(message), file=stdout, flush=True))
