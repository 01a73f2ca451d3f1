"""cuBLASLt for gpunet's own loader: the checks of tests/backends/fake_cublas_lt.cpp, queued work.

The library is loaded under the name that the loader asks for, so that the loader finds it as it
finds one that CuPy has loaded. It reads the descriptors and refuses what cuBLASLt refuses; the
product itself is queued here, and NumPy's when its turn comes.
"""

import ctypes
import functools
import sys
from ctypes import c_double, c_int, c_int64, c_size_t, c_uint64, c_void_p
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from cupy._compiler import PRODUCTS, library
from cupy._errors import illegal_access
from cupy._memory import POISON, Block, pool
from cupy._queues import Queue, Work, capturing
from cupy._streams import queue_at

MAJOR = 13
SUCCESS, EXECUTION_FAILED, NOT_SUPPORTED = 0, 13, 15
# CUDA_R_...: how a matrix is stored.
STORED = {0: np.float32, 1: np.float64, 2: np.float16, 14: np.uint16}
BFLOAT16, FAST_TF32 = 14, 77


class Operand(ctypes.Structure):
    """A matrix as the descriptors have it, column by column."""

    _fields_ = (
        *(("address", c_void_p), ("type", c_int), ("transposed", c_int)),
        *(("rows", c_uint64), ("columns", c_uint64), ("leading", c_int64)),
    )


class Product(ctypes.Structure):
    """What cublasLtMatmul was asked for, once it has been checked."""

    _fields_ = (
        *(("operand", Operand * 4), ("compute", c_int), ("alpha", c_double), ("beta", c_double)),
        *(("workspace", c_void_p), ("workspace_bytes", c_size_t), ("stream", c_void_p)),
        ("digest", c_uint64),
    )


_Hook = ctypes.CFUNCTYPE(c_int, ctypes.POINTER(Product))
_Search = ctypes.CFUNCTYPE(c_int)
_have_run: set[tuple[int, int]] = set()


@functools.cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


@functools.cache
def load() -> ctypes.CDLL:
    """Load the library, as importing CuPy's cuBLAS would."""
    name = f"libcublasLt.so.{MAJOR}"
    loaded = ctypes.CDLL(str(library(PRODUCTS, "products", "-O1", f"-Wl,-soname,{name}")))
    loaded.fake_set_hooks.argtypes = (_Hook, _Search)
    loaded.fake_set_hooks.restype = None
    loaded.fake_set_hooks(_enqueue, _search)
    return loaded


@_Search
def _search() -> int:
    """Refuse to look for algorithms while a stream is captured, as some versions do."""
    return NOT_SUPPORTED if any(map(capturing, (0, 1))) else SUCCESS


@_Hook
def _enqueue(pointer: Any) -> int:
    try:
        _queue_product(pointer.contents)
    except Exception as error:  # no exception passes through C
        print(f"cupy stand-in: {error}", file=sys.stderr)
        return EXECUTION_FAILED
    return SUCCESS


def _queue_product(product: Product) -> None:
    queue = queue_at(product.stream or 0)
    key = product.digest, queue.device
    if queue.capture is not None and key not in _have_run:
        raise illegal_access("a product runs for the first time while its stream is captured")
    _have_run.add(key)
    blocks: list[Block] = []
    A, B, C, D = (_matrix(operand, queue, blocks) for operand in product.operand)
    tf32, alpha, beta = product.compute == FAST_TF32, product.alpha, product.beta
    workspace: NDArray | None = None
    if product.workspace_bytes:
        workspace = _memory(product.workspace, product.workspace_bytes, queue, blocks)
    types = [operand.type for operand in product.operand]

    def run() -> None:
        if workspace is not None:
            workspace.fill(POISON)  # it holds parts of sums; nobody else's
        a, b = (_numbers(x, t, tf32) for x, t in zip((A, B), types, strict=False))
        with _blas().limit(limits=1):  # small products; and the same bits, whoever sets threads
            result = a @ b
        if alpha != 1.0:
            result *= alpha
        if beta == 0.0:  # then C may hold anything
            D[...] = result
        else:
            np.add(result, C * D.dtype.type(beta), out=D)

    queue.add(Work("product", run, blocks))


def _memory(address: int, size: int, queue: Queue, blocks: list[Block]) -> NDArray:
    block = pool(queue.device).find(address)
    if block is None or address + size > block.ptr + block.size:
        raise illegal_access(
            f"a product uses {size} bytes at {address:#x}, which is not allocated on device "
            f"{queue.device}" if block is None else
            f"a product uses {size} bytes at {address:#x}, beyond the end of an allocation"
        )  # fmt: skip
    blocks.append(block)
    start = address - block.ptr
    return block.chunk.bytes[start : start + size]


def _matrix(x: Operand, queue: Queue, blocks: list[Block]) -> NDArray:
    dtype = np.dtype(STORED[x.type])
    elements = (x.columns - 1) * x.leading + x.rows
    memory = _memory(x.address, elements * dtype.itemsize, queue, blocks)
    steps = (dtype.itemsize, x.leading * dtype.itemsize)
    view: NDArray = np.ndarray((x.rows, x.columns), dtype, memory, strides=steps)
    return view.T if x.transposed else view


def _numbers(x: NDArray, kind: int, tf32: bool) -> NDArray:
    """Return the operand in the type that its products are added up in."""
    if kind == BFLOAT16:
        return (x.astype(np.uint32) << 16).view(np.float32)
    if tf32:  # 11 bits, ties to even
        bits = np.ascontiguousarray(x).view(np.uint32)
        rounded = bits + (0xFFF + ((bits >> 13) & 1)) & np.uint32(0xFFFFE000)
        return np.where(np.isfinite(x), rounded.view(np.float32), x)
    return x.astype(np.float32) if x.dtype == np.float16 else x
