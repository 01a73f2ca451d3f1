"""Matrix products on a GPU: planned once for fixed arrays, then only launched.

cuBLAS through CuPy cannot be captured into a CUDA graph, and its TF32 switch holds for the whole
process; a cuBLASLt handle of our own has neither fault. Where the library cannot be found, products
go through CuPy after all, and ``reason`` says why.
"""

from __future__ import annotations

from typing import Any

import cupy

from gpunet.backends.devices.cublas_lt import Handle, Plan, load, matrix
from gpunet.errors import DeviceError, GpunetError

# What NVIDIA advises for Hopper; other GPUs need less.
WORKSPACE_BYTES = 32 * 2**20
# Arrays come and go (evaluations, other networks); beyond this many plans, the one that has not
# been used for longest is dropped.
MOST_PLANS = 512
# Arrays of 16-bit words hold bfloat16 numbers, a type that CuPy does not have.
TYPES = {"uint16": "bfloat16"}


class Products:
    """The products of one backend, on one stream."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._plans: dict[Any, Plan] = {}
        self.reason = ""
        self._handle: Handle | None = None
        try:
            self._handle = Handle(load((cupy.cuda.runtime.runtimeGetVersion() // 1000,)))
            self._workspace = cupy.empty(WORKSPACE_BYTES, "uint8")
        except GpunetError as error:
            self._handle = None
            self.reason = str(error)

    @property
    def planned(self) -> bool:
        """Whether products can be captured, and computed in TF32 and from 16-bit operands."""
        return self._handle is not None

    def __call__(self, A: Any, B: Any, out: Any, add: bool, tf32: bool) -> None:
        """``out = A @ B``, or ``out += A @ B``."""
        plan = self._plan(A, B, out, add, tf32)
        if plan is not None:
            plan.run(self._stream.ptr, self._workspace.data.ptr)
        elif tf32 or A.dtype == cupy.uint16:
            raise DeviceError(f"this precision needs cuBLASLt: {self.reason}")
        elif add:
            out += A @ B
        else:
            cupy.matmul(A, B, out=out)

    def _plan(self, A: Any, B: Any, out: Any, add: bool, tf32: bool) -> Plan | None:
        if self._handle is None:
            return None
        key = (*((x.data.ptr, x.shape, x.strides, x.dtype.char) for x in (A, B, out)), add, tf32)
        plan = self._plans.pop(key, None)
        if plan is None:
            if len(self._plans) >= MOST_PLANS:
                self._plans.pop(next(iter(self._plans))).close()
            try:
                a, b, c = (matrix(x, TYPES.get(x.dtype.name)) for x in (A, B, out))
                precision = "tf32" if tf32 else a.dtype
                plan = Plan(
                    *(self._handle, a, b, c, precision),
                    alpha=1.0,
                    beta=1.0 if add else 0.0,
                    workspace_bytes=WORKSPACE_BYTES,
                )
            except GpunetError as error:
                raise DeviceError(
                    f"cuBLASLt cannot plan a {A.shape} @ {B.shape} product: {error}"
                ) from error
        self._plans[key] = plan  # the last in the order
        return plan
