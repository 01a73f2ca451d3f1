"""cupy.RawKernel: arguments are compared with the signature, and the text runs as C++."""

import ctypes
import itertools
import os
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cupy import _devices
from cupy._arrays import ndarray, on_this_device
from cupy._compiler import Compiled, digest_of, engine
from cupy._errors import CUDARuntimeError, illegal_access, missing
from cupy._queues import Work, refuse_while_capturing
from cupy._signature import Parameter, parameters, threads_wait
from cupy._streams import current_queue

SLOT = 8  # 64-bit words for each argument
MOST_THREADS, MOST_BLOCKS = 1024, 2**31 - 1
SEED = int(os.environ.get("CUPY_STAND_IN_SEED", "0"))

_launches = itertools.count(1)


class RawKernel:
    """A kernel of CUDA C++.

    CuPy passes on whatever it is given as bits. This one raises TypeError unless each argument has
    the type that the kernel's text gives it.
    """

    def __init__(self, code: str, name: str, options: tuple[str, ...] = ()) -> None:
        if not isinstance(options, tuple) or not all(isinstance(o, str) for o in options):
            raise TypeError("options must be a tuple of str")
        self.text = self.code = code
        self.name, self.options = name, options
        self.compiled: Compiled | None = None
        self.failure: Exception | None = None
        self._parameters: list[Parameter] = []
        self._loaded: set[int] = set()
        self.fused = "--fmad=false" not in options

    @property
    def is_new(self) -> bool:
        """Whether nobody has tried to compile it."""
        return self.compiled is None and self.failure is None

    def _load(self) -> None:
        """Do what CuPy does at the first call on a device: compile, and load the module."""
        device = _devices.current()
        if device in self._loaded:
            return
        refuse_while_capturing(device, f"kernel {self.name} was compiled and loaded")
        if not self._parameters:
            self._parameters = parameters(self.text, self.name)
            self.waits = threads_wait(self.text, self.name)
            # CuPy flushes denormals of float32 (-ftz=true), and a CPU can only flush all of them.
            self.flushes = not re.search(r"\bdouble\b", self.text[self.text.index("__global__") :])
            self.digest = digest_of(self.text, self.name, self.fused)
        self._loaded.add(device)

    def __call__(self, grid: tuple[int, ...], block: tuple[int, ...], args: Any) -> None:
        """Check and queue a launch; the numbers among ``args`` are as they are now."""
        self._load()
        (blocks, *more_blocks), (threads, *more_threads) = grid, block
        if {*more_blocks, *more_threads} - {1}:
            raise missing("RawKernel", "grid of more than one dimension")
        blocks, threads = max(1, int(blocks)), max(1, int(threads))
        if threads > MOST_THREADS or blocks > MOST_BLOCKS:
            raise CUDARuntimeError(
                f"CUDA_ERROR_INVALID_VALUE: invalid argument ({blocks} blocks of {threads} threads)"
            )
        if len(args) != len(self._parameters):
            raise TypeError(
                f"kernel {self.name} takes {len(self._parameters)} arguments; got {len(args)}"
            )
        slots = np.zeros((len(args), SLOT), np.int64)
        blocks_used = []
        for i, (parameter, x) in enumerate(zip(self._parameters, args, strict=True)):
            self._put(slots[i], i, parameter, x)
            if isinstance(x, ndarray):
                blocks_used += x._blocks
        launch = _Launch(self, blocks, threads, slots)
        current_queue().add(Work(f"kernel {self.name}", launch, blocks_used, (self,)))

    def _put(self, slot: NDArray, i: int, parameter: Parameter, x: Any) -> None:
        expected = f"an array of {parameter.dtype}" if parameter.pointer else str(parameter.dtype)
        if isinstance(x, ndarray):
            if not parameter.pointer or x.dtype != parameter.dtype:
                self._refuse(i, parameter, expected, f"an array of {x.dtype}")
            slot[:] = _describe(i, on_this_device(x))
        elif parameter.pointer:
            if type(x) is not np.uint64 or x != 0:  # a null pointer
                self._refuse(i, parameter, expected, f"{x!r}")
            slot[:] = (0, i, 0, 0, 0, 0, 0, 0)
        elif isinstance(x, np.generic) and x.dtype == parameter.dtype:
            slot.view(parameter.dtype)[0] = x
        else:
            self._refuse(i, parameter, expected, f"{x!r} ({type(x).__name__})")

    def _refuse(self, i: int, parameter: Parameter, expected: str, got: str) -> None:
        raise TypeError(
            f"kernel {self.name}: argument {i}, {parameter.name}, is {expected}; got {got}"
        )

    def __getattr__(self, name: str) -> Any:
        raise missing("RawKernel", name)


class _Launch:
    """One launch, as often as it is repeated."""

    def __init__(self, kernel: RawKernel, blocks: int, threads: int, slots: NDArray) -> None:
        self._kernel, self._blocks, self._threads, self._slots = kernel, blocks, threads, slots

    def __call__(self) -> None:
        kernel, compiled = self._kernel, self._kernel.compiled
        if compiled is None:
            raise kernel.failure or AssertionError("launched before it was compiled")
        error = engine().stand_in_launch(
            *(compiled.entry, self._slots.ctypes.data_as(ctypes.c_void_p)),
            *(self._blocks, self._threads, kernel.waits, SEED * 1_000_003 + next(_launches)),
            *(kernel.flushes, compiled.shared, compiled.shared_bytes),
        )
        if error:
            said = engine().stand_in_message().decode()
            if error < 0:
                raise CUDARuntimeError(
                    f"cudaErrorLaunchFailure: unspecified launch failure (kernel {kernel.name}: "
                    f"{said})"
                )
            name = kernel._parameters[error - 1].name
            raise illegal_access(f"kernel {kernel.name}, argument {error - 1}, {name}: {said}")


def _describe(number: int, x: ndarray) -> tuple[int, ...]:
    """Return a View of device.hpp: the address, and which elements there are."""
    address = x.data.ptr
    if x.flags.c_contiguous or x.flags.f_contiguous:
        return address, number, x.size, 0, 0, 0, 0, 0
    steps = [
        (stride // x.itemsize, length)
        for stride, length in zip(x.strides, x.shape, strict=True)
        if length > 1
    ]
    steps.sort(reverse=True)
    if len(steps) > 2 or any(step <= 0 for step, _ in steps):
        raise NotImplementedError(f"the stand-in has no pointers to arrays of strides {x.strides}")
    if len(steps) == 1:
        steps.append((1, 1))
    (outer_step, outer), (inner_step, inner) = steps
    if outer_step < inner * inner_step and inner > 1:
        raise NotImplementedError(f"lines overlap: shape {x.shape}, strides {x.strides}")
    return address, number, -1, outer, outer_step, inner, inner_step, 0
