"""A stand-in for CuPy on machines without a GPU: see docs/gpu-stand-in.md.

It has what gpunet uses of CuPy, queues work as a GPU does, runs the text of raw kernels as C++, and
refuses what CuPy and CUDA refuse.
"""

from typing import Any

from numpy import uint16

from cupy import _memory, cuda
from cupy._arrays import (
    array,
    asarray,
    asnumpy,
    copyto,
    empty,
    matmul,
    ndarray,
    ones,
    sum,
    zeros,
)
from cupy._errors import missing
from cupy._raw_kernel import RawKernel

__version__ = "14.2.0+stand.in"
__all__ = [
    "RawKernel",
    "array",
    "asarray",
    "asnumpy",
    "copyto",
    "cuda",
    "empty",
    "get_default_memory_pool",
    "matmul",
    "ndarray",
    "ones",
    "sum",
    "uint16",
    "zeros",
]


def get_default_memory_pool() -> _memory.CurrentPool:
    """Return the pool of whichever device is current when it is asked."""
    return _memory.default_pool


def __getattr__(name: str) -> Any:
    raise missing("cupy", name)
