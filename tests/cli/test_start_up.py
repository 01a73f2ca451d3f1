"""The command starts without importing what it does not need."""

import subprocess
import sys

from running import Command

import gpunet as library

PROGRAM = """
import sys
from gpunet.cli.main import run
status = run(sys.argv[1:])
print(sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)
sys.exit(status)
"""


def imported(*arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True
    )
    return set(eval(done.stderr.splitlines()[-1]))  # noqa: S307 (our own list of names)


def test_help_needs_neither_numpy_nor_anything_heavier() -> None:
    assert imported("--help").isdisjoint({"numpy", "rich", "safetensors", "cupy", "matplotlib"})


def test_the_cpu_needs_neither_cupy_nor_scientific_packages() -> None:
    modules = imported("reproduce", "by-hand", "--device", "cpu", "--json")
    assert "numpy" in modules
    assert modules.isdisjoint({"cupy", "matplotlib", "sklearn", "scipy", "rich", "PIL"})


def test_help_and_version(gpunet: Command) -> None:
    assert gpunet("--version").out == f"gpunet {library.__version__}\n"
    done = gpunet("--help")
    assert done.status == 0
    for command in ("train", "evaluate", "predict", "reproduce", "fetch"):
        assert command in done.out
        assert "Traceback" not in gpunet(command, "--help").err
