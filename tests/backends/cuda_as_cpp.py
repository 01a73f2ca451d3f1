"""The generated CUDA kernels, compiled as C++ and run on the CPU.

``CudaAsCpp`` is a backend whose verbs are NumPy's and whose kernels are the CUDA source. It goes
through the same code twice: while ``collecting``, kernels only note their source; then one
translation unit of all of them is compiled; then they run, thread by thread of a small grid.
"""

import ctypes
import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from gpunet.backends import Backend, Kernel
from gpunet.backends.call import Call, strides
from gpunet.backends.cuda_source import cuda_source, gather_source
from gpunet.backends.expression import Formula, Graph, trace
from gpunet.backends.numpy_backend import NumpyBackend

# What NVRTC provides of itself: the qualifiers, the indices, and overloads of the mathematical
# functions for float and double (math.h brings those of C++ into the global namespace).
SHIM = """\
#include <math.h>
#define __global__
#define __device__
struct Dim { unsigned int x; };
static Dim blockIdx, threadIdx, blockDim, gridDim;
extern "C" void place(unsigned block, unsigned thread, unsigned blocks, unsigned threads)
{
    blockIdx.x = block; threadIdx.x = thread; gridDim.x = blocks; blockDim.x = threads;
}
"""
# As on the GPU: no fused multiply-adds. With -O1 g++ keeps to IEEE 754.
OPTIONS = ("-std=c++17", "-O1", "-ffp-contract=off", "-Wall", "-Werror", "-shared", "-fPIC")
# Few threads, so that each has several elements or rows to step through.
BLOCKS, THREADS = 2, 3

COMPILER = shutil.which("g++")


def function_name(source: str) -> str:
    return "k" + hashlib.sha256(source.encode()).hexdigest()[:16]


class CudaAsCpp(NumpyBackend):
    """NumPy's verbs, and kernels and gathers that are the CUDA source."""

    name = "cuda-as-cpp"

    def __init__(self) -> None:
        super().__init__()
        self.sources: dict[str, str] = {}
        self.library: Any = None
        self.graphs: list[Graph] = []  # those that have been launched

    @property
    def collecting(self) -> bool:
        return self.library is None

    def compile(self, folder: Path) -> None:
        """Compile all that has been collected, each kernel in a namespace of its own."""
        text = SHIM
        for name, source in self.sources.items():
            text += f"namespace space_{name} {{\n{source}}}\n"
        unit, library = folder / "kernels.cpp", folder / "kernels.so"
        unit.write_text(text)
        command = [str(COMPILER), *OPTIONS, str(unit), "-o", str(library)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        self.library = ctypes.CDLL(str(library))

    # Its kernels are no calls of NumPy, so there is nothing to write on a tape.
    pieces, parallel, bind = Backend.pieces, Backend.parallel, Backend.bind

    def kernel(self, formula: Formula) -> Kernel:
        """As CupyBackend.kernel, but for the launch."""

        def run(*arguments: Any, out: Any) -> None:
            outs = out if isinstance(out, tuple) else (out,)
            call = Call.of(arguments, outs)
            graph = trace(formula, call.arguments)
            name = function_name(cuda_source(graph, call))
            self.sources.setdefault(name, cuda_source(graph, call, name))
            if self.collecting:
                return
            self.graphs.append(graph)
            number = {"float32": ctypes.c_float, "float64": ctypes.c_double}[call.precision]
            parameters = [ctypes.c_longlong(call.rows), ctypes.c_longlong(call.columns)]
            for a in (*arguments, *outs):
                if isinstance(a, np.ndarray):
                    parameters.append(ctypes.c_void_p(a.ctypes.data))
                    parameters += [ctypes.c_longlong(int(s)) for s in strides(a, call)]
                else:
                    parameters.append(number(a))
            self._launch(name, parameters)

        return run

    def take(self, X: Any, rows: Any, scale: float, out: Any) -> None:
        """As CupyBackend.take, but for the launch."""
        source = gather_source(X.dtype.name, out.dtype.name)
        name = function_name(source)
        self.sources.setdefault(name, source.replace("void gather(", f"void {name}("))
        if self.collecting:
            return
        number = {"float32": ctypes.c_float, "float64": ctypes.c_double}[out.dtype.name]
        chosen, start = (None, rows.start or 0) if isinstance(rows, slice) else (rows, 0)
        parameters = [ctypes.c_longlong(s) for s in out.shape]
        parameters += [
            ctypes.c_void_p(X.ctypes.data),
            ctypes.c_longlong(X.strides[0] // X.itemsize),
        ]
        parameters.append(ctypes.c_void_p(None if chosen is None else chosen.ctypes.data))
        parameters += [ctypes.c_longlong(start), number(scale), ctypes.c_void_p(out.ctypes.data)]
        self._launch(name, parameters)

    def _launch(self, name: str, parameters: list[Any]) -> None:
        function = getattr(self.library, name)
        function.restype = None
        for block in range(BLOCKS):
            for thread in range(THREADS):
                self.library.place(block, thread, BLOCKS, THREADS)
                function(*parameters)
