"""A CuPy that computes with NumPy, and fails where and how a test wants.

The environment says where (FAKE_CUPY_AT, the name of a place below) and how (FAKE_CUPY_DO, a
statement). The exceptions have the names, bases and texts of CuPy 14's.
"""

import os
from types import SimpleNamespace

import numpy as np
from numpy import ndarray, zeros  # noqa: F401


class CUDARuntimeError(RuntimeError):
    """Of cupy_backends.cuda.api.runtime: "name: what CUDA says about it"."""


class NVRTCError(RuntimeError):
    """Of cupy_backends.cuda.libs.nvrtc: "name (number)"."""


class DynamicLibNotFoundError(RuntimeError):
    """Of cuda.pathfinder, which looks for the libraries since CuPy 14."""


class OutOfMemoryError(MemoryError):
    """Of cupy.cuda.memory."""

    def __init__(self, size: int, total: int) -> None:
        super().__init__(
            f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes)."
        )


class CompileException(Exception):
    """Of cupy.cuda.compiler: its text is NVRTC's log, and its arguments are empty."""

    def __init__(self, log: str) -> None:
        self._log = log
        super().__init__()

    def __str__(self) -> str:
        return self._log


def reach(place: str) -> None:
    if os.environ.get("FAKE_CUPY_AT") == place:
        exec(os.environ["FAKE_CUPY_DO"], globals())  # noqa: S102 (the tests' own text)


def array(host):
    return np.array(host)


def asnumpy(x):
    return np.array(x)


class Device:
    def __init__(self, number: int) -> None:
        self.id = number

    compute_capability = "90"

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass


class Stream:
    ptr = 0

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass

    def synchronize(self) -> None:
        reach("synchronise")


class RawKernel:
    """Computes the one formula that the examination compiles: twice the argument."""

    def __init__(self, source: str, name: str, options: tuple[str, ...]) -> None:
        self.source = source

    def __call__(self, blocks: tuple, threads: tuple, arguments: tuple) -> None:
        reach("compile")
        x, out = (a for a in arguments if isinstance(a, ndarray))
        out[...] = 2 * x


def _answer(place, value):
    def function(*arguments):
        reach(place)
        return value

    return function


def _driver_version() -> int:
    reach("driver")
    return int(os.environ.get("FAKE_DRIVER", "12040"))


runtime = SimpleNamespace(
    runtimeGetVersion=_answer("runtime version", 12090),
    driverGetVersion=_driver_version,
    getDeviceCount=_answer("count", 1),
    getDeviceProperties=_answer("properties", {"name": b"Fake GPU", "major": 9, "minor": 0}),
    memGetInfo=_answer("memory", (70 * 2**30, 80 * 2**30)),
)
cuda = SimpleNamespace(
    runtime=runtime,
    nvrtc=SimpleNamespace(getVersion=_answer("nvrtc", (12, 9))),
    Device=Device,
    Stream=Stream,
)
uint16 = np.uint16


def ones(*arguments):
    reach("headers")
    return np.ones(*arguments)


def matmul(A, B, out):
    reach("product")
    return np.matmul(A, B, out=out)


def sum(x, axis, out):
    reach("reduction")
    return np.sum(x, axis=axis, out=out)


__version__ = "14.2.0"
reach("import")
