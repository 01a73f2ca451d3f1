"""The generated CUDA kernels, compiled as C++ and run on the CPU.

``CudaAsCpp`` is a backend whose verbs are NumPy's and whose kernels are the CUDA source. It goes
through the same code twice: while ``collecting``, kernels only note their source; then one
translation unit of all of them is compiled; then they run, on a small grid of real threads.
"""

import ctypes
import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from whole_runs import as_float32

from gpunet.backends import Backend, Kernel, LaunchBackend
from gpunet.backends.devices.numpy_backend import NumpyBackend
from gpunet.kernels.call import Call, strides
from gpunet.kernels.cuda_source import cuda_source, gather_source, sums_source
from gpunet.kernels.expression import Formula, Graph, trace
from gpunet.kernels.launch import chunks_of

# What NVRTC provides of itself: the qualifiers, the indices, overloads of the mathematical
# functions for float and double (math.h brings those of C++ into the global namespace), and what
# the threads of a block do together. Blocks run one after the other, so what a block shares may be
# static; the threads of a block are real ones. A warp of 4 makes them few.
SHIM = """\
#include <math.h>
#include <atomic>
#include <barrier>
#include <memory>
#include <thread>
#include <vector>
#define __global__
#define __device__
#define __shared__ static
#define WARP 4
struct Dim { unsigned int x; };
static Dim blockIdx, blockDim, gridDim;
static thread_local Dim threadIdx;
static std::unique_ptr<std::barrier<>> whole_block;
static std::vector<std::unique_ptr<std::barrier<>>> warp;
static double lanes[1024];
static unsigned __float_as_uint(float x)
{
    unsigned bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    return bits;
}
static void __syncthreads() { whole_block->arrive_and_wait(); }
static void __syncwarp() { warp[threadIdx.x / WARP]->arrive_and_wait(); }
static void __threadfence() { std::atomic_thread_fence(std::memory_order_seq_cst); }
template <typename T> static T __shfl_xor_sync(unsigned, T x, int other)
{
    lanes[threadIdx.x] = x;
    __syncwarp();
    const T theirs = (T)lanes[threadIdx.x ^ other];
    __syncwarp();
    return theirs;
}
static unsigned atomicAdd(unsigned* x, unsigned y) { return __atomic_fetch_add(x, y, 5); }
template <typename Kernel, typename... Arguments>
static void launch(int blocks, int threads, Kernel kernel, Arguments... arguments)
{
    gridDim.x = blocks;
    blockDim.x = threads;
    for (int block = 0; block < blocks; ++block) {
        blockIdx.x = block;
        whole_block = std::make_unique<std::barrier<>>(threads);
        warp.clear();
        for (int w = 0; w < threads / WARP; ++w)
            warp.push_back(std::make_unique<std::barrier<>>(WARP));
        std::vector<std::thread> running;
        for (int thread = 0; thread < threads; ++thread)
            running.emplace_back([=] { threadIdx.x = thread; kernel(arguments...); });
        for (auto& thread : running) thread.join();
    }
}
"""
# As on the GPU: no fused multiply-adds. With -O0 g++ keeps to IEEE 754. A kernel that does not use
# all that the preamble offers is no mistake.
OPTIONS = (
    *("-std=c++20", "-O0", "-ffp-contract=off", "-Wall", "-Werror", "-Wno-unused-function"),
    *("-shared", "-fPIC", "-pthread"),
)
# Few threads, so that each has several elements or rows to step through.
BLOCKS, THREADS, WARP, CHUNKS = 2, 8, 4, 3

NUMBERS = {"float32": ctypes.c_float, "float64": ctypes.c_double, "uint16": ctypes.c_uint16}

COMPILER = shutil.which("g++")


def function_name(source: str) -> str:
    return "k" + hashlib.sha256(source.encode()).hexdigest()[:16]


def launcher(name: str, source: str) -> str:
    """Return a C function that launches the kernel ``name`` of this source."""
    parameters = source.split(f"void {name}(")[1].split(")\n", maxsplit=1)[0]
    names = ", ".join(parameter.split()[-1] for parameter in parameters.split(","))
    return (
        f'extern "C" void launch_{name}(int blocks, int threads, {parameters.strip()})\n'
        f"{{ launch(blocks, threads, {name}, {names}); }}\n"
    )


class CudaAsCpp(NumpyBackend):
    """NumPy's verbs, and kernels and gathers that are the CUDA source."""

    name = "cuda-as-cpp"
    bfloat16 = "uint16"  # as on tensor cores

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
            text += f"namespace space_{name} {{\n{source}{launcher(name, source)}}}\n"
        unit, library = folder / "kernels.cpp", folder / "kernels.so"
        unit.write_text(text)
        command = [str(COMPILER), *OPTIONS, str(unit), "-o", str(library)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        self.library = ctypes.CDLL(str(library))

    # Its kernels are no calls of NumPy, so there is nothing to write on a tape.
    pieces, parallel, bind = LaunchBackend.pieces, LaunchBackend.parallel, Backend.bind

    def kernel(self, formula: Formula) -> Kernel:
        """As CupyBackend.kernel, but for the launch."""

        def run(*arguments: Any, out: Any) -> None:
            outs = out if isinstance(out, tuple) else (out,)
            call = Call.of(arguments, outs)
            graph = trace(formula, call.arguments)
            name = function_name(cuda_source(graph, call))
            self.sources.setdefault(name, cuda_source(graph, call, name))
            if not self.collecting:
                self.graphs.append(graph)
                self._launch(name, self._parameters(call, (*arguments, *outs)))

        return run

    def column_sums(self, formula: Formula) -> Kernel:
        """As CupyBackend.column_sums, but for the launch."""

        def run(*arguments: Any, out: Any) -> None:
            outs = out if isinstance(out, tuple) else (out,)
            call = Call.of(arguments, outs)
            graph = trace(formula, call.arguments)
            name = function_name(sums_source(graph, call))
            self.sources.setdefault(name, sums_source(graph, call, name))
            if self.collecting:
                return
            self.graphs.append(graph)
            groups, chunks = -(-call.columns // WARP), chunks_of(call.rows)
            if chunks == 1:  # so few rows that a block does all; here they are cut, too
                chunks = CHUNKS
            partial = np.full((len(outs), chunks, call.columns), np.nan, call.precision)
            arrived = np.zeros(groups, np.uint32)
            head = [ctypes.c_longlong(chunks), *map(_pointer, (partial, arrived))]
            parameters = head + self._parameters(call, (*arguments, *outs))
            self._launch(name, parameters, groups * chunks)
            assert not arrived.any()  # the next launch finds it as this one did

        return run

    def _parameters(self, call: Call, values: tuple[Any, ...]) -> list[Any]:
        number = NUMBERS[call.precision]
        parameters: list[Any] = [ctypes.c_longlong(call.rows), ctypes.c_longlong(call.columns)]
        for a in values:
            if isinstance(a, np.ndarray):
                parameters.append(_pointer(a))
                parameters += [ctypes.c_longlong(int(s)) for s in strides(a, call)]
            else:
                parameters.append(number(a))
        return parameters

    def take(self, X: Any, rows: Any, scale: float, out: Any) -> None:
        """As CupyBackend.take, but for the launch."""
        source = gather_source(X.dtype.name, out.dtype.name)
        name = function_name(source)
        self.sources.setdefault(name, source.replace("void gather(", f"void {name}("))
        if self.collecting:
            return
        factor = NUMBERS[out.dtype.name](out.dtype.type(scale).item())
        chosen, start = (None, rows.start or 0) if isinstance(rows, slice) else (rows, 0)
        parameters = [ctypes.c_longlong(s) for s in out.shape]
        parameters += [
            ctypes.c_void_p(X.ctypes.data),
            ctypes.c_longlong(X.strides[0] // X.itemsize),
        ]
        parameters.append(ctypes.c_void_p(None if chosen is None else chosen.ctypes.data))
        parameters += [ctypes.c_longlong(start), factor, ctypes.c_void_p(out.ctypes.data)]
        self._launch(name, parameters)

    def matmul(self, A: Any, B: Any, out: Any, add: bool = False, tf32: bool = False) -> None:
        """NumPy's, of bfloat16 numbers too: products of two of them are float32 numbers."""
        super().matmul(as_float32(A), as_float32(B), out, add, tf32)

    def _launch(self, name: str, parameters: list[Any], blocks: int = BLOCKS) -> None:
        function = getattr(self.library, f"launch_{name}")
        function.restype = None
        function(ctypes.c_int(blocks), ctypes.c_int(THREADS), *parameters)


def _pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
