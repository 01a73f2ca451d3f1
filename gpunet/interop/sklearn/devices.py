"""Which device an estimator runs on."""

from __future__ import annotations

from functools import cache

from gpunet.backends import Backend, get_backend
from gpunet.errors import DeviceError


@cache
def backend_of(device: str) -> Backend:
    """Return the device's backend, probed once; errors as ``get_backend``'s."""
    return get_backend(device)


def backend_for(device: str) -> Backend:
    """Return the device's backend, or the CPU's for a GPU that is gone: for what was pickled."""
    try:
        return backend_of(device)
    except DeviceError:
        return backend_of("cpu")
