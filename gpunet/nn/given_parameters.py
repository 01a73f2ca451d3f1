"""Parameters that a user gives, checked before one of them is set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet.backends import Backend
from gpunet.datasets.dataset import refuse_masked
from gpunet.errors import ArgumentError


def checked_parameters(
    parameters: Any, shapes: Mapping[str, tuple[int, ...]], dtype: str, backend: Backend
) -> dict[str, NDArray]:
    """Return them as host arrays of ``dtype``, by name.

    Args:
        parameters: Host or device arrays by name.
        shapes: The shape of each of the network's own.
        dtype, backend: The network's.

    Raises:
        ArgumentError: A wrong name, shape or type, or a value that is not finite.
    """
    if not isinstance(parameters, Mapping):
        raise ArgumentError(
            f"parameters must be a dictionary such as {{'W1': ...}}; got {parameters!r}"
        )
    unknown = sorted(str(name) for name in set(parameters) - set(shapes))
    missing = sorted(set(shapes) - set(parameters))
    if unknown or missing:
        raise ArgumentError(
            f"this network's parameters are {', '.join(shapes)}; "
            + "; ".join(
                f"{what}: {', '.join(names)}"
                for what, names in (("unknown", unknown), ("missing", missing))
                if names
            )
        )
    return {
        name: _checked(name, value, shapes[name], dtype, backend)
        for name, value in parameters.items()
    }


def _checked(
    name: str, value: Any, shape: tuple[int, ...], dtype: str, backend: Backend
) -> NDArray:
    try:
        refuse_masked(value, name)
        host = backend.to_numpy(value) if backend.owns(value) else np.asarray(value)
    except (TypeError, ValueError) as error:  # DataError too
        raise ArgumentError(f"{name} cannot be read as an array ({error})") from error
    if host.dtype.kind not in "biuf":
        raise ArgumentError(f"{name} must hold numbers, not {host.dtype}")
    if host.shape != shape:
        raise ArgumentError(
            f"{name} has shape {host.shape} but this network's is {shape} (fan_in, fan_out); "
            "transpose a (fan_out, fan_in) one"
        )
    with np.errstate(over="ignore"):
        floats: NDArray = host.astype(dtype)
    if not np.isfinite(floats).all():
        raise ArgumentError(
            f"{name} holds values that are no finite {dtype}; a network with such parameters "
            "predicts nothing"
        )
    return floats
