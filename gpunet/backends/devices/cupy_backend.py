"""NVIDIA GPUs, through CuPy: one generated CUDA kernel for each formula, products by cuBLASLt.

Only this module imports cupy, and only when a GPU is asked for.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import cupy
import numpy as np
from numpy.typing import DTypeLike, NDArray

from gpunet.backends.base import Array, Kernel, LaunchBackend, Work, as_host
from gpunet.backends.devices.cupy_products import Products
from gpunet.kernels.call import Call, strides
from gpunet.kernels.cuda_source import (
    OPTIONS,
    SUM_THREADS,
    cuda_source,
    gather_source,
    needs_row_warps,
    sums_source,
)
from gpunet.kernels.expression import Formula, trace
from gpunet.kernels.launch import THREADS, WARP, blocks_for, chunks_of


class CupyBackend(LaunchBackend):
    """Runs on one GPU. Work is queued on the device; only to_numpy and synchronize wait.

    Several threads may use it; they take turns, so that a graph holds the work of one only.
    """

    xp: Any = cupy
    name = "cupy"
    bfloat16 = "uint16"
    captures = True

    def __init__(self, number: int = 0, reason: str = "") -> None:
        self.device = f"cuda:{number}"
        self.reason = reason
        self._device = cupy.cuda.Device(number)
        self._turn = threading.RLock()
        with self._device:
            # The default stream cannot be captured; this one waits for it and it for this one.
            self._stream = cupy.cuda.Stream()
        with self._here():
            self._products = Products(self._stream)
            ampere = int(self._device.compute_capability) >= 80
        self.tensor_cores = ampere and self._products.planned
        if not self.tensor_cores:
            self.bfloat16 = "float32"
        self._ones: dict[Any, Array] = {}
        self._gathers: dict[tuple[str, str], Any] = {}
        self._graphs_fail = self._products.reason  # why nothing is captured; "" where it can be

    @contextmanager
    def _here(self) -> Iterator[None]:
        with self._turn, self._device, self._stream:
            yield

    def array(self, host: Any, dtype: DTypeLike) -> Array:
        """Copy ``host`` to the device."""
        with self._here():
            return cupy.array(as_host(host, dtype))

    def to_numpy(self, x: Array) -> NDArray:
        """Copy ``x`` to the host; waits for it."""
        with self._here():
            host: NDArray = cupy.asnumpy(x)
            return host

    def owns(self, x: Any) -> bool:
        """Return whether ``x`` is a CuPy array."""
        return isinstance(x, cupy.ndarray)

    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        """Return a new array of zeros."""
        with self._here():
            return cupy.zeros(shape, dtype)

    def reshape(self, x: Array, shape: tuple[int, ...]) -> Array:
        """Return a view in another shape."""
        return x.reshape(shape)

    def assign(self, out: Array, value: Array | NDArray) -> None:
        """Copy ``value`` into ``out``."""
        with self._here():
            if isinstance(value, np.ndarray):
                out.set(np.ascontiguousarray(value, dtype=out.dtype))
            else:
                cupy.copyto(out, value)

    def take(self, X: Array, rows: Array | slice, scale: float, out: Array) -> None:
        """Gather and scale in one kernel: ``out = scale * X[rows]``."""
        if isinstance(rows, slice):
            chosen, start = np.uint64(0), rows.start or 0  # a null pointer: no list of rows
        else:
            with self._here():
                chosen, start = rows.astype(np.int64, copy=False), 0  # what the kernel reads
        source, target = X.dtype.name, out.dtype.name
        gather = self._gathers.get((source, target))
        if gather is None:
            text = gather_source(source, target)
            gather = self._gathers[source, target] = cupy.RawKernel(text, "gather", OPTIONS)
        count, columns = out.shape
        arguments = (
            *(np.int64(count), np.int64(columns), X, np.int64(X.strides[0] // X.itemsize)),
            *(chosen, np.int64(start)),
            *(out.dtype.type(scale), out),
        )
        self._launch(gather, blocks_for(count * columns), arguments)

    def matmul(self, A: Array, B: Array, out: Array, add: bool = False, tf32: bool = False) -> None:
        """``out = A @ B``, by cuBLASLt."""
        with self._here():
            self._products(A, B, out, add, tf32)

    def sum(self, x: Array, axis: int, out: Array) -> None:
        """Sum along ``axis``; down the columns as a product with ones, along rows by CuPy."""
        with self._here():
            if axis == 1:
                cupy.sum(x, axis=1, out=out)
                return
            # One array for each length, kept for good: a graph may be reading it.
            key = (x.dtype.char, len(x))
            ones = self._ones.get(key)
            if ones is None:
                ones = self._ones[key] = cupy.ones((1, len(x)), x.dtype)
            # As 1-row tables: one gemm, and `out` is written in place.
            self._products(ones, x, out[None, :], add=False, tf32=False)

    def kernel(self, formula: Formula) -> Kernel:
        """Return the formula as one CUDA kernel, compiled at first sight of new types."""
        calls: dict[Any, tuple[Any, bool]] = {}

        def run(*arguments: Any, out: Array | tuple[Array, ...]) -> None:
            outs = out if isinstance(out, tuple) else (out,)
            call = Call.of(arguments, outs)
            key = (call.arguments, call.outputs_vary, call.precision, call.numbers)
            if key not in calls:
                graph = trace(formula, call.arguments)
                kernel = cupy.RawKernel(cuda_source(graph, call), "formula", OPTIONS)
                calls[key] = kernel, needs_row_warps(graph)
            kernel, by_row = calls[key]
            work = call.rows * (WARP if by_row else call.columns)
            self._launch(kernel, blocks_for(work), _parameters(call, (*arguments, *outs)))

        return run

    def column_sums(self, formula: Formula) -> Kernel:
        """Return the formula and the sums of its results as one CUDA kernel."""
        calls: dict[Any, tuple[Any, Array, Array]] = {}

        def run(*arguments: Any, out: Array | tuple[Array, ...]) -> None:
            outs = out if isinstance(out, tuple) else (out,)
            call = Call.of(arguments, outs)
            key = (call.arguments, call.outputs_vary, call.precision, call.rows, call.columns)
            groups = -(-call.columns // WARP)
            chunks = chunks_of(call.rows)
            if key not in calls:
                text = sums_source(trace(formula, call.arguments), call)
                calls[key] = (
                    cupy.RawKernel(text, "sums", OPTIONS),
                    self.zeros((len(outs), chunks, call.columns), call.precision),
                    self.zeros((groups,), "uint32"),
                )
            kernel, partial, arrived = calls[key]
            head = (np.int64(chunks), partial, arrived)
            parameters = head + _parameters(call, (*arguments, *outs))
            self._launch(kernel, groups * chunks, parameters, SUM_THREADS)

        return run

    def _launch(
        self, kernel: Any, blocks: int, arguments: tuple[Any, ...], threads: int = THREADS
    ) -> None:
        with self._here():
            kernel((blocks,), (threads,), arguments)

    def capture(self, work: Work) -> Work:
        """Run ``work`` as it stands at first, which compiles and plans all; then as a graph."""
        replay: Work | None = None
        calls = 0

        def run() -> None:
            nonlocal replay, calls
            calls += 1
            if calls == 2 and not self._graphs_fail:
                replay = self._graph_of(work)
            (replay or work)()

        return run

    def _graph_of(self, work: Work) -> Work | None:
        with self._here():
            try:
                self._stream.begin_capture()
                try:
                    work()
                except BaseException:
                    with suppress(Exception):  # it would hide what went wrong
                        self._stream.end_capture()
                    raise
                graph = self._stream.end_capture()
            except Exception as error:  # whatever it is, the steps can still be launched one by one
                self._graphs_fail = f"the CUDA graph could not be captured ({error})"
                return None

        def launch() -> None:
            with self._here():
                graph.launch(self._stream)

        return launch

    def synchronize(self) -> None:
        """Wait for the device."""
        with self._here():
            self._stream.synchronize()

    def settings(self) -> dict[str, str]:
        """Return the driver's and the runtime's CUDA versions, and CuPy's process-wide switches."""
        runtime = cupy.cuda.runtime
        return {
            "device": self.describe(),
            "driver": str(runtime.driverGetVersion()),
            "runtime": str(runtime.runtimeGetVersion()),
            "launches": f"one by one: {self._graphs_fail}" if self._graphs_fail else "CUDA graphs",
            "CUPY_TF32": os.environ.get("CUPY_TF32", "0"),
            "CUPY_ACCELERATORS": os.environ.get("CUPY_ACCELERATORS", "cub"),
        }

    def describe(self) -> str:
        """Return "cuda:N (the GPU's name, CuPy X.Y)"."""
        properties = cupy.cuda.runtime.getDeviceProperties(self._device.id)
        return f"{self.device} ({properties['name'].decode()}, CuPy {cupy.__version__})"


def _parameters(call: Call, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the table's size, then each array with its strides, or each number."""
    number = np.dtype(call.precision).type
    parameters: list[Any] = [np.int64(call.rows), np.int64(call.columns)]
    for a in values:
        if hasattr(a, "shape"):
            parameters += [a, *strides(a, call)]
        else:
            parameters.append(number(a))
    return tuple(parameters)
