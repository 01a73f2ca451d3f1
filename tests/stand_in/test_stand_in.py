"""The stand-in for CuPy, in a process that takes it for CuPy; see docs/gpu-stand-in.md.

The files beside this one are its tests. Their names keep them out of other runs, in which there is
no CuPy or a real one.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
STAND_IN = HERE.parent / "cupy_stand_in"
needs_compiler = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("g++") is None,
    reason="the stand-in for CuPy needs Linux, and g++ to compile kernels with",
)


def run_tests(*arguments: str) -> str:
    """Run pytest with the stand-in for CuPy; return the last line that it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=HERE.parents[1],
        env=os.environ | {"PYTHONPATH": str(STAND_IN)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1]


@needs_compiler
def test_it_is_as_strict_as_a_gpu() -> None:
    files = [str(file) for file in sorted(HERE.glob("[!ct]*.py"))]
    assert "skipped" not in run_tests(*files)


@needs_compiler
def test_an_error_that_nobody_waits_for_is_the_status_of_the_process() -> None:
    program = """
import cupy
text = 'extern "C" __global__ void k(float* x) { x[1] = 0; }'
cupy.RawKernel(text, "k")((1,), (1,), (cupy.zeros(1, "float32"),))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(STAND_IN)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 70
    assert "nobody waited for: cudaErrorIllegalAddress" in done.stderr
