"""Every kernel assembled for the GPUs in use.

    PYTHONPATH=tests python tests/backends/machine_code.py

Prints what the kernels take on each architecture, and exits with 1 if one takes too much. It takes
half a minute; the suite itself assembles the kernels of training runs, for one architecture.
"""

import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import nvrtc
from cuda_as_cpp import CudaAsCpp
from formula_calls import formula_calls
from nvrtc import Usage
from whole_runs import NETWORKS, TRAINING, bfloat16_words, gather_all, train

# Ampere, Hopper, Blackwell in data centres, Blackwell on desks.
ARCHITECTURES = ("sm_80", "sm_90", "sm_100", "sm_120")
# Three blocks of 256 threads with 80 registers each fit into the 65,536 registers of a
# multiprocessor: 24 warps, enough to hide the memory's latency by which these kernels are bound.
MOST_REGISTERS = 80
# What a block has without asking for more.
MOST_SHARED = 48 * 1024


def kernels_of_runs(dtype: str) -> dict[str, str]:
    """Return the sources by name of all that whole training runs launch."""
    backend = CudaAsCpp()  # it only collects
    for kind in NETWORKS:
        for optimizer in TRAINING:
            train(backend, dtype, kind, optimizer)
    gather_all(backend, dtype)
    if dtype == "float32":
        for precision in ("tf32", "split16"):
            train(backend, dtype, "one output", "adamw", precision)
        bfloat16_words(backend)
    return backend.sources


def all_kernels() -> dict[str, str]:
    """Return the sources by name: those, and every formula, in both precisions."""
    kernels = {}
    for dtype in ("float32", "float64"):
        backend = CudaAsCpp()
        for call in formula_calls(dtype):
            backend.kernel(call.formula)(*call.arguments, out=call.outs)
        kernels |= kernels_of_runs(dtype) | backend.sources
    return kernels


def assemble_all(kernels: Mapping[str, str], architecture: str) -> dict[str, Usage]:
    """Return what each kernel takes; all are one unit."""
    unit = "".join(f"namespace space_{n} {{\n{source}}}\n" for n, source in kernels.items())
    return nvrtc.assemble(unit, architecture)


def too_much(usages: Mapping[str, Usage]) -> list[str]:
    """Return a line for each kernel that spills or takes more than it should."""
    limits = {"registers": MOST_REGISTERS, "spilled": 0, "stack": 0, "shared": MOST_SHARED}
    return [
        f"{name}: {what} {getattr(usage, what)}, at most {limit}"
        for name, usage in usages.items()
        for what, limit in limits.items()
        if getattr(usage, what) > limit
    ]


def main() -> int:
    if nvrtc.library() is None:
        print("no NVRTC library: pip install nvidia-cuda-nvrtc-cu12")
        return 0
    kernels = all_kernels()
    with ThreadPoolExecutor() as pool:  # the compiler lets go of the interpreter's lock
        each = pool.map(lambda architecture: assemble_all(kernels, architecture), ARCHITECTURES)
    bad = []
    for architecture, usages in zip(ARCHITECTURES, each, strict=True):
        bad += [f"{architecture} {line}" for line in too_much(usages)]
        bad += [f"{architecture} {name}: not there" for name in kernels.keys() - usages.keys()]
        registers, shared = (
            max(getattr(usage, what) for usage in usages.values())
            for what in ("registers", "shared")
        )
        print(f"{architecture}: {len(usages)} kernels, at most {registers} registers a thread "
              f"and {shared} bytes a block")  # fmt: skip
    for line in bad:
        print(line)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
