"""NVIDIA's run-time compiler, by ctypes: it needs neither a driver nor a GPU.

The library is the one that CuPy's [ctk] extra installs; alone it comes with
``pip install nvidia-cuda-nvrtc-cu12``.
"""

import ctypes
from functools import cache
from importlib import metadata
from typing import Any

PACKAGES = ("nvidia-cuda-nvrtc", "nvidia-cuda-nvrtc-cu12")


class CompileError(Exception):
    """What the compiler complained about."""


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


def compile_to_ptx(source: str, architecture: str, options: tuple[str, ...]) -> str:
    """Return the assembly of all kernels in ``source``; raises CompileError with the log."""
    nvrtc, program = library(), ctypes.c_void_p()
    _check(nvrtc.nvrtcCreateProgram(
        ctypes.byref(program), source.encode(), b"kernels.cu", 0, None, None
    ))  # fmt: skip
    flags = [f"--gpu-architecture={architecture}".encode(), *(o.encode() for o in options)]
    status = nvrtc.nvrtcCompileProgram(program, len(flags), (ctypes.c_char_p * len(flags))(*flags))
    log = _text(nvrtc.nvrtcGetProgramLogSize, nvrtc.nvrtcGetProgramLog, program)
    if status != 0:
        raise CompileError(log)
    return _text(nvrtc.nvrtcGetPTXSize, nvrtc.nvrtcGetPTX, program)


def _text(get_size: Any, get: Any, program: Any) -> str:
    size = ctypes.c_size_t()
    _check(get_size(program, ctypes.byref(size)))
    buffer = ctypes.create_string_buffer(size.value)
    _check(get(program, buffer))
    return buffer.value.decode()


def _check(status: int) -> None:
    if status != 0:
        raise CompileError(f"NVRTC returned {status}")
