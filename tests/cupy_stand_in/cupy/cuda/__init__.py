"""cupy.cuda: what gpunet uses of it."""

from typing import Any

from cupy._devices import Device
from cupy._errors import missing
from cupy._streams import Event, Graph, Stream, get_current_stream, get_elapsed_time
from cupy.cuda import compiler, nvrtc, runtime

__all__ = [
    "Device",
    "Event",
    "Graph",
    "Stream",
    "compiler",
    "get_current_stream",
    "get_elapsed_time",
    "is_available",
    "nvrtc",
    "runtime",
]


def is_available() -> bool:
    try:
        return runtime.getDeviceCount() > 0
    except runtime.CUDARuntimeError:
        return False


def __getattr__(name: str) -> Any:
    raise missing("cupy.cuda", name)
