"""Where arrays live and how work runs on them."""

from gpunet.backends.base import Array, Backend, Bound, Kernel, LaunchBackend, Work
from gpunet.backends.selection import available_devices, get_backend

__all__ = [
    "Array",
    "Backend",
    "Bound",
    "Kernel",
    "LaunchBackend",
    "Work",
    "available_devices",
    "get_backend",
]
