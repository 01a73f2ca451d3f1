"""Any array-API namespace whose slices are views: array_api_strict, torch, ..."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gpunet.backends.base import Array, Backend, as_host
from gpunet.errors import DeviceError


class ArrayApiBackend(Backend):
    """Is given the texts as they stand: plain, and the check on all the others."""

    def __init__(self, xp: Any) -> None:
        self.xp = self._conforming(xp)
        self.name = getattr(xp, "__name__", "array-api")

    @staticmethod
    def _conforming(xp: Any) -> Any:
        """Return ``xp``, wrapped by array-api-compat where it is not a full array-API namespace."""
        if hasattr(xp, "astype"):
            return xp
        try:
            import array_api_compat

            return array_api_compat.array_namespace(xp.zeros(1))
        except (ImportError, TypeError, AttributeError) as error:
            raise DeviceError(
                f"{getattr(xp, '__name__', xp)!r} is not an array-API namespace; "
                "install array-api-compat if it is a library that this package wraps"
            ) from error

    def array(self, host: Any, dtype: DTypeLike) -> Array:
        """Copy ``host`` into a new array of ``dtype``."""
        return self.xp.asarray(as_host(host, dtype))

    def to_numpy(self, x: Array) -> NDArray:
        """Copy ``x`` into a new NumPy array."""
        return np.array(np.from_dlpack(x), copy=True)

    def owns(self, x: Any) -> bool:
        """Return whether ``x`` is an array of the namespace."""
        return isinstance(x, type(self.xp.zeros(1)))

    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        """Return a new array of zeros."""
        return self.xp.zeros(shape, dtype=getattr(self.xp, np.dtype(dtype).name))

    def reshape(self, x: Array, shape: tuple[int, ...]) -> Array:
        """Return a view in another shape."""
        return self.xp.reshape(x, shape)

    def assign(self, out: Array, value: Array | NDArray) -> None:
        """Copy ``value`` into ``out``."""
        out[...] = self.xp.asarray(value) if isinstance(value, np.ndarray) else value

    def take(self, X: Array, rows: Array | slice, scale: float, out: Array) -> None:
        """Gather and scale: ``out = scale * X[rows]``."""
        gathered = X[rows, :] if isinstance(rows, slice) else self.xp.take(X, rows, axis=0)
        out[...] = self.xp.astype(gathered, out.dtype) * scale

    def synchronize(self) -> None:
        """Do nothing: reading a value waits for it."""
