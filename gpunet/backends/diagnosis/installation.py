"""Which CuPy is installed, and the command that installs the right one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import metadata

INSTALL = "pip install 'gpunet[cuda12x]' (or cuda13x, to match the driver)"

# The two extras of pyproject.toml with the CUDA version that a driver must speak for them. No
# other name is ever put together: a package name that was guessed may be anybody's package.
EXTRAS = {"cuda13x": 13_000, "cuda12x": 12_000}


def installed_cupy_wheels() -> list[str]:
    """Return the names of the installed packages that provide the module cupy."""
    names = {str(d.metadata["Name"]).lower() for d in metadata.distributions()}
    return sorted(n for n in names if re.fullmatch(r"(amd-)?cupy(-cuda\d+x?|-rocm-[\d-]+)?", n))


def extra_for(driver: int) -> str | None:
    """Return the extra for a driver that speaks CUDA ``driver`` (12040 is 12.4), None if none."""
    return next((name for name, least in EXTRAS.items() if driver >= least), None)


def install_command(driver: int = 0, wheels: Sequence[str] = (), *, afresh: bool = False) -> str:
    """Return the command that leaves one CuPy, complete with its CUDA libraries.

    Args:
        driver: The CUDA version that the driver speaks, 0 if unknown.
        wheels: The CuPy packages that are installed now.
        afresh: Remove what is installed, even if it is the right package.
    """
    wanted = extra_for(driver)
    # One that the driver can serve stays: a second beside it would break both.
    for extra, least in EXTRAS.items():
        if list(wheels) == [f"cupy-{extra}"] and (not driver or driver >= least):
            wanted = extra
    install = f"pip install 'gpunet[{wanted}]'" if wanted else INSTALL
    all_go = afresh or len(wheels) > 1
    surplus = [w for w in wheels if all_go or w != f"cupy-{wanted}"]
    return f"pip uninstall -y {' '.join(surplus)} && {install}" if surplus else install
