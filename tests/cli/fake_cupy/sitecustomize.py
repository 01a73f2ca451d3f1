"""Makes the subprocess see this folder's CuPy alone, also on a machine that has a real one."""

import ctypes
import os
import sys
from importlib import metadata

FAKES = os.environ["FAKE_WHEELS"]
real = metadata.distributions


load = ctypes.CDLL.__init__


def refuse_cublas_lt(self, name, *arguments, **options):
    if "cublasLt" in str(name):
        raise OSError(f"{name}: cannot open shared object file: No such file or directory")
    load(self, name, *arguments, **options)


def distributions(**options):
    found = (d for d in real(**options) if not str(d.metadata["Name"]).lower().startswith("cupy"))
    return [*found, *real(path=[FAKES])]


metadata.distributions = distributions
# Its products go through the stand-in: a cuBLASLt that this machine may have wants real addresses.
ctypes.CDLL = type("CDLL", (ctypes.CDLL,), {"__init__": refuse_cublas_lt})
if os.environ.get("FAKE_CUPY_AT") == "nowhere":
    sys.modules["cupy"] = None  # how Python marks a module that cannot be imported
