"""NVIDIA's run-time compiler, by ctypes: it needs neither a driver nor a GPU.

The library is the one that CuPy's [ctk] extra installs; alone it comes with
``pip install nvidia-cuda-nvrtc-cu12``. It has an assembler in it, so it gives the machine code
itself, and tells what each kernel takes of a GPU.
"""

import ctypes
import re
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any

from gpunet.kernels.cuda_source import OPTIONS

PACKAGES = ("nvidia-cuda-nvrtc", "nvidia-cuda-nvrtc-cu12")
# What CuPy 14 does with a RawKernel (cupy/cuda/compiler.py): NVRTC assembles it for the GPU at hand
# (no PTX, unless CUPY_COMPILE_WITH_PTX is set), with these options after the kernel's own.
CUPY_ADDS = ("-ftz=true", "-arch={architecture}", "--device-as-default-execution-space")


class CompileError(Exception):
    """What the compiler complained about."""


@dataclass(frozen=True)
class Usage:
    """What one kernel takes: registers of each thread, bytes of each thread, bytes of each block.

    Attributes:
        spilled: Stores and loads, in bytes, of values that no register was left for.
        stack: The thread's frame in local memory, where spilled values and arrays lie.
    """

    registers: int
    spilled: int
    stack: int
    shared: int


@cache
def library() -> Any:
    """Return the installed NVRTC, or None."""
    for package in PACKAGES:
        try:
            files = metadata.files(package) or []
        except metadata.PackageNotFoundError:
            continue
        for file in files:
            if file.name.startswith(("libnvrtc.so", "nvrtc64")) and "alt" not in file.name:
                return ctypes.CDLL(str(file.locate()))
    return None


def assemble(source: str, architecture: str) -> dict[str, Usage]:
    """Return what each kernel of ``source`` takes on "sm_90" or another architecture.

    Raises CompileError with the log. The program is kept until the process ends.
    """
    nvrtc, program = library(), ctypes.c_void_p()
    _check(nvrtc.nvrtcCreateProgram(
        ctypes.byref(program), source.encode(), b"kernels.cu", 0, None, None
    ))  # fmt: skip
    added = (option.format(architecture=architecture) for option in CUPY_ADDS)
    flags = [option.encode() for option in (*OPTIONS, *added, "--ptxas-options=-v")]
    status = nvrtc.nvrtcCompileProgram(program, len(flags), (ctypes.c_char_p * len(flags))(*flags))
    size = ctypes.c_size_t()
    _check(nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size)))
    buffer = ctypes.create_string_buffer(size.value)
    _check(nvrtc.nvrtcGetProgramLog(program, buffer))
    log = buffer.value.decode()
    if status != 0:
        raise CompileError(log)
    _check(nvrtc.nvrtcGetCUBINSize(program, ctypes.byref(size)))
    if size.value == 0:
        raise CompileError("no machine code")
    return usages(log)


def usages(log: str) -> dict[str, Usage]:
    """Return what the assembler's log tells of each kernel."""
    found = {}
    for part in log.split("Compiling entry function '")[1:]:

        def numbers(what: str, part: str = part) -> list[int]:
            return [int(n) for n in re.findall(rf"(\d+) {what}", part)]

        # One frame for the kernel, and one for each function that is called and not inlined.
        frames, stores, loads = map(
            numbers, ("bytes stack frame", "bytes spill stores", "bytes spill loads")
        )
        if not (frames and len(frames) == len(stores) == len(loads)):
            raise CompileError(f"unknown form of the assembler's log: {part}")
        (registers,) = re.findall(r"Used (\d+) registers", part)
        found[part.partition("'")[0]] = Usage(
            int(registers), sum(stores + loads), sum(frames), sum(numbers("bytes smem"))
        )
    return found


def _check(status: int) -> None:
    if status != 0:
        raise CompileError(f"NVRTC returned {status}")
