"""A device without a device: NumPy behind arrays that behave as a GPU's do.

For tests where there is no GPU. What CuPy refuses, this refuses; what costs something on a GPU is
counted. So code that runs here has no hidden transfer to the host, and its allocations, kernel
launches and read-backs are known.

The rules are CuPy 14's: an array refuses implicit conversion to NumPy (``__array__`` raises
TypeError) and indexing by host arrays; ``float()``, ``bool()`` and ``item()``, which CuPy allows
and pays for with a wait, are refused too, because a training step must not wait. Host and device
arrays do not mix. A product copies an operand that is neither C- nor F-contiguous, and goes
through a temporary if ``out`` is not C-contiguous.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NoReturn

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gpunet.backends.base import Kernel, LaunchBackend, Work, as_host
from gpunet.backends.devices.numpy_backend import NumpyBackend
from gpunet.kernels.expression import Formula


class StrictDeviceError(TypeError):
    """Host code touched device data, or the other way round."""


class DeviceArray:
    """An array that only its backend's verbs can compute with; slices are views."""

    def __init__(self, data: NDArray) -> None:
        self._data = data

    shape = property(lambda self: self._data.shape)
    dtype = property(lambda self: self._data.dtype)
    ndim = property(lambda self: self._data.ndim)
    size = property(lambda self: self._data.size)
    strides = property(lambda self: self._data.strides)
    itemsize = property(lambda self: self._data.itemsize)
    T = property(lambda self: DeviceArray(self._data.T))

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index: Any) -> DeviceArray:
        """Return a view; integers and slices only, as they need no data from the device."""
        for part in index if isinstance(index, tuple) else (index,):
            if not isinstance(part, int | slice | None | type(Ellipsis)):
                raise StrictDeviceError(
                    f"a device array was indexed by {type(part).__name__}; gather rows with "
                    "backend.take"
                )
        view = self._data[index]
        if not isinstance(view, np.ndarray):
            # A GPU would hand out a 0-dimensional array; NumPy a number, which is on the host.
            view = self._data[(*(index if isinstance(index, tuple) else (index,)), ...)]
        return DeviceArray(view)

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise StrictDeviceError("a device array was assigned to; write with backend.assign")

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise StrictDeviceError(
            "a device array was used as host data or in host arithmetic; read it with "
            "backend.to_numpy, compute with backend.kernel"
        )

    __array__ = __array_ufunc__ = __array_function__ = __dlpack__ = _refuse
    __float__ = __int__ = __bool__ = __index__ = __complex__ = __iter__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __matmul__ = __rmatmul__ = (
        _refuse
    )
    __truediv__ = __rtruediv__ = __neg__ = __pow__ = __iadd__ = __isub__ = __imul__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __hash__ = None  # type: ignore[assignment]
    item = tolist = copy = astype = reshape = sum = _refuse


class StrictDeviceBackend(LaunchBackend):
    """Computes with NumPy, and counts.

    Attributes:
        counts: How often, since it was last cleared: "allocation" (new device memory, temporaries
            included), "launch" (kernels and products), "upload" and "read-back" (transfers).
    """

    xp: Any = None  # there is no namespace: model code has to use the verbs
    name = "strict-device"
    device = "cuda:strict"
    captures = True

    def __init__(self) -> None:
        self._host = NumpyBackend()
        self.counts: Counter[str] = Counter()

    def array(self, host: Any, dtype: DTypeLike) -> DeviceArray:
        """Allocate and upload."""
        self.counts.update(("allocation", "upload"))
        return DeviceArray(as_host(_host_only(host), dtype))

    def to_numpy(self, x: DeviceArray) -> NDArray:
        """Read back."""
        self.counts["read-back"] += 1
        return _data(x).copy()

    def owns(self, x: Any) -> bool:
        """Return whether ``x`` is a device array."""
        return isinstance(x, DeviceArray)

    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike) -> DeviceArray:
        """Allocate."""
        self.counts["allocation"] += 1
        return DeviceArray(np.zeros(shape, dtype))

    def reshape(self, x: DeviceArray, shape: tuple[int, ...]) -> DeviceArray:
        """Return a view; refuses what would need a copy."""
        data = _data(x)
        if not data.flags.c_contiguous:
            raise StrictDeviceError("reshape of an array that is not contiguous copies it")
        return DeviceArray(data.reshape(shape))

    def assign(self, out: DeviceArray, value: DeviceArray | NDArray) -> None:
        """Upload a host array, or copy on the device."""
        if isinstance(value, DeviceArray):
            self.counts["launch"] += 1
        else:
            self.counts["upload"] += 1
            if not _data(out).flags.c_contiguous:
                raise StrictDeviceError("cupy.ndarray.set needs a contiguous array")
        np.copyto(_data(out), value._data if isinstance(value, DeviceArray) else value)

    def take(
        self, X: DeviceArray, rows: DeviceArray | slice, scale: float, out: DeviceArray
    ) -> None:
        """One kernel."""
        self.counts["launch"] += 1
        chosen = rows if isinstance(rows, slice) else _data(rows)
        self._host.take(_data(X), chosen, scale, _contiguous(out))

    def matmul(
        self,
        A: DeviceArray,
        B: DeviceArray,
        out: DeviceArray,
        add: bool = False,
        tf32: bool = False,
    ) -> None:
        """One product; an operand or a result of the wrong layout costs a temporary."""
        self.counts["launch"] += 1
        for operand in (_data(A), _data(B)):
            if not (operand.flags.c_contiguous or operand.flags.f_contiguous):
                self.counts.update(("allocation", "launch"))
        if not _data(out).flags.c_contiguous:
            self.counts.update(("allocation", "launch"))
        self._host.matmul(_data(A), _data(B), _data(out), add, tf32)

    def sum(self, x: DeviceArray, axis: int, out: DeviceArray) -> None:
        """One reduction, or one product with ones."""
        self.counts["launch"] += 1
        self._host.sum(_data(x), axis, _contiguous(out))

    def kernel(self, formula: Formula) -> Kernel:
        """Return the formula as one kernel."""
        return self._counted(self._host.kernel(formula))

    def column_sums(self, formula: Formula) -> Kernel:
        """Return the formula with its sums as one kernel."""
        return self._counted(self._host.column_sums(formula))

    def _counted(self, run: Kernel) -> Kernel:
        def launch(*arguments: Any, out: DeviceArray | tuple[DeviceArray, ...]) -> None:
            self.counts["launch"] += 1
            outs = tuple(_data(o) for o in (out if isinstance(out, tuple) else (out,)))
            run(
                *[a if isinstance(a, int | float) else _data(a) for a in arguments],
                out=outs if isinstance(out, tuple) else outs[0],
            )

        return launch

    def capture(self, work: Work) -> Work:
        """Run ``work`` as it stands at first; from then on refuse what no graph can hold."""
        calls = 0

        def run() -> None:
            nonlocal calls
            calls += 1
            before = self.counts.copy()
            work()
            if calls > 1:
                self.counts["graph"] += 1
                forbidden = self.counts - before - Counter(launch=10**9, graph=1)
                if forbidden:
                    raise StrictDeviceError(f"in a CUDA graph: {dict(forbidden)}")

        return run

    def synchronize(self) -> None:
        """Count the wait."""
        self.counts["synchronize"] += 1


def _data(x: Any) -> NDArray:
    if not isinstance(x, DeviceArray):
        raise StrictDeviceError(
            f"a {type(x).__name__} was passed where a device array belongs; upload it with "
            "backend.array"
        )
    return x._data


def _contiguous(out: DeviceArray) -> NDArray:
    data = _data(out)
    if not data.flags.c_contiguous:
        raise StrictDeviceError("the kernel writes to contiguous memory only")
    return data


def _host_only(host: Any) -> Any:
    if isinstance(host, DeviceArray):
        raise StrictDeviceError("a device array was passed where a host array belongs")
    return host
