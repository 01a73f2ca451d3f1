"""Kernels compiled as C++, several at a time, and kept for the next run."""

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cupy._errors import CompileException, CUDARuntimeError
from cupy._signature import checked, parameters

HERE = Path(__file__).parent
ENGINE, DEVICE = HERE / "engine.cpp", HERE / "device.hpp"
PRODUCTS = HERE.parents[1] / "backends" / "fake_cublas_lt.cpp"
FLAGS = ("-std=c++17", "-shared", "-fPIC", "-U_FORTIFY_SOURCE")
# One translation unit is read faster than many, but two processors compile two at once.
TOGETHER = 12
MOST_FILES = 4000  # in the cache; the oldest go


@functools.cache
def compiler() -> str:
    """Return the C++ compiler; without one there is no device."""
    found = shutil.which("g++")
    if found is None or sys.platform != "linux":
        raise CUDARuntimeError(
            "cudaErrorNoDevice: no CUDA-capable device is detected (the stand-in needs Linux and "
            "g++)"
        )
    return found


@functools.cache
def _version() -> str:
    done = subprocess.run([compiler(), "--version"], capture_output=True, text=True, check=True)
    return done.stdout.partition("\n")[0]


@functools.cache
def folder() -> Path:
    """Return where libraries are kept: $CUPY_STAND_IN_CACHE, or a folder for temporary files."""
    chosen = os.environ.get("CUPY_STAND_IN_CACHE")
    path = Path(chosen or Path(tempfile.gettempdir()) / f"cupy-stand-in-{os.getuid()}")
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.stat()
    if status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise PermissionError(f"{path} has to belong to this user, and to be writable by no other")
    files = sorted(path.glob("*.so"), key=lambda file: file.stat().st_mtime)
    for file in files[: max(0, len(files) - MOST_FILES)]:
        file.unlink(missing_ok=True)
    return path


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join((_version(), *FLAGS, *parts)).encode()).hexdigest()[:20]


def _start(source: Path, target: Path, flags: Sequence[str]) -> subprocess.Popen[str]:
    command = [compiler(), *FLAGS, *flags, str(source), "-o", str(target)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def _finish(process: subprocess.Popen[str]) -> None:
    _, complaints = process.communicate()
    if process.returncode:
        raise CompileException(complaints)


def library(source: Path, name: str, *flags: str) -> Path:
    """Return the library made of one file of ours, compiled if need be."""
    target = folder() / f"{name}-{_digest(source.read_text(), *flags)}.so"
    if not target.exists():
        scratch = target.with_suffix(f".{os.getpid()}")
        _finish(_start(source, scratch, flags))
        scratch.replace(target)
    return target


@functools.cache
def engine() -> Any:
    """Return what runs kernels; its symbols are there for the kernels' libraries."""
    loaded = ctypes.CDLL(str(library(ENGINE, "engine", "-O2", "-Wall")), ctypes.RTLD_GLOBAL)
    loaded.stand_in_launch.argtypes = (
        *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint, ctypes.c_int),
        *(ctypes.c_ulonglong, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t),
    )
    loaded.stand_in_message.restype = ctypes.c_char_p
    return loaded


class Compiled:
    """Where a kernel lies: its entry, and what its blocks share."""

    def __init__(self, path: Path, digest: str) -> None:
        engine()
        self._library = ctypes.CDLL(str(path))
        self.entry = ctypes.cast(getattr(self._library, f"entry_{digest}"), ctypes.c_void_p).value
        shared = getattr(self._library, f"shared_{digest}")
        shared.restype = ctypes.c_size_t
        self.shared = int(shared(0))
        self.shared_bytes = int(shared(1)) - self.shared


def flags(fused: bool) -> tuple[str, ...]:
    """Return how kernels are compiled; NVRTC fuses multiply-adds unless it is told not to."""
    if fused:
        return "-O1", "-ffp-contract=fast", "-mfma", "-fexpensive-optimizations"
    return "-O1", "-ffp-contract=off"


def digest_of(text: str, name: str, fused: bool) -> str:
    """Return a name for all that decides what a kernel's library holds."""
    ours = (file.read_text() for file in (DEVICE, HERE / "_signature.py", HERE / "_compiler.py"))
    return _digest(*ours, text, name, *flags(fused))


def _unit(text: str, name: str, digest: str) -> str:
    """Return the text of one kernel with its entry; names of several kernels do not meet."""
    arguments = ", ".join(
        f"Pointer<{p.c_type}>(slots + {64 * i})"
        if p.pointer
        else f"number<{p.c_type}>(slots + {64 * i})"
        for i, p in enumerate(parameters(text, name))
    )
    section = f"shared_{digest}_"
    return (
        f"#undef __shared__\n"
        f'#define __shared__ static __attribute__((used, section("{section}")))\n'
        f"#define {name} kernel_{digest}\n"
        f"namespace space_{digest} {{\n"
        f"#line 1\n"
        f"{checked(text)}\n"
        f'extern "C" void entry_{digest}(char* slots) {{ {name}({arguments}); }}\n'
        "}\n"
        f"#undef {name}\n"
        f'extern "C" char __start_{section}[] __attribute__((weak, visibility("hidden")));\n'
        f'extern "C" char __stop_{section}[] __attribute__((weak, visibility("hidden")));\n'
        f'extern "C" unsigned long shared_{digest}(int end)\n'
        f"{{ return (unsigned long)(end ? __stop_{section} : __start_{section}); }}\n"
    )


def compile_kernels(kernels: Iterable[Any]) -> None:
    """Give each kernel (with text, name, fused, digest) its ``compiled``, or its ``failure``."""
    new: dict[str, list[Any]] = {}
    for kernel in kernels:
        new.setdefault(kernel.digest, []).append(kernel)
    missing = [same[0] for digest, same in new.items() if not _path(digest).exists()]
    for fused in (False, True):
        chosen = [kernel for kernel in missing if kernel.fused == fused]
        size = TOGETHER if len(chosen) > 2 * TOGETHER else -(-len(chosen) // 2)
        groups = [chosen[i : i + size] for i in range(0, len(chosen), size or 1)]
        together = max(2, os.cpu_count() or 1)
        for i in range(0, len(groups), together):
            _compile_groups(groups[i : i + together], fused)
    for digest, same in new.items():
        for kernel in same:
            kernel.failure = same[0].failure
            kernel.compiled = None if kernel.failure else Compiled(_path(digest), digest)


def _path(digest: str) -> Path:
    return folder() / f"kernel-{digest}.so"


def _compile_groups(groups: list[list[Any]], fused: bool) -> None:
    """Compile each group into a library that has the names of all its kernels."""
    with tempfile.TemporaryDirectory(dir=folder()) as scratch:
        running = []
        for number, group in enumerate(groups):
            source, target = Path(scratch, f"{number}.cpp"), Path(scratch, f"{number}.so")
            units = (_unit(k.text, k.name, k.digest) for k in group)
            source.write_text(DEVICE.read_text() + "".join(units))
            running.append((_start(source, target, flags(fused)), target, group))
        for process, target, group in running:
            try:
                _finish(process)
            except CompileException as error:
                if len(group) == 1:
                    group[0].failure = error
                else:  # one of them is to blame
                    _compile_groups([[kernel] for kernel in group], fused)
                continue
            for kernel in group:  # names of one file, which is loaded once
                name = target.with_name(kernel.digest)
                os.link(target, name)
                name.replace(_path(kernel.digest))
