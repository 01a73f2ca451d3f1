"""Matrix products through a private cuBLASLt handle, planned once and then only launched.

CuPy's own products refuse to be captured into a CUDA graph, and whether they use TF32 is decided
for the whole process. A ``Plan`` fixes everything beforehand: operands, precision, algorithm. Its
``run`` makes one call that queues kernels, allocates nothing and waits for nothing, so that a
graph can capture it.

Nothing here knows about CuPy: memory and streams are addresses. The caller makes the GPU current
that the memory is on, keeps the memory alive, and orders its work by streams.

    handle = Handle(load())
    plan = Plan(handle, matrix(A), matrix(B.T), matrix(out), "tf32")
    workspace = cupy.empty(plan.workspace_bytes, "uint8")
    plan.run(stream.ptr, workspace.data.ptr)    # out = A @ B.T
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Sequence
from contextlib import ExitStack
from ctypes import byref, c_double, c_float, c_int, c_int32, c_uint32, c_uint64, c_void_p, sizeof
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from gpunet.backends.devices.cublas_lt_types import (
    ComputeType,
    CublasLtError,
    CublasLtUnavailable,
    DataType,
    DescAttribute,
    HeuristicResult,
    MatmulAlgo,
    Operation,
    PreferenceAttribute,
    ReductionScheme,
    Status,
    load,
    status_name,
)
from gpunet.errors import ArgumentError, look_up

__all__ = ["CublasLtError", "CublasLtUnavailable", "Handle", "Matrix", "Plan", "load", "matrix"]

# What NVIDIA recommends for Hopper; smaller GPUs choose algorithms that need less.
WORKSPACE_BYTES = 32 * 2**20
# CuPy's allocations have it, and no algorithm asks for more, of a workspace or of an operand.
ALIGNMENT = 256
# Of a split sum, NONE is one sequence, and COMPUTE_TYPE keeps the parts in the workspace and adds
# them in a step of its own: the order is fixed, so the same input gives the same bits. INPLACE
# adds each part to the output as it gets ready; the header promises one at a time, but no order.
# OUTPUT_TYPE is COMPUTE_TYPE with parts rounded to the output's type, which here gains nothing.
REPEATABLE = (
    ReductionScheme.CUBLASLT_REDUCTION_SCHEME_NONE
    | ReductionScheme.CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE
)
PROPOSALS = 4  # the search returns the fastest first; seldom is one of them not usable


class Precision(NamedTuple):
    """How a product is computed; scalars are of the output's type."""

    operands: str
    out: str
    compute: ComputeType


# In cuBLASLt a product of float32 operands uses TF32 only where its own compute type says so.
PRECISIONS = {
    "float32": Precision("float32", "float32", ComputeType.CUBLAS_COMPUTE_32F),
    "float64": Precision("float64", "float64", ComputeType.CUBLAS_COMPUTE_64F),
    "tf32": Precision("float32", "float32", ComputeType.CUBLAS_COMPUTE_32F_FAST_TF32),
    "float16": Precision("float16", "float32", ComputeType.CUBLAS_COMPUTE_32F),
    "bfloat16": Precision("bfloat16", "float32", ComputeType.CUBLAS_COMPUTE_32F),
}
TYPES = {
    "float32": DataType.CUDA_R_32F,
    "float64": DataType.CUDA_R_64F,
    "float16": DataType.CUDA_R_16F,
    "bfloat16": DataType.CUDA_R_16BF,
}
SIZES = {"float32": 4, "float64": 8, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True)
class Matrix:
    """Where a matrix lies.

    Attributes:
        pointer: The address of its first element.
        rows, columns: Its shape, at least 1 each.
        leading: Elements from the start of one row to the next; if ``transposed``, of one column.
        dtype: "float16", "bfloat16", "float32" or "float64".
        transposed: Columns are contiguous, as in a view ``X.T``, instead of rows.
    """

    pointer: int
    rows: int
    columns: int
    leading: int
    dtype: str
    transposed: bool = False

    def __post_init__(self) -> None:
        size = look_up("type of a matrix", self.dtype, SIZES)
        if min(self.rows, self.columns) < 1:
            raise ArgumentError(f"a product needs elements; got {self.rows} x {self.columns}")
        if self.leading < self.line:
            raise ArgumentError(f"leading dimension {self.leading} < {self.line}: lines overlap")
        if self.pointer <= 0 or self.pointer % size:
            raise ArgumentError(f"{self.pointer:#x} is no address of a {self.dtype}")

    @property
    def line(self) -> int:
        """How many elements are contiguous."""
        return self.rows if self.transposed else self.columns

    @property
    def lines(self) -> int:
        """How many times that is repeated."""
        return self.columns if self.transposed else self.rows

    @property
    def T(self) -> Matrix:
        """The transpose, in the same place."""
        flipped = not self.transposed
        return replace(self, rows=self.columns, columns=self.rows, transposed=flipped)

    @property
    def alignment(self) -> int:
        """The largest power of two that divides the address, up to ALIGNMENT."""
        return min(self.pointer & -self.pointer, ALIGNMENT)


def matrix(array: Any, dtype: str | None = None) -> Matrix:
    """Describe a 2-D CuPy array (anything with shape, strides, itemsize, dtype and data.ptr).

    Args:
        array: Rows or columns have to be contiguous; they may be farther apart than they are long.
        dtype: What its bits are where the array calls them something else, such as bfloat16 kept
            in an array of uint16; of the same size.

    Raises:
        ArgumentError: (a ValueError) No product can read it without a copy.
    """
    name = dtype or str(array.dtype)
    shape, strides, size = array.shape, array.strides, int(array.itemsize)
    if len(shape) != 2:
        raise ArgumentError(f"expected a matrix with 2 dimensions; got shape {shape}")
    if look_up("type of a matrix", name, SIZES) != size:
        raise ArgumentError(f"elements of {size} bytes cannot be read as {name}")
    for transposed in (False, True):
        (lines, line), (step, inner) = (s[::-1] if transposed else s for s in (shape, strides))
        # The stride of a dimension of length 1 is never used and can be anything.
        leading, rest = (line, 0) if lines <= 1 else divmod(step, size)
        if (line <= 1 or inner == size) and rest == 0 and leading >= line:
            pointer = int(array.data.ptr)
            rows, columns = shape
            return Matrix(pointer, rows, columns, max(leading, 1), name, transposed)
    raise ArgumentError(
        f"strides {strides} of shape {shape} {name}: neither rows nor columns are contiguous and "
        "apart from each other; make a contiguous copy"
    )


class _Owner:
    """What holds objects of the library until ``close``, or until it is collected itself."""

    def _own(self, owned: ExitStack) -> None:
        self._finalizer = weakref.finalize(self, owned.pop_all().close)

    def close(self) -> None:
        """Free them; a second time does nothing."""
        self._finalizer()

    def _check_open(self) -> None:
        if not self._finalizer.alive:
            raise CublasLtError(f"the {type(self).__name__} has been closed")


class Handle(_Owner):
    """A cuBLASLt context, for the GPU that is current when it is made."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library
        with ExitStack() as owned:
            self._pointer = _create(owned, library.cublasLtCreate, library.cublasLtDestroy)
            self._own(owned)

    @property
    def pointer(self) -> c_void_p:
        """The cublasLtHandle_t."""
        self._check_open()
        return self._pointer


class Plan(_Owner):
    """``out = alpha * a @ b + beta * out`` for fixed places in memory.

    Make it and run it once before a capture begins: some versions refuse the search while a stream
    is captured, and the library loads its kernels at their first launch.

    Args:
        handle: On the GPU that has the memory.
        a: (m, k).
        b: (k, n).
        out: (m, n); must not overlap the others. Where beta is 0 it is not read.
        precision: A key of PRECISIONS: the type of the operands, or "tf32".
        alpha: Rounded to the output's type, as is beta.
        workspace_bytes: The largest workspace that ``run`` can be given.

    Attributes:
        workspace_bytes: How much of that the chosen algorithm needs, perhaps 0.

    Raises:
        ArgumentError: (a ValueError) The matrices do not go together.
        CublasLtError: The library refused, or has no algorithm for them.
    """

    def __init__(
        self,
        handle: Handle,
        a: Matrix,
        b: Matrix,
        out: Matrix,
        precision: str = "float32",
        *,
        alpha: float = 1.0,
        beta: float = 0.0,
        workspace_bytes: int = WORKSPACE_BYTES,
    ) -> None:
        kind = look_up("precision of a product", precision, PRECISIONS)
        _check_matrices(a, b, out, precision, kind)
        if out.transposed:  # out^T = b^T a^T has contiguous rows
            a, b, out = b.T, a.T, out.T
        # The library reads memory column by column, so it sees each matrix transposed: out^T is
        # the product of b^T and a^T, in this order. Nothing is copied.
        first, second = b, a
        self._handle = handle
        library, scalar = handle.library, {"float32": c_float, "float64": c_double}[kind.out]
        with ExitStack() as owned:
            product = _create(
                *(owned, library.cublasLtMatmulDescCreate, library.cublasLtMatmulDescDestroy),
                *(kind.compute, TYPES[kind.out]),
            )
            attributes = (
                (DescAttribute.CUBLASLT_MATMUL_DESC_TRANSA, first),
                (DescAttribute.CUBLASLT_MATMUL_DESC_TRANSB, second),
            )
            for attribute, x in attributes:
                operation = Operation.CUBLAS_OP_T if x.transposed else Operation.CUBLAS_OP_N
                value = c_int32(operation)
                _set(library.cublasLtMatmulDescSetAttribute, product, attribute, value)
            layouts = [_layout(owned, library, x) for x in (first, second, out)]
            layouts.append(layouts[-1])  # one for the output that is read, one for the written
            found = _search(handle, product, layouts, (first, second, out, out), workspace_bytes)
            # The library reads the scalars at every run, from the host.
            scalars = byref(scalar(alpha)), byref(scalar(beta))
            self._arguments = (
                *(product, scalars[0], first.pointer, layouts[0], second.pointer, layouts[1]),
                *(scalars[1], out.pointer, layouts[2], out.pointer, layouts[3]),
                byref(MatmulAlgo.from_buffer_copy(found.algo)),
            )
            self.workspace_bytes = int(found.workspaceSize)
            self._own(owned)

    def run(self, stream: int = 0, workspace: int = 0) -> None:
        """Queue the product on a stream.

        Args:
            stream: A cudaStream_t; 0 is the default stream.
            workspace: Address of ``workspace_bytes`` on the GPU, a multiple of 256. Plans may
                share one as long as they run one after another, as on one stream.
        """
        self._check_open()
        if self.workspace_bytes and (workspace <= 0 or workspace % ALIGNMENT):
            raise ArgumentError(
                f"the plan needs a workspace of {self.workspace_bytes} bytes at a multiple of "
                f"{ALIGNMENT}; got the address {workspace:#x}"
            )
        handle = self._handle
        handle.library.cublasLtMatmul(
            handle.pointer, *self._arguments, workspace or None, self.workspace_bytes, stream
        )


def _check_matrices(a: Matrix, b: Matrix, out: Matrix, precision: str, kind: Precision) -> None:
    if a.columns != b.rows or (out.rows, out.columns) != (a.rows, b.columns):
        shapes = " = ".join((
            f"({out.rows}, {out.columns})",
            f"({a.rows}, {a.columns}) @ ({b.rows}, {b.columns})",
        ))  # fmt: skip
        raise ArgumentError(f"the shapes do not make a product: {shapes}")
    expected = (kind.operands, kind.operands, kind.out)
    if (a.dtype, b.dtype, out.dtype) != expected:
        raise ArgumentError(
            f"a product in {precision} is of {expected[0]} and {expected[1]} into {expected[2]}; "
            f"got {a.dtype}, {b.dtype}, {out.dtype}"
        )


def _create(owned: ExitStack, create: Any, destroy: Any, *arguments: Any) -> c_void_p:
    """Return a new object of the library, to be destroyed with ``owned``."""
    pointer = c_void_p()
    create(byref(pointer), *arguments)
    owned.callback(destroy, pointer)
    return pointer


def _set(function: Any, target: c_void_p, attribute: int, value: Any) -> None:
    function(target, attribute, byref(value), sizeof(value))


def _layout(owned: ExitStack, library: ctypes.CDLL, x: Matrix) -> c_void_p:
    create, destroy = library.cublasLtMatrixLayoutCreate, library.cublasLtMatrixLayoutDestroy
    return _create(owned, create, destroy, TYPES[x.dtype], x.line, x.lines, x.leading)


def _search(
    handle: Handle,
    product: c_void_p,
    layouts: Sequence[c_void_p],
    places: Sequence[Matrix],
    workspace_bytes: int,
) -> HeuristicResult:
    """Return the fastest algorithm that repeats its bits and suits the addresses."""
    library, preferences = handle.library, PreferenceAttribute
    wanted: list[tuple[PreferenceAttribute, Any]] = [
        (preferences.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, c_uint64(workspace_bytes)),
        (preferences.CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, c_uint32(REPEATABLE)),
    ]
    # Untold, the library takes every address for a multiple of 256.
    aligned = (preferences[f"CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_{x}_BYTES"] for x in "ABCD")
    alignments = (c_uint32(place.alignment) for place in places)
    wanted += zip(aligned, alignments, strict=True)
    results, count = (HeuristicResult * PROPOSALS)(), c_int()
    with ExitStack() as owned:
        create = library.cublasLtMatmulPreferenceCreate
        preference = _create(owned, create, library.cublasLtMatmulPreferenceDestroy)
        for attribute, value in wanted:
            _set(library.cublasLtMatmulPreferenceSetAttribute, preference, attribute, value)
        library.cublasLtMatmulAlgoGetHeuristic(
            *(handle.pointer, product, *layouts, preference),
            *(PROPOSALS, results, byref(count)),
        )
    for found in results[: count.value]:
        if found.state == Status.CUBLAS_STATUS_SUCCESS:
            return found
    states = ", ".join(status_name(found.state) for found in results[: count.value])
    raise CublasLtError(f"cublasLtMatmulAlgoGetHeuristic found no algorithm ({states or 'none'})")
