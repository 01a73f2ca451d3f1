"""Choosing where to run. A GPU counts as usable only after it has computed something."""

from __future__ import annotations

import contextlib
import re
from importlib import metadata, util
from typing import Any

import numpy as np

from gpunet.backends.array_api import ArrayApiBackend
from gpunet.backends.base import Backend
from gpunet.backends.numpy_backend import NumpyBackend
from gpunet.errors import ArgumentError, DeviceError, did_you_mean

INSTALL = "pip install 'gpunet[cuda12x]' (or cuda13x, to match the driver)"


def get_backend(device: str = "auto", *, xp: Any = None) -> Backend:
    """Return the backend for a device, or for an array namespace.

    Args:
        device: "auto" (a GPU if one is usable, else the CPU; ``backend.reason`` says why),
            "cpu" (never imports cupy), "cuda" (the first usable GPU) or "cuda:N".
        xp: An array-API namespace to run on instead: numpy, cupy, array_api_strict, torch, ...

    Raises:
        ArgumentError: The name is none of these.
        DeviceError: A GPU was asked for and cannot be used; the message says why.
    """
    if xp is not None:
        name = getattr(xp, "__name__", "")
        if name == "numpy":
            return NumpyBackend()
        return _gpu("cuda:0") if name == "cupy" else ArrayApiBackend(xp)
    if device == "cpu":
        return NumpyBackend()
    if device == "cuda" or re.fullmatch(r"cuda:\d+", str(device)):
        return _gpu("cuda:0" if device == "cuda" else device)
    if device != "auto":
        raise ArgumentError(
            f"unknown device {device!r}{did_you_mean(str(device), ['auto', 'cpu', 'cuda'])}; "
            "expected auto, cpu, cuda or cuda:N"
        )
    try:
        return _gpu("cuda:0")
    except DeviceError as error:
        return NumpyBackend(reason=str(error))


def available_devices() -> list[str]:
    """Return the usable devices: "cpu", then every GPU on which a kernel and a product ran."""
    devices = ["cpu"]
    with contextlib.suppress(DeviceError):
        for number in range(_gpu_count()):
            with contextlib.suppress(DeviceError):
                devices.append(_gpu(f"cuda:{number}").device)
    return devices


def _gpu(device: str) -> Backend:
    """Return a probed GPU backend; DeviceError says in one line why there is none."""
    number, count = int(device.removeprefix("cuda:")), _gpu_count()
    if number >= count:
        raise DeviceError(f"there is no GPU {number}: this machine has {count}, numbered from 0")
    from gpunet.backends.cupy_backend import CupyBackend

    try:
        backend = CupyBackend(number)
        probe(backend)
    except Exception as error:  # CuPy raises many kinds; each means that this GPU is unusable
        raise DeviceError(explain(error)) from error
    backend.reason = "a small kernel and a small product ran on it"
    return backend


def _gpu_count() -> int:
    """Return how many GPUs the driver reports; raises DeviceError if CuPy cannot ask it."""
    if util.find_spec("cupy") is None:
        raise DeviceError(f"CuPy is not installed; for an NVIDIA GPU: {INSTALL}")
    wheels = installed_cupy_wheels()
    if len(wheels) > 1:
        raise DeviceError(
            f"{len(wheels)} CuPy packages are installed ({', '.join(wheels)}) and overwrite each "
            f"other's files; pip uninstall -y {' '.join(wheels)}, then {INSTALL}"
        )
    try:
        import cupy

        count = int(cupy.cuda.runtime.getDeviceCount())
    except Exception as error:
        raise DeviceError(explain(error)) from error
    if count == 0:
        raise DeviceError("the NVIDIA driver reports no GPU (is CUDA_VISIBLE_DEVICES empty?)")
    return count


def installed_cupy_wheels() -> list[str]:
    """Return the names of the installed packages that provide the module cupy."""
    names = {str(d.metadata["Name"]).lower() for d in metadata.distributions()}
    return sorted(n for n in names if re.fullmatch(r"cupy(-cuda\d+x?|-rocm-[\d-]+)?", n))


def probe(backend: Backend) -> None:
    """Run a small kernel and a small product and wait for both; whatever fails, raises."""
    x = backend.array(np.arange(6.0).reshape(2, 3), "float32")
    doubled, product = backend.zeros((2, 3), "float32"), backend.zeros((2, 2), "float32")
    backend.kernel(lambda xp, x: xp.tanh(x) * 0.0 + 2.0 * x)(x, out=doubled)
    backend.matmul(x, backend.reshape(doubled, (3, 2)), out=product)
    backend.synchronize()
    if backend.to_numpy(product).tolist() != [[20.0, 26.0], [56.0, 80.0]]:
        raise DeviceError(f"{backend.device} computes a small product wrongly; check its memory")


def explain(error: Exception) -> str:
    """Return in one line what a CuPy error means for the user, and what mends it."""
    if isinstance(error, DeviceError):
        return str(error)
    text = f"{type(error).__name__}: {error}"
    first_line = text.strip().splitlines()[0]
    for pattern, meaning in (
        (
            "cudaErrorInsufficientDriver",
            "no NVIDIA driver, or one too old for the installed CuPy; nvidia-smi shows the "
            f"driver's CUDA version, then {INSTALL}",
        ),
        ("cudaErrorNoDevice", "the NVIDIA driver reports no GPU"),
        (
            "OutOfMemory|cudaErrorMemoryAllocation",
            "the GPU is out of memory; nvidia-smi shows who uses it",
        ),
        (
            r"nvrtc|cannot open source file|\.h\b",
            f"CuPy cannot compile kernels (NVRTC or the CUDA headers are missing); {INSTALL}",
        ),
        (r"lib(cublas|cudart|cuda)\b", f"a CUDA library is missing; {INSTALL}"),
        ("numpy", "CuPy and NumPy do not fit together; pip install --upgrade 'cupy>=14'"),
    ):
        if re.search(pattern, text, re.IGNORECASE):
            return f"{meaning} ({first_line})"
    return f"the GPU cannot be used ({first_line})"
