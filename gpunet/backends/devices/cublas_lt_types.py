"""The part of cuBLASLt's C interface that products need, and where the library is found.

Names and values are those of cublasLt.h and library_types.h of CUDA 12 and 13, the first versions
where all of them are there. The tests compare each with the header where one is installed.
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from ctypes import POINTER, c_float, c_int, c_int64, c_size_t, c_uint64, c_void_p
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import Any

from gpunet.errors import DeviceError, GpunetError

# Where pip's wheels put the library, below the folders of the package "nvidia".
WHEEL_FOLDERS = ("cu{}/lib", "cublas/lib", "cu{}/bin/x86_64", "cu{}/bin", "cublas/bin")
OLDEST_VERSION = 120000  # as cublasLtGetVersion counts: 12.0.0


class CublasLtUnavailable(DeviceError):
    """No cuBLASLt library is installed, or none that is new enough."""


class CublasLtError(GpunetError, RuntimeError):
    """A cuBLASLt function did not succeed.

    ``status`` is what it returned; None where no function was called at all.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Status(IntEnum):
    """What every function returns."""

    CUBLAS_STATUS_SUCCESS = 0
    CUBLAS_STATUS_NOT_INITIALIZED = 1
    CUBLAS_STATUS_ALLOC_FAILED = 3
    CUBLAS_STATUS_INVALID_VALUE = 7
    CUBLAS_STATUS_ARCH_MISMATCH = 8
    CUBLAS_STATUS_MAPPING_ERROR = 11
    CUBLAS_STATUS_EXECUTION_FAILED = 13
    CUBLAS_STATUS_INTERNAL_ERROR = 14
    CUBLAS_STATUS_NOT_SUPPORTED = 15
    CUBLAS_STATUS_LICENSE_ERROR = 16


class DataType(IntEnum):
    """How elements and scalars are stored."""

    CUDA_R_32F = 0
    CUDA_R_64F = 1
    CUDA_R_16F = 2
    CUDA_R_16BF = 14


class ComputeType(IntEnum):
    """How products are formed and added."""

    CUBLAS_COMPUTE_32F = 68
    CUBLAS_COMPUTE_64F = 70
    CUBLAS_COMPUTE_32F_FAST_TF32 = 77


class Operation(IntEnum):
    """What is done with an operand before it is multiplied."""

    CUBLAS_OP_N = 0
    CUBLAS_OP_T = 1


class DescAttribute(IntEnum):
    """Attributes of a product; both are int32."""

    CUBLASLT_MATMUL_DESC_TRANSA = 3
    CUBLASLT_MATMUL_DESC_TRANSB = 4


class PreferenceAttribute(IntEnum):
    """Attributes of the search for an algorithm: uint64 for the bytes, uint32 for the others."""

    CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES = 1
    CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK = 3
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES = 5
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES = 6
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES = 7
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES = 8


class ReductionScheme(IntFlag):
    """How the parts of a sum that was split among thread blocks are put together."""

    CUBLASLT_REDUCTION_SCHEME_NONE = 0
    CUBLASLT_REDUCTION_SCHEME_INPLACE = 1
    CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE = 2
    CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE = 4


class MatmulAlgo(ctypes.Structure):
    """cublasLtMatmulAlgo_t: an algorithm with its settings, opaque."""

    _fields_ = (("data", c_uint64 * 8),)


class HeuristicResult(ctypes.Structure):
    """cublasLtMatmulHeuristicResult_t: one algorithm that the search proposes."""

    _fields_ = (
        ("algo", MatmulAlgo),
        ("workspaceSize", c_size_t),
        ("state", c_int),
        ("wavesCount", c_float),
        ("reserved", c_int * 4),
    )


_ATTRIBUTE = (c_void_p, c_int, c_void_p, c_size_t)  # descriptor, attribute, value, its size
_ALIKE = (c_void_p,) * 4  # of a, b, c and d
# What each takes; each returns a status.
PROTOTYPES: dict[str, tuple[Any, ...]] = {
    "cublasLtCreate": (POINTER(c_void_p),),
    "cublasLtDestroy": (c_void_p,),
    "cublasLtMatmulDescCreate": (POINTER(c_void_p), c_int, c_int),
    "cublasLtMatmulDescSetAttribute": _ATTRIBUTE,
    "cublasLtMatmulDescDestroy": (c_void_p,),
    "cublasLtMatrixLayoutCreate": (POINTER(c_void_p), c_int, c_uint64, c_uint64, c_int64),
    "cublasLtMatrixLayoutDestroy": (c_void_p,),
    "cublasLtMatmulPreferenceCreate": (POINTER(c_void_p),),
    "cublasLtMatmulPreferenceSetAttribute": _ATTRIBUTE,
    "cublasLtMatmulPreferenceDestroy": (c_void_p,),
    # handle, product, layouts, preference, most results, results, number of results
    "cublasLtMatmulAlgoGetHeuristic": (
        *(c_void_p, c_void_p, *_ALIKE, c_void_p),
        *(c_int, POINTER(HeuristicResult), POINTER(c_int)),
    ),
    # handle, product, alpha, A, its layout, B, its layout, beta, C, its layout, D, its layout,
    # algorithm, workspace, bytes of workspace, stream
    "cublasLtMatmul": (
        *(c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p),
        *(c_void_p, c_void_p, c_void_p, c_void_p, c_void_p),
        *(POINTER(MatmulAlgo), c_void_p, c_size_t, c_void_p),
    ),
}


def load(majors: Sequence[int] = (13, 12)) -> ctypes.CDLL:
    """Return the first cuBLASLt library that is found, its functions declared.

    Args:
        majors: CUDA versions in order of preference; beside CuPy, the version that CuPy uses.

    Raises:
        CublasLtUnavailable: There is none, or only older ones than gpunet can use.
    """
    tried = []
    for path in _candidates(majors):
        try:
            return open_library(path)
        except (OSError, CublasLtUnavailable) as error:
            tried.append(str(error))
    versions = " or ".join(map(str, majors))
    raise CublasLtUnavailable(
        f"no cuBLASLt library of CUDA {versions} ({'; '.join(tried)}); "
        "pip install 'gpunet[cuda13x]' or 'gpunet[cuda12x]' brings one"
    )


def open_library(path: str) -> ctypes.CDLL:
    """Load the library at ``path`` and declare its functions; see load."""
    return declare(ctypes.CDLL(path))


def _candidates(majors: Sequence[int]) -> Iterator[str]:
    """Yield names, which find what is loaded or installed system-wide, then files of wheels."""
    package = importlib.util.find_spec("nvidia")
    roots = (package and package.submodule_search_locations) or ()
    for major in majors:
        windows = sys.platform == "win32"
        name = f"cublasLt64_{major}.dll" if windows else f"libcublasLt.so.{major}"
        yield name
        files = (Path(root, f.format(major), name) for root in roots for f in WHEEL_FOLDERS)
        yield from (str(file) for file in files if file.exists())


def declare(library: ctypes.CDLL) -> ctypes.CDLL:
    """Give the functions their types, and let each raise CublasLtError if it fails.

    Raises:
        CublasLtUnavailable: It is no cuBLASLt, or too old.
    """
    try:
        library.cublasLtGetVersion.argtypes = ()
        library.cublasLtGetVersion.restype = c_size_t
        version = library.cublasLtGetVersion()
        if version < OLDEST_VERSION:
            raise CublasLtUnavailable(
                f"{library._name} is cuBLASLt {version}; needed is {OLDEST_VERSION} or later"
            )
        for name, arguments in PROTOTYPES.items():
            function = getattr(library, name)
            function.argtypes, function.restype = arguments, c_int
            function.errcheck = _raise_unless_success
    except AttributeError as error:
        raise CublasLtUnavailable(f"{library._name} is no usable cuBLASLt: {error}") from None
    return library


def status_name(status: int) -> str:
    """Return the name that the header gives a status."""
    try:
        return Status(status).name
    except ValueError:
        return f"status {status}, which the header does not name"


def _raise_unless_success(status: int, function: Any, arguments: Any) -> int:
    if status != Status.CUBLAS_STATUS_SUCCESS:
        raise CublasLtError(f"{function.__name__}: {status_name(status)}", status)
    return status
