"""A program on a device, through the verbs that every backend has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from math import prod
from typing import Any

import numpy as np

from gpunet import random
from gpunet.backends import Array, Kernel, LaunchBackend, Work
from gpunet.kernels.expression import BATCH, FLOAT, UINT32, Node, Shape
from gpunet.program.launches import Launch
from gpunet.program.program import Program
from gpunet.program.rounds import Batch, Cut, Parts, rounds

Values = Mapping[str, Any]


class Run:
    """A program with its memory, for batches of up to ``capacity`` examples.

    More may come, but not in a step that has been captured: then there is new memory.
    """

    def __init__(self, backend: LaunchBackend, program: Program, capacity: int, dtype: str) -> None:
        self.backend, self.program, self._dtype = backend, program, dtype
        self.names = {node: name for name, node in program.arguments.items()}
        self.names |= {node: name for name, node in program.results.items()}
        self.kernels = {launch: self._kernel(launch) for launch in program.launches}
        self._allocate(capacity)

    def _allocate(self, capacity: int) -> None:
        self.capacity, buffers = capacity, self.program.buffers.values()
        self.buffers = {buffer: self._zeros(*buffer[:2]) for buffer in buffers}
        drawn = [launch for launch in self.program.launches if launch.kind == "random"]
        self.counters = {launch: self._counters(launch) for launch in drawn}
        self._on: dict[int, _On] = {}

    def __call__(self, n: int, values: Values) -> None:
        """Run it on ``n`` examples.

        ``values`` has an array for each argument and each result by name; or numbers.
        """
        if n > self.capacity:
            self._allocate(n)
        on = self.on(n, values)
        try:
            on.run_all()
        finally:
            on.values = {}  # which may be large, and are the caller's

    def on(self, n: int, values: Values) -> _On:
        """Return what does the launches on ``n`` examples."""
        on = self._on.get(n)
        if on is None:
            on = self._on[n] = _On(self, n)
        on.values = values
        return on

    def factors(self, n: int, values: Values) -> Iterator[tuple[int, Array, Array]]:
        """Yield ``Program.kept`` as the last run, on ``n`` examples, has left them."""
        on = self.on(n, values)
        for start, (A, B) in self.program.kept.items():
            yield start, on.array(A), on.array(B)

    def lies_in(self, node: Node) -> str | None:
        """Return the name of the result that a node is a view of, "" for memory of the program.

        None of an argument that is no result: it may be large, and another one at each call.
        """
        if node in self.program.parts:
            return self.lies_in(self.program.parts[node][0])
        if node in self.program.buffers:
            return ""
        name = self.names.get(node)
        if name is not None:
            return name if name in self.program.results else None
        return self.lies_in(node.inputs[0])

    def _zeros(self, shape: Sequence[int | str], dtype: str) -> Array:
        sizes = tuple(self.capacity if d == BATCH else int(d) for d in shape)
        return self.backend.zeros(sizes, self._dtype if dtype == FLOAT else dtype)

    def _counters(self, launch: Launch) -> tuple[Array, Array]:
        """Return the positions of random bits: of a row, and of four columns."""
        groups = -(-int(launch.node.shape[1]) // 4)
        row, column = np.arange(self.capacity)[:, None], np.arange(groups)[None, :]
        return self.backend.array(row, UINT32), self.backend.array(column, UINT32)

    def _kernel(self, launch: Launch) -> Kernel:
        if launch.kind == "kernel":
            return self.backend.kernel(launch.formula, launch.matrices)
        if launch.kind == "random":
            return self.backend.kernel(_drawn(launch))
        at_once = self.backend.sums_at_once and len(launch.writes) > 1
        if launch.kind == "sums" and (at_once or not launch.plain):
            return self.backend.column_sums(launch.formula)
        return _no_kernel


def _no_kernel(*arguments: Any, out: Any) -> None:
    """Take the place of the kernel in launches that have none."""
    raise AssertionError


def _drawn(launch: Launch) -> Any:
    """Return the formula of four columns of what is made of random bits."""
    (bits,) = launch.reads

    def formula(xp: Any, row: Array, column: Array, step: Array) -> tuple[Array, ...]:
        words = random.philox(xp, bits.value, (column, row, step, row ^ row))
        made = [launch.formula(xp, word) for word in words]
        return tuple(x for results in zip(*made, strict=True) for x in results)

    return formula


class _On:
    """A program at work on so many examples."""

    def __init__(self, run: Run, n: int) -> None:
        self.run, self.backend, self.n = run, run.backend, n
        self.values: Values = {}
        self._tasks = [self._of_round(round_) for round_ in rounds(run.program)]
        # Views of what stays where it is from call to call, each beside what it is a view of.
        self._views: dict[Node, tuple[Array, Array]] = {}

    def _of_round(self, round_: Launch | Batch | Parts) -> list[Work]:
        """Return the round's tasks, which do not depend on each other."""
        capacity = self.run.capacity
        match round_:
            case Launch():
                return [partial(self.do, round_)]
            case Batch():
                # An epoch's last batch is cut as the others are: a BLAS whose threads take turns
                # with ours makes both slow.
                pieces = self.backend.pieces(self.n, round_.cost * capacity // self.n)
                cuts: list[slice | None] = [*pieces] if len(pieces) > 1 else [None]
                return [partial(self.do_all, [(x, rows) for x in round_.launches]) for rows in cuts]
            case Parts():
                return [partial(self.do_all, task) for task in round_.tasks(self.backend, capacity)]

    def run_all(self) -> None:
        """Do all launches."""
        for tasks in self._tasks:
            self.backend.parallel(tasks)

    def do_all(self, cuts: Sequence[Cut]) -> None:
        """Do launches one after the other, each for some rows of what it writes."""
        for launch, rows in cuts:
            self.do(launch, rows)

    def do(self, launch: Launch, rows: slice | None = None) -> None:
        """Do it, perhaps for some rows of what it writes only."""
        if launch.kind == "random":
            self._draw(launch, rows)
            return
        like = launch.node.shape
        outs = [self.array(node, rows, like) for node in launch.writes]
        if launch.kind == "gather":
            X, chosen = (self.array(x) for x in launch.reads)
            chosen = chosen if rows is None else chosen[rows]
            self.backend.take(X, chosen, launch.node.value, out=outs[0])
            return
        if launch.kind == "matmul":
            A, B = self.array(launch.reads[0], rows, like), self.array(launch.reads[1])
            add, tf32 = len(launch.reads) == 3, launch.node.value == "tf32"
            A, B, out = self._table(A), self._table(B, column=True), self._table(outs[0])
            self.backend.matmul(A, B, out=out, add=add, tf32=tf32)
            return
        reads = [self.array(x, rows, like) for x in launch.reads]
        kernel = self.run.kernels[launch]
        if kernel is _no_kernel:  # plain sums
            for node, out in zip(launch.writes, outs, strict=True):
                x = reads[launch.reads.index(node.inputs[0])]
                self.backend.sum(x, axis=0, out=self.backend.reshape(out, (x.shape[1],)))
        elif launch.kind == "sums":
            kernel(*reads, out=tuple(self._table(out) for out in outs))
        else:
            kernel(*reads, out=tuple(outs))

    def array(self, node: Node, rows: slice | None = None, like: Shape = ()) -> Any:
        """Return a node's array or number; its ``rows``, if its first axis is that of ``like``."""
        x = self._whole(node)
        if rows is None or len(node.shape) != len(like) or node.shape[0] != like[0]:
            return x
        return x[rows, :] if len(like) == 2 else x[rows]

    def _whole(self, node: Node) -> Any:
        node = self.run.program.sums.total(node)
        name = self.run.names.get(node)
        if name is not None:
            return self.values[name]
        lies_in = self.run.lies_in(node)
        if lies_in is None:
            return self._view(node)
        source, view = self._views.get(node, (None, None))
        if view is None or (lies_in and source is not self.values[lies_in]):
            view = self._view(node)
            self._views[node] = self.values.get(lies_in), view
        return view

    def _view(self, node: Node) -> Any:
        program = self.run.program
        if node in program.parts:
            whole, start = program.parts[node]
            x = self._whole(whole)[start : start + prod(map(int, node.shape))]
            return x if len(node.shape) == 1 else self._reshaped(x, node)
        if node in program.buffers:
            x = self.run.buffers[program.buffers[node]]
            return x[: self.n, : node.shape[1]] if node.shape[:1] == (BATCH,) else x
        (inner,) = node.inputs
        x = self._whole(inner)
        match node.op:
            case "transpose":
                return x.T
            case "slice":
                return x[slice(*node.value)]
        return self._reshaped(x, node)

    def _reshaped(self, x: Array, node: Node) -> Array:
        return self.backend.reshape(x, tuple(map(int, node.shape)))

    def _table(self, x: Array, column: bool = False) -> Array:
        """Return a vector or a number as a table of one row, or column."""
        if len(x.shape) == 2:
            return x
        size = prod(x.shape)
        return self.backend.reshape(x, (size, 1) if column else (1, size))

    def _draw(self, launch: Launch, rows: slice | None) -> None:
        """Draw four columns with each counter: every fourth one of a table with room for all."""
        run, (bits,) = self.run, launch.reads
        padded = [run.buffers[run.program.buffers[node]] for node in launch.writes]
        cut = slice(0, self.n) if rows is None else rows
        quarters = tuple(x[cut, k::4] for x in padded for k in range(4))
        row, column = run.counters[launch]
        run.kernels[launch](row[cut, :], column, self._whole(bits.inputs[0]), out=quarters)
