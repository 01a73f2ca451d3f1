"""The CPU, through NumPy: in-place ufuncs over cache-sized blocks, products by its BLAS."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gpunet.backends.base import Array, Backend, Kernel, as_host
from gpunet.backends.blas_threads import ALL_THREADS, SMALL_PRODUCT, OneThread
from gpunet.backends.call import Call
from gpunet.backends.expression import Formula, trace
from gpunet.backends.ufunc_program import Program, Scratch


class NumpyBackend(Backend):
    """Runs on the CPU. One object must not be used from two threads: they would share scratch."""

    xp: Any = np
    name = "numpy"
    device = "cpu"

    def __init__(self, reason: str = "") -> None:
        self.reason = reason
        self._scratch = Scratch()
        self._ones: dict[np.dtype, NDArray] = {}
        self._one_thread = OneThread()

    def array(self, host: Any, dtype: DTypeLike) -> NDArray:
        """Copy ``host`` into a new array of ``dtype``."""
        return as_host(host, dtype)

    def share(self, host: NDArray) -> NDArray:
        """Return ``host`` itself; a memory-mapped file stays one."""
        return np.ascontiguousarray(host)

    def to_numpy(self, x: Array) -> NDArray:
        """Copy ``x``."""
        return np.array(x, copy=True)

    def owns(self, x: Any) -> bool:
        """Return whether ``x`` is a NumPy array."""
        return isinstance(x, np.ndarray)

    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
        """Return a new array of zeros."""
        return np.zeros(shape, dtype)

    def reshape(self, x: Array, shape: tuple[int, ...]) -> NDArray:
        """Return a view in another shape."""
        view: NDArray = x.reshape(shape)
        return view

    def assign(self, out: Array, value: Array | NDArray) -> None:
        """Copy ``value`` into ``out``."""
        np.copyto(out, value, casting="same_kind")

    def take(self, X: Array, rows: Array | slice, scale: float, out: Array) -> None:
        """Gather and scale: ``out = scale * X[rows]``."""
        if isinstance(rows, slice):
            np.multiply(X[rows], scale, out=out, dtype=out.dtype)
            return
        if X.dtype == out.dtype:
            # mode="clip" writes straight into `out`; "raise" would go through a copy.
            np.take(X, rows, axis=0, out=out, mode="clip")
            if scale != 1.0:
                np.multiply(out, scale, out=out)
            return
        gathered = self._scratch.block(X.dtype, -1, out.shape)
        np.take(X, rows, axis=0, out=gathered, mode="clip")
        np.multiply(gathered, scale, out=out, dtype=out.dtype)

    def matmul(self, A: Array, B: Array, out: Array) -> None:
        """``out = A @ B``."""
        few = A.size * (B.size // len(B)) <= SMALL_PRODUCT
        with np.errstate(over="ignore", invalid="ignore"), self._one_thread if few else ALL_THREADS:
            np.matmul(A, B, out=out)

    def sum(self, x: Array, axis: int, out: Array) -> None:
        """Sum along ``axis``; down the columns as a product with ones, which BLAS does faster."""
        if axis == 1:
            with np.errstate(over="ignore", invalid="ignore"):
                np.add.reduce(x, axis=1, out=out)
            return
        ones = self._ones.get(x.dtype)
        if ones is None or ones.size < len(x):
            ones = self._ones[x.dtype] = np.ones(len(x), x.dtype)
        self.matmul(ones[: len(x)], x, out=out)

    def kernel(self, formula: Formula) -> Kernel:
        """Return the formula as blocked ufunc calls, compiled at first sight of new shapes."""
        programs: dict[Any, Program] = {}

        def run(*arguments: Any, out: NDArray | tuple[NDArray, ...]) -> None:
            outs = out if isinstance(out, tuple) else (out,)
            key = (
                *[(a.shape, a.dtype) if isinstance(a, np.ndarray) else type(a) for a in arguments],
                outs[0].shape,
                outs[0].dtype,
            )
            program = programs.get(key)
            if program is None:
                call = Call.of(arguments, outs)
                program = programs[key] = Program(
                    trace(formula, call.arguments), call, self._scratch
                )
            program.run(arguments, outs)

        return run

    def synchronize(self) -> None:
        """Do nothing: NumPy has finished when it returns."""

    def describe(self) -> str:
        """Return "cpu (N threads, NumPy X.Y)"."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return f"cpu ({cores} cores, NumPy {np.__version__})"
