"""cupy.cuda.runtime: the questions that gpunet asks of CUDA."""

from typing import Any

from cupy import _cublas_lt, _devices
from cupy._compiler import compiler
from cupy._devices import make_current
from cupy._errors import CUDARuntimeError, missing
from cupy._memory import pool
from cupy._queues import synchronize_device

__all__ = ["CUDARuntimeError"]

VERSION = 13020
streamCaptureModeGlobal, streamCaptureModeThreadLocal, streamCaptureModeRelaxed = 0, 1, 2


def runtimeGetVersion() -> int:
    _cublas_lt.load()  # CuPy's libraries are there from the time that one can ask it this
    return VERSION


def driverGetVersion() -> int:
    return VERSION


def getDeviceCount() -> int:
    compiler()
    if not _devices.count():
        raise CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")
    return _devices.count()


def getDevice() -> int:
    return _devices.current()


def setDevice(device: int) -> None:
    make_current(device)


def getDeviceProperties(device: int) -> dict[str, Any]:
    if device >= _devices.count():
        raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
    major, minor = map(int, _devices.COMPUTE_CAPABILITY)
    return {
        "name": b"CuPy stand-in",
        "major": major,
        "minor": minor,
        "totalGlobalMem": _devices.BYTES,
        "multiProcessorCount": 1,
        "warpSize": 32,
        "maxThreadsPerBlock": 1024,
    }


def memGetInfo() -> tuple[int, int]:
    return pool(_devices.current()).free_bytes_of_device(), _devices.BYTES


def deviceSynchronize() -> None:
    synchronize_device(_devices.current())


def profilerStart() -> None:
    """Do nothing: no profiler watches."""


def profilerStop() -> None:
    """Do nothing."""


def __getattr__(name: str) -> Any:
    raise missing("cupy.cuda.runtime", name)
