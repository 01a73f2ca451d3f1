"""cupy.ndarray: what gpunet uses of it, over memory that only queued work reads and writes."""

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cupy import _devices
from cupy._errors import missing
from cupy._memory import Block, Memory, MemoryPointer, pool
from cupy._queues import Work
from cupy._streams import Stream, current_queue

CAPTURING = "the current stream is capturing, so synchronous API calls are disallowed"


class Flags:
    def __init__(self, view: NDArray) -> None:
        self.c_contiguous, self.f_contiguous = view.flags.c_contiguous, view.flags.f_contiguous

    def __getattr__(self, name: str) -> Any:
        raise missing("flags", name)


class ndarray:
    """An array on a device. ``_view`` is the same memory as the device's own work sees it."""

    __slots__ = ("__weakref__", "_memory", "_view")
    # What NumPy would ask for before it makes objects of the elements.
    __array_ufunc__ = None
    __array_priority__ = 100

    def __init__(self, shape: Any, dtype: DTypeLike = float) -> None:
        shape = (shape,) if isinstance(shape, int | np.integer) else tuple(map(int, shape))
        dtype = np.dtype(dtype)
        data = pool(_devices.current()).malloc(math.prod(shape) * dtype.itemsize)
        self._memory = data.mem
        self._view = (
            np.ndarray(shape, dtype, data.mem.block.chunk.bytes)
            if data.mem
            else np.empty(shape, dtype)
        )

    @classmethod
    def _of(cls, memory: Memory | None, view: NDArray) -> "ndarray":
        array = cls.__new__(cls)
        array._memory, array._view = memory, view
        return array

    shape = property(lambda self: self._view.shape)
    strides = property(lambda self: self._view.strides)
    dtype = property(lambda self: self._view.dtype)
    ndim = property(lambda self: self._view.ndim)
    size = property(lambda self: self._view.size)
    itemsize = property(lambda self: self._view.itemsize)
    nbytes = property(lambda self: self._view.nbytes)
    flags = property(lambda self: Flags(self._view))
    T = property(lambda self: ndarray._of(self._memory, self._view.T))

    @property
    def data(self) -> MemoryPointer:
        if self._memory is None:
            return MemoryPointer(None, 0)
        return MemoryPointer(self._memory, self._view.ctypes.data - self._memory.ptr)

    @property
    def device(self) -> _devices.Device:
        return _devices.Device(self.data.device_id)

    @property
    def _blocks(self) -> tuple[Block, ...]:
        return () if self._memory is None else (self._memory.block,)

    def __len__(self) -> int:
        return len(self._view)

    def __getitem__(self, index: Any) -> "ndarray":
        parts = index if isinstance(index, tuple) else (index,)
        for part in parts:
            if isinstance(part, np.ndarray):
                raise TypeError(f"Unsupported type {type(part)}")
            if not isinstance(part, int | np.integer | slice | None | type(Ellipsis)):
                raise missing("ndarray", f"[{type(part).__name__}]")
        if Ellipsis not in [p for p in parts if not isinstance(p, ndarray)]:
            parts = (*parts, ...)  # a single element is an array too
        return ndarray._of(self._memory, self._view[parts])

    def reshape(self, *shape: Any) -> "ndarray":
        """Return a view where there can be one, else a copy made on the device."""
        wanted = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        if self._view.flags.c_contiguous:
            return ndarray._of(self._memory, self._view.reshape(wanted))
        return self.copy().reshape(wanted)

    def copy(self, order: str = "C") -> "ndarray":
        return self.astype(self.dtype)

    def astype(self, dtype: DTypeLike, order: str = "K", copy: bool = True) -> "ndarray":
        if not copy and np.dtype(dtype) == self.dtype:
            return self
        result = ndarray(self.shape, dtype)
        _elementwise("astype", np.copyto, result, self, casting="unsafe")
        return result

    def fill(self, value: Any) -> None:
        if isinstance(value, np.ndarray) and value.ndim:
            raise TypeError(f"Unsupported type {type(value)}")
        _elementwise("fill", np.copyto, self, self.dtype.type(value))

    def set(self, arr: NDArray, stream: Stream | None = None) -> None:
        """Queue an upload. The host's memory has been read when this returns."""
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if self.dtype != arr.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if self.shape != arr.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        if not (self.flags.c_contiguous or self.flags.f_contiguous):
            raise RuntimeError("Cannot set to non-contiguous array")
        queue = current_queue() if stream is None else stream._queue
        if queue.capture is not None:
            raise RuntimeError(CAPTURING)
        staged, view = arr.copy(), self._view
        queue.add(Work("upload", lambda: np.copyto(view, staged), self._blocks))

    def get(
        self,
        stream: Stream | None = None,
        order: str = "C",
        out: NDArray | None = None,
        blocking: bool = True,
    ) -> NDArray:
        """Wait for the stream (and for none that it is not ordered with), then copy."""
        if not blocking:
            raise NotImplementedError("the stand-in reads back only by waiting")
        queue = current_queue() if stream is None else stream._queue
        if queue.capture is not None:
            raise RuntimeError(CAPTURING)
        host = np.empty(self.shape, self.dtype, "F" if order == "F" else "C")
        view = self._view
        queue.add(Work("read-back", lambda: np.copyto(host, view), self._blocks))
        queue.wait()
        if out is None:
            return host
        np.copyto(out, host)
        return out

    def __array__(self, *arguments: Any, **settings: Any) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct "
            "a NumPy array explicitly."
        )

    def __iadd__(self, other: "ndarray") -> "ndarray":
        _elementwise("add", np.add, self, self, other)
        return self

    def __matmul__(self, other: "ndarray") -> "ndarray":
        result = ndarray((self.shape[0], other.shape[1]), self.dtype)
        return matmul(self, other, out=result)

    def __eq__(self, other: object) -> Any:
        raise missing("ndarray", "==")

    __hash__ = None

    def __bool__(self) -> bool:
        raise missing("ndarray", "bool()")

    def __iter__(self) -> Any:
        raise missing("ndarray", "iteration")

    def __repr__(self) -> str:
        return (
            f"<stand-in's cupy.ndarray, {self.shape} {self.dtype}>"  # what is in it, only get says
        )

    def __getattr__(self, name: str) -> Any:
        raise missing("ndarray", name)


def on_this_device(array: ndarray) -> ndarray:
    """Return the array; refuse one of another device, which a kernel could not read."""
    if array.data.device_id != _devices.current():
        raise ValueError(
            f"Array device must be same as the current device: array device = "
            f"{array.data.device_id} while current = {_devices.current()}"
        )
    return array


def _operand(x: Any) -> Any:
    """Return what the device's own work computes with: an array's memory, or a number."""
    if isinstance(x, ndarray):
        return on_this_device(x)._view
    if isinstance(x, np.ndarray):
        raise TypeError(f"Unsupported type {type(x)}")
    return x


def _elementwise(name: str, function: Any, out: ndarray, *inputs: Any, **settings: Any) -> None:
    """Queue ``function`` of NumPy's: copyto(out, x), or a ufunc with ``out``."""
    target, operands = _operand(out), [_operand(x) for x in inputs]
    blocks = [b for x in (out, *inputs) if isinstance(x, ndarray) for b in x._blocks]

    def run() -> None:
        if function is np.copyto:
            function(target, *operands, **settings)
        else:
            function(*operands, out=target, **settings)

    current_queue().add(Work(name, run, blocks))


def empty(shape: Any, dtype: DTypeLike = float) -> ndarray:
    return ndarray(shape, dtype)


def zeros(shape: Any, dtype: DTypeLike = float) -> ndarray:
    result = ndarray(shape, dtype)
    _elementwise("memset", np.copyto, result, 0)
    return result


def ones(shape: Any, dtype: DTypeLike = float) -> ndarray:
    result = ndarray(shape, dtype)
    _elementwise("fill", np.copyto, result, 1)
    return result


def array(obj: Any, dtype: DTypeLike = None, copy: bool = True) -> ndarray:
    """Return a new array of host data or of another array."""
    if isinstance(obj, ndarray):
        return obj.astype(obj.dtype if dtype is None else dtype, copy=copy)
    host = np.array(obj, dtype)
    result = ndarray(host.shape, host.dtype)
    result.set(host)
    return result


def asarray(a: Any, dtype: DTypeLike = None) -> ndarray:
    return array(a, dtype, copy=False)


def asnumpy(a: Any, stream: Stream | None = None, order: str = "C") -> NDArray:
    return a.get(stream, order) if isinstance(a, ndarray) else np.asarray(a, order=order)


def copyto(dst: ndarray, src: Any, casting: str = "same_kind") -> None:
    """Copy on the device."""
    dtype = src.dtype if isinstance(src, ndarray) else np.asarray(src).dtype
    if not isinstance(src, ndarray) and isinstance(src, np.ndarray) and src.ndim:
        raise TypeError(f"Unsupported type {type(src)}")
    if not isinstance(src, bool | int | float) and not np.can_cast(dtype, dst.dtype, casting):
        raise TypeError(f"Cannot cast {dtype} to {dst.dtype} in {casting} casting mode")
    _elementwise("copy", np.copyto, dst, src, casting="unsafe")


def sum(a: ndarray, axis: int | None = None, out: ndarray | None = None) -> ndarray:
    """Sum along the last axis; rows without gaps by CUB, which allocates, so in no capture."""
    if out is None or axis not in (a.ndim - 1, -1):
        raise missing("cupy", f"sum of this kind (shape {a.shape}, axis {axis})")
    if out.shape != a.shape[:-1]:
        raise ValueError("output parameter for reduction operation has the wrong shape")
    if a.flags.c_contiguous:
        result = ndarray(out.shape, a.dtype)
        _elementwise("sum", partial(np.sum, axis=-1), result, a)
        copyto(out, result)
    else:
        _elementwise("sum", partial(np.sum, axis=-1), out, a)
    return out


def matmul(a: ndarray, b: ndarray, out: ndarray) -> ndarray:
    """Multiply by cuBLAS, which CuPy does not let a capture see."""
    queue = current_queue()
    if queue.capture is not None:
        raise NotImplementedError(
            "calling cuBLAS API during stream capture is currently unsupported"
        )
    if not (a.dtype == b.dtype == out.dtype and out.dtype.kind == "f"):
        raise missing("cupy", f"matmul of {a.dtype} and {b.dtype} into {out.dtype}")
    operands, target = [_operand(x) for x in (a, b)], _operand(out)

    def run() -> None:
        np.copyto(target, operands[0] @ operands[1])

    queue.add(Work("gemm", run, (*a._blocks, *b._blocks, *out._blocks)))
    return out
