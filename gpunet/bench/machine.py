"""What a measurement was made on, and with."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from gpunet import __version__
from gpunet.bench.registry import PEERS

OTHERS = ("threadpoolctl", "cupy-cuda12x", "cupy-cuda13x", "scipy", "jaxlib")


def describe() -> dict[str, Any]:
    """Return the processor, its cores (those this process may use), the load and the system."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cpu": processor(),
        "cores": cores,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def processor() -> str:
    """Return the processor's name, as well as the system knows it."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    if sys.platform == "darwin":
        with suppress(OSError, subprocess.CalledProcessError):
            return _output("sysctl", "-n", "machdep.cpu.brand_string")
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Return the versions of gpunet and of the libraries that are installed."""
    found = {"gpunet": __version__}
    for package in (*(entry.package for entry in PEERS.values()), *OTHERS):
        with suppress(metadata.PackageNotFoundError):
            found.setdefault(package, metadata.version(package))
    return found


def commit() -> str | None:
    """Return the commit of gpunet's own checkout, marked if files differ; None elsewhere."""
    package = Path(__file__).parents[1]
    with suppress(OSError, subprocess.CalledProcessError):
        # An installed copy may lie inside somebody else's checkout.
        _output("git", "-C", str(package), "ls-files", "--error-unmatch", "__init__.py")
        return _output("git", "-C", str(package), "describe", "--always", "--dirty", "--abbrev=12")
    return None


def _output(*command: str) -> str:
    return subprocess.run(  # noqa: S603 (fixed commands)
        command, capture_output=True, text=True, check=True
    ).stdout.strip()
