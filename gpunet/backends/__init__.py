"""Where arrays live and how work runs on them."""

from gpunet.backends.base import Array, Backend, Bound, Kernel, Work
from gpunet.backends.selection import available_devices, get_backend
from gpunet.kernels.expression import arguments_read

__all__ = [
    "Array",
    "Backend",
    "Bound",
    "Kernel",
    "Work",
    "arguments_read",
    "available_devices",
    "get_backend",
]
