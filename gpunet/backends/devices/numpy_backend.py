"""The CPU, through NumPy: in-place ufuncs over cache-sized blocks, products by its BLAS.

Every verb is a few calls of NumPy on fixed arrays. They are made as they come, or, for work that is
repeated, written on a tape first: then a training step is nothing but a walk along the tape.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gpunet.backends.base import Array, Bound, Kernel, LaunchBackend, Work, as_host, refuse_tf32
from gpunet.backends.devices.blas_threads import LARGE_WORK, SMALL_PRODUCT, one_thread
from gpunet.backends.devices.team import Team
from gpunet.kernels.expression import Formula
from gpunet.kernels.ufunc_program import Programs, Scratch

NumpyCall = tuple[Callable[..., Any], tuple[Any, ...]]  # a function and its arguments
# Multiplications in one piece of work that is shared out: some milliseconds.
PIECE = 160_000_000


def _make(calls: Iterable[NumpyCall]) -> None:
    with np.errstate(all="ignore"):  # a loss that overflows shows in its value
        for function, arguments in calls:
            function(*arguments)


class Tape:
    """Calls of NumPy in their order, and the scratch memory that they work in.

    ``product`` is the number of multiplications of the largest product.
    """

    def __init__(self, scratch: Scratch) -> None:
        self.calls: list[NumpyCall] = []
        self.scratch = scratch
        self.product = 0

    def play(self) -> None:
        """Make the calls."""
        _make(self.calls)


class Own(threading.local):
    """What each thread that uses a backend has for itself.

    Attributes:
        scratches: Of the work at hand, and of what runs beside it.
        tape: Where calls are written; None: they are made at once.
    """

    def __init__(self) -> None:
        self.scratches = [Scratch()]
        self.tape: Tape | None = None


class NumpyBackend(LaunchBackend):
    """Runs on the CPU. Several threads may use one object, each on arrays of its own."""

    xp: Any = np
    name = "numpy"
    device = "cpu"
    leaves_zeros_out = True

    def __init__(self, reason: str = "") -> None:
        self.reason = reason
        self._own = Own()
        self._ones: dict[np.dtype, NDArray] = {}
        self._one_thread = one_thread()
        self._team = Team(min(self._one_thread.most, cores()))

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
        self._do([(np.copyto, (out, value, "same_kind"))])

    def take(self, X: Array, rows: Array | slice, scale: float, out: Array) -> None:
        """Gather and scale: ``out = scale * X[rows]``."""
        # The dtype of `out` is named, or NumPy would compute in float64 where X is of integers.
        factor = out.dtype.type(scale)
        if isinstance(rows, slice):
            self._do([(np.multiply, (X[rows], factor, out))])
            return
        gathered = out if X.dtype == out.dtype else self._scratch.block(X.dtype, -1, out.shape)
        # mode="clip" writes straight into `gathered`; "raise" would go through a copy.
        self._do([(np.take, (X, rows, 0, gathered, "clip"))])
        if gathered is not out or scale != 1.0:
            self._do([(np.multiply, (gathered, factor, out))])

    def matmul(self, A: Array, B: Array, out: Array, add: bool = False, tf32: bool = False) -> None:
        """``out = A @ B``."""
        refuse_tf32(tf32, self.describe())
        target = self._scratch.block(out.dtype, -1, out.shape) if add else out
        self._do([(np.matmul, (A, B, target))], A.size * (B.size // len(B)))
        if add:
            self._do([(np.add, (out, target, out))])

    def sum(self, x: Array, axis: int, out: Array) -> None:
        """Sum along ``axis``; down the columns as a product with ones, which BLAS does faster."""
        if axis == 1:
            self._do([(np.add.reduce, (x, 1, None, out))])
            return
        ones = self._ones.get(x.dtype)
        if ones is None or ones.size < len(x):
            ones = self._ones[x.dtype] = np.ones(len(x), x.dtype)
        self.matmul(ones[: len(x)], x, out=out)

    def kernel(self, formula: Formula) -> Kernel:
        """Return the formula as blocked ufunc calls, compiled at first sight of new shapes."""
        programs = Programs(formula)

        def run(*arguments: Any, out: NDArray | tuple[NDArray, ...]) -> None:
            outs = out if isinstance(out, tuple) else (out,)
            self._do(programs.of(arguments, outs).calls(arguments, outs, self._scratch))

        return run

    def column_sums(self, formula: Formula) -> Kernel:
        """Return the formula as ``kernel`` does, with each block's results added up at once."""
        programs = Programs(formula, summed=True)

        def run(*arguments: Any, out: NDArray | tuple[NDArray, ...]) -> None:
            outs = out if isinstance(out, tuple) else (out,)
            self._do(programs.of(arguments, outs).sum_calls(arguments, outs, self._scratch))

        return run

    @property
    def _scratch(self) -> Scratch:
        own = self._own
        return own.scratches[0] if own.tape is None else own.tape.scratch

    def _do(self, calls: Iterable[NumpyCall], product: int = 0) -> None:
        """Make the calls, or write them on the tape."""
        tape = self._own.tape
        if tape is not None:
            tape.calls += calls
            tape.product = max(tape.product, product)
            return
        self._on_few_threads(partial(_make, calls), product)

    def _on_few_threads(self, work: Work, product: int) -> None:
        """Run the work, on one thread of the BLAS if its largest product is a small one."""
        if 0 < product <= SMALL_PRODUCT:
            self._one_thread.run(work)
        else:
            work()

    def pieces(self, n: int, cost: int, few: bool = False) -> list[slice]:
        """Cut large work into a multiple of as many pieces as there are threads."""
        threads = self._team.size
        if threads == 1 or n * cost < LARGE_WORK:
            return [slice(0, n)]
        rounds = 1 if few else -(-n * cost // (threads * PIECE))
        count = min(n, threads * rounds)
        edges = [n * i // count for i in range(count + 1)]
        return [slice(*edge) for edge in pairwise(edges)]

    def parallel(self, tasks: Sequence[Work]) -> None:
        """Share the tasks out among threads, each product on one thread of the BLAS."""
        tapes = [self._record(task, i) for i, task in enumerate(tasks)]
        if len(tapes) == 1:
            self._do(tapes[0].calls, tapes[0].product)
            return
        plays = [tape.play for tape in tapes]

        def together() -> None:
            self._one_thread.run(partial(self._team.run, plays))

        self._do([(together, ())])

    def bind(
        self, work: Callable[..., None], inputs: Sequence[Array], outputs: Sequence[Array]
    ) -> Bound:
        """Write ``work`` on a tape, with places for its inputs and outputs."""
        held = [np.zeros_like(x) for x in inputs], [np.zeros_like(x) for x in outputs]
        tape = self._record(lambda: work(*held[0], *held[1]), 0)

        def run(inputs: Sequence[NDArray], outputs: Sequence[NDArray]) -> None:
            for place, x in zip(held[0], inputs, strict=True):
                place[...] = x
            self._on_few_threads(tape.play, tape.product)
            for x, place in zip(outputs, held[1], strict=True):
                x[...] = place

        return run

    def _record(self, work: Work, number: int) -> Tape:
        """Return the tape of ``work``, which may run beside those of other numbers."""
        own = self._own
        while len(own.scratches) <= number:
            own.scratches.append(Scratch())
        outer, tape = own.tape, Tape(own.scratches[number])
        own.tape = tape
        try:
            work()
        finally:
            own.tape = outer
        return tape

    def synchronize(self) -> None:
        """Do nothing: NumPy has finished when it returns."""

    def settings(self) -> dict[str, str]:
        """Return how many threads there are, and what each is for."""
        return {
            "threads": f"{self._team.size}, which share out large steps; smaller ones run on one, "
            f"or their products on the BLAS's {self._one_thread.most}",
        }

    def describe(self) -> str:
        """Return "cpu (N threads, NumPy X.Y)"."""
        return f"cpu ({cores()} cores, NumPy {np.__version__})"


def cores() -> int:
    """Return how many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
