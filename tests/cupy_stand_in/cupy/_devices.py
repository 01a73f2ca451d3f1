"""Which device is current, as CUDA keeps it for each thread; there are two."""

import os
import threading
from typing import Any

from cupy._errors import CUDARuntimeError, missing

COMPUTE_CAPABILITY = "90"
BYTES = 2 * 2**30  # of memory, each

_thread = threading.local()


def count() -> int:
    """Return how many devices there are: two, or those of them that the environment names."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0,1")
    named = 0
    for name in visible.split(","):
        if name.strip() not in ("0", "1"):
            break  # as CUDA does: the first that it does not know ends the list
        named += 1
    return named


def current() -> int:
    return getattr(_thread, "number", 0)


def make_current(number: int) -> None:
    if not 0 <= number < count():
        raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
    _thread.number = number


class Device:
    """One of the devices; current within ``with``."""

    compute_capability = COMPUTE_CAPABILITY

    def __init__(self, device: int | None = None) -> None:
        self.id = current() if device is None else int(device)
        self._before: list[int] = []

    def __int__(self) -> int:
        return self.id

    def __enter__(self) -> "Device":
        self._before.append(current())
        make_current(self.id)
        return self

    def __exit__(self, *error: object) -> None:
        make_current(self._before.pop())

    def use(self) -> "Device":
        make_current(self.id)
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and other.id == self.id

    def __hash__(self) -> int:
        return self.id

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"

    def synchronize(self) -> None:
        from cupy._queues import synchronize_device

        synchronize_device(self.id)

    @property
    def mem_info(self) -> tuple[int, int]:
        from cupy._memory import pool

        return pool(self.id).free_bytes_of_device(), BYTES

    def __getattr__(self, name: str) -> Any:
        raise missing("Device", name)
