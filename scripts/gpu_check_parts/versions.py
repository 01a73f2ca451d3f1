"""Which machine this is: the system, the packages, the driver's own report, the cuBLASLt library.

python -m gpu_check_parts.versions
"""

from __future__ import annotations

import platform
import subprocess
import sys
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from gpu_check_parts.telling import attempt, tell

PACKAGES = (
    *("numpy", "cupy-cuda12x", "cupy-cuda13x", "cupy", "torch", "jax", "jaxlib", "triton"),
    *("click", "rich", "safetensors", "threadpoolctl", "pytest", "hypothesis", "array-api-strict"),
)
ASKED = (
    *("name", "driver_version", "memory.total", "memory.used", "clocks.sm", "clocks.max.sm"),
    *("power.limit", "compute_mode", "persistence_mode", "temperature.gpu"),
)
# Of what an old driver does not know, nvidia-smi says so and nothing else; this it always can.
PLAIN = ("name", "driver_version", "memory.total")


def packages() -> dict[str, str]:
    """Return the versions of what is installed; nothing is imported."""
    found = {}
    for package in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def nvidia_smi() -> dict[str, Any]:
    """Return what nvidia-smi says about each GPU."""
    message = ""
    for fields in (ASKED, PLAIN):
        command = ["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader"]
        try:
            done = subprocess.run(  # noqa: S603 (a fixed command)
                command, capture_output=True, text=True, timeout=8, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return {"message": str(error)}
        if done.returncode == 0:
            rows = [line.split(", ") for line in done.stdout.splitlines() if line.strip()]
            return {"gpus": [dict(zip(fields, row, strict=False)) for row in rows]}
        message = (done.stderr + done.stdout).strip()
    return {"message": message}


def cublas_lt() -> dict[str, Any]:
    """Return which cuBLASLt library gpunet takes, and its version."""
    import cupy

    from gpunet.backends.devices.cublas_lt_types import load

    cuda = int(cupy.cuda.runtime.runtimeGetVersion())
    library = load((cuda // 1000,))
    name = str(library._name)
    return {
        "library": name,
        "file": next(iter(mapped("cublasLt")), name),
        "version": int(library.cublasLtGetVersion()),
        "runtime": cuda,
    }


def mapped(part: str) -> list[str]:
    """Return the files in this process's memory whose names have this part, where Linux tells."""
    with suppress(OSError):
        lines = Path("/proc/self/maps").read_text().splitlines()
        return sorted({line.split(maxsplit=5)[5] for line in lines if part in line})
    return []


if __name__ == "__main__":
    tell("system", python=sys.version.split()[0], platform=platform.platform())
    tell("packages", **packages())
    attempt("nvidia-smi", nvidia_smi)
    attempt("cuBLASLt", cublas_lt)
