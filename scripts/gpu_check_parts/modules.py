"""Which Python modules are missing, what that costs, and wheels that bring them."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

# What is lost without each.
COSTS = {
    "numpy": "nothing runs",
    "cupy": "nothing runs on the GPU",
    "click": "no doctor, and the command line's tests fail",
    "rich": "the command line's tests fail",
    "safetensors": "tests that save models fail",
    "threadpoolctl": "a stand-in is used: the CPU's BLAS keeps all of its threads",
    "pytest": "the GPU tests are left out",
    "hypothesis": "the GPU tests are left out",
    "array_api_strict": "nothing of the GPU's",
    "torch": "no comparison with PyTorch",
    "jax": "no comparison with JAX",
}
STAND_INS = Path(__file__).with_name("stand_ins")
PIP_SECONDS = 60.0


def find_missing(folders: Sequence[Path] = ()) -> dict[str, str]:
    """Return what is lost without each module that is not there; none is imported.

    Args:
        folders: Where to look before all else.
    """
    path = [str(folder) for folder in folders]

    def there(name: str) -> bool:
        return bool(PathFinder.find_spec(name, path) or find_spec(name))

    return {name: cost for name, cost in COSTS.items() if not there(name)}


def install(wheels: Path, target: Path) -> tuple[list[str], dict[str, str]]:
    """Install every wheel of a folder, and nothing else; one that is bad spoils no other.

    Returns:
        The names of those that were installed, and of the others why not.
    """
    found = sorted(wheels.glob("*.whl"))
    if not found:
        return [], {str(wheels): "there is no wheel in this folder"}
    if not _pip(found, target):
        return [wheel.name for wheel in found], {}
    troubles = {wheel.name: _pip([wheel], target) for wheel in found}
    if all("No module named pip" in trouble for trouble in troubles.values()):
        troubles = {wheel.name: _unpack(wheel, target) for wheel in found}
    bad = {name: trouble for name, trouble in troubles.items() if trouble}
    return [name for name in troubles if name not in bad], bad


def _pip(wheels: list[Path], target: Path) -> str:
    """Install with pip; return what went wrong, "" if nothing."""
    options = ["--no-index", "--no-deps", "--no-compile", "--quiet", "--target", str(target)]
    try:
        done = subprocess.run(  # noqa: S603 (pip, with files of our own choice)
            [sys.executable, "-m", "pip", "install", *options, *map(str, wheels)],
            capture_output=True,
            text=True,
            timeout=PIP_SECONDS,
            check=False,
            env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = [line for line in done.stderr.splitlines() if line.strip()]
    return "" if done.returncode == 0 else (said or [f"pip ended with {done.returncode}"])[0]


def _unpack(wheel: Path, target: Path) -> str:
    """Unpack a wheel, which is nearly all that pip does with one; return what went wrong."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target)  # drops ".." and roots from names
    except (OSError, zipfile.BadZipFile) as error:
        return str(error)
    return ""
