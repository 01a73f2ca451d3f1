"""Choosing where to run. A GPU counts as usable only after it has computed something."""

from __future__ import annotations

import contextlib
import os
import re
from importlib import util
from typing import Any

from gpunet.backends.base import Backend
from gpunet.backends.devices.array_api import ArrayApiBackend
from gpunet.backends.devices.numpy_backend import NumpyBackend
from gpunet.backends.diagnosis.failures import Facts, explain
from gpunet.backends.diagnosis.installation import INSTALL, installed_cupy_wheels
from gpunet.backends.diagnosis.probe import probe
from gpunet.errors import ArgumentError, DeviceError, did_you_mean


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
    from gpunet.backends.devices.cupy_backend import CupyBackend

    try:
        backend = CupyBackend(number)
        probe(backend)
    except Exception as error:  # CuPy raises many kinds; each means that this GPU is unusable
        raise DeviceError(explain(error, _facts())) from error
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
        raise DeviceError(explain(error, _facts())) from error
    if count == 0:
        raise DeviceError("the NVIDIA driver reports no GPU (is CUDA_VISIBLE_DEVICES empty?)")
    return count


def _facts() -> Facts:
    """Return what the remedy for an error of CuPy depends on."""
    driver = 0
    with contextlib.suppress(Exception):  # CuPy itself may be what is broken
        import cupy

        driver = int(cupy.cuda.runtime.driverGetVersion())
    return Facts(driver, installed_cupy_wheels(), visible=os.environ.get("CUDA_VISIBLE_DEVICES"))
