"""An expression graph as a sequence of NumPy ufunc calls that allocate nothing.

The rows are worked through in blocks small enough to stay in the cache; intermediate results live
in a few scratch blocks that all programs of a thread share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet.kernels.call import Call
from gpunet.kernels.expression import REDUCTIONS, Formula, Graph, Node, trace

# Elements of a scratch block: 256 kB of float32. Smaller ones would stay in a nearer cache, but
# cost more calls, and between the calls threads wait for each other.
BLOCK = 64 * 1024

UFUNCS = {
    name: getattr(np, name)
    for name in (
        *("add", "subtract", "multiply", "divide", "negative", "sqrt", "sign"),
        *("exp", "expm1", "log", "log1p", "tanh"),
        *("greater", "greater_equal", "less", "less_equal", "equal"),
        *("bitwise_xor", "bitwise_and"),
    )
} | {"abs": np.absolute, "bitwise_right_shift": np.right_shift}


def _copy(x: Any, out: NDArray) -> None:
    np.copyto(out, x, casting="unsafe")


def _where(condition: NDArray, x: Any, y: Any, out: NDArray) -> None:
    np.copyto(out, y)
    np.copyto(out, x, where=condition)


def _row_max(x: NDArray, out: NDArray) -> None:
    np.maximum.reduce(np.atleast_2d(x), axis=-1, keepdims=True, out=out)  # a vector is a row


def _row_sum(x: NDArray, out: NDArray) -> None:
    np.add.reduce(np.atleast_2d(x), axis=-1, keepdims=True, out=out)


def _maximum(x: Any, y: Any, out: NDArray) -> None:
    np.maximum(x, y, out=out)  # these two want `out` by name


def _minimum(x: Any, y: Any, out: NDArray) -> None:
    np.minimum(x, y, out=out)


def _row_dot(x: NDArray, y: NDArray, out: NDArray) -> None:
    np.matmul(x, y.reshape(-1, 1), out=out)


CALLS: dict[str, Callable[..., Any]] = UFUNCS | {
    "maximum": _maximum,
    "minimum": _minimum,
    "copy": _copy,
    "astype": _copy,
    "where": _where,
    "dot": _row_dot,
    "max": _row_max,
    "sum": _row_sum,
}


class Scratch:
    """The scratch blocks of a thread: block ``i`` of a type always has the same memory."""

    def __init__(self) -> None:
        self._blocks: dict[tuple[np.dtype, int], NDArray] = {}

    def block(self, dtype: np.dtype, index: int, shape: tuple[int, ...]) -> NDArray:
        """Return block ``index`` of ``dtype``, seen as ``shape``."""
        size = prod(shape)
        block = self._blocks.get((dtype, index))
        if block is None or block.size < size:
            block = self._blocks[dtype, index] = np.empty(max(size, BLOCK), dtype)
        return block[:size].reshape(shape)


@dataclass(frozen=True)
class Instruction:
    """One call: ``call(*values[inputs], out=values[out])``."""

    call: Callable[..., Any]
    inputs: tuple[int, ...]
    out: int


class Program:
    """A graph compiled for one combination of argument shapes and types.

    Values are numbered: the arguments first, then the outputs, the constants, the registers.

    Args:
        graph, call: What is computed, and for which shapes.
        aliases: For each output, the arguments that are the same array.
        summed: Whether the outputs are to be added up down the rows, by ``sum_calls``.
    """

    def __init__(
        self, graph: Graph, call: Call, aliases: tuple[tuple[int, ...], ...], summed: bool = False
    ) -> None:
        self._call, self._aliases, self._summed = call, aliases, summed
        if summed:  # arguments can be added up where they are
            self._sources = [n.value if n.op == "argument" else None for n in graph.outputs]
            graph = Graph(graph.arguments, tuple(n for n in graph.outputs if n.op != "argument"))
        self._rows = call.rows
        self._rows_per_block = max(1, BLOCK // call.columns)
        self._sliced = [node.value for node in graph.arguments if node.by_row]
        self._arguments, self._outputs = len(graph.arguments), len(graph.outputs)
        self._constants: list[Any] = []
        self._registers: list[tuple[Node, int]] = []  # (a node of its shape, scratch block)
        self._instructions: list[Instruction] = []
        self._compile(_with_dots(graph))

    def calls(
        self, arguments: tuple[Any, ...], outs: tuple[NDArray, ...], scratch: Scratch
    ) -> Iterator[tuple[Callable[..., Any], tuple[Any, ...]]]:
        """Yield the calls, as (function, its arguments), that compute the outputs into ``outs``."""
        for start in range(0, self._rows, self._rows_per_block):
            stop = min(start + self._rows_per_block, self._rows)
            values: list[Any] = [*arguments, *outs]
            if stop - start < self._rows:
                for position in (*self._sliced, *range(self._arguments, len(values))):
                    values[position] = values[position][start:stop]
            yield from self._block_calls(values, stop - start, scratch)

    def _block_calls(
        self, values: list[Any], rows: int, scratch: Scratch
    ) -> Iterator[tuple[Callable[..., Any], tuple[Any, ...]]]:
        """Yield the calls for some rows, from the arguments and outputs cut to them."""
        values += self._constants
        values += [
            scratch.block(self._numpy_type(node), i, self._block_shape(node, rows))
            for node, i in self._registers
        ]
        for step in self._instructions:
            yield step.call, (*[values[i] for i in step.inputs], values[step.out])

    def sum_calls(
        self, arguments: tuple[Any, ...], outs: tuple[NDArray, ...], scratch: Scratch
    ) -> Iterator[tuple[Callable[..., Any], tuple[Any, ...]]]:
        """Yield the calls that sum the outputs down their rows into ``outs``, each (1, columns)."""
        rows, columns, dtype = self._rows_per_block, self._call.columns, outs[0].dtype
        sums = scratch.block(dtype, -2, (1, columns))
        for start in range(0, self._rows, rows):
            n = min(rows, self._rows - start)
            # The registers have numbers from 0, the blocks' results those below -2.
            block = [
                a[start : start + n] if i in self._sliced else a for i, a in enumerate(arguments)
            ]
            results = [
                scratch.block(dtype, -3 - j, (n, out.shape[1])) if source is None else block[source]
                for j, (source, out) in enumerate(zip(self._sources, outs, strict=True))
            ]
            computed = [r for r, s in zip(results, self._sources, strict=True) if s is None]
            yield from self._block_calls([*block, *computed], n, scratch)
            for result, out in zip(results, outs, strict=True):
                if start == 0:
                    yield np.add.reduce, (result, 0, None, out, True)
                else:
                    part = sums[:, : out.shape[1]]
                    yield np.add.reduce, (result, 0, None, part, True)
                    yield np.add, (out, part, out)

    def _numpy_type(self, node: Node) -> np.dtype:
        return np.dtype(self._call.precision if node.dtype == "float" else node.dtype)

    def _block_shape(self, node: Node, rows: int) -> tuple[int, ...]:
        shape = (rows if node.by_row else 1, self._call.columns if node.by_column else 1)
        return shape[:1] if self._call.flat else shape

    def _compile(self, graph: Graph) -> None:
        """Number the values and lay down the instructions."""
        steps = [node for node in graph.nodes if node.op not in ("argument", "constant")]
        direct = self._written_directly(graph, steps)
        place: dict[Node, int] = {}
        for node in graph.arguments:
            place[node] = node.value
        first_register = (
            self._arguments
            + self._outputs
            + len([node for node in graph.nodes if node.op == "constant"])
        )
        for node in graph.nodes:
            if node.op == "constant":
                place[node] = self._arguments + self._outputs + len(self._constants)
                self._constants.append(node.value)
        last_use = {child: t for t, node in enumerate(steps) for child in node.inputs}
        last_use |= {node: len(steps) for node in graph.outputs}
        free: dict[tuple[str, bool, bool], list[int]] = {}

        def register_for(node: Node) -> int:
            kind = (node.dtype, node.by_row, node.by_column)
            if free.get(kind):
                return free[kind].pop()
            same_type = sum(1 for other, _ in self._registers if other.dtype == node.dtype)
            self._registers.append((node, same_type))
            return first_register + len(self._registers) - 1

        def release(node: Node, time: int) -> None:
            number = place.get(node, -1)
            if number >= first_register and last_use[node] == time:
                free.setdefault((node.dtype, node.by_row, node.by_column), []).append(number)

        for time, node in enumerate(steps):
            inputs = tuple(place[child] for child in node.inputs)
            # A ufunc may write over its own input; `where` and reductions may not.
            reuses_input = node.op not in ("where", "dot", *REDUCTIONS)
            if reuses_input:
                for child in set(node.inputs):
                    release(child, time)
            place[node] = direct[node] if node in direct else register_for(node)
            if not reuses_input:
                for child in set(node.inputs):
                    release(child, time)
            self._instructions.append(Instruction(CALLS[node.op], inputs, place[node]))
        # An output that is itself an argument is read before anything is written over it, so
        # its register must not be one that the instructions after it use.
        free.clear()
        for node in {n for n in graph.outputs if n.op in ("argument", "constant")}:
            number = register_for(node)
            self._instructions.insert(0, Instruction(_copy, (place[node],), number))
            place[node] = number
        for j, node in enumerate(graph.outputs):
            if place[node] != self._arguments + j:
                self._instructions.append(Instruction(_copy, (place[node],), self._arguments + j))

    def _written_directly(self, graph: Graph, steps: list[Node]) -> dict[Node, int]:
        """Return the nodes that need no register because they go straight to an output.

        An output may be one of the arguments: then nothing is written there before the last
        instruction that reads this argument.
        """
        if any(node.op == "argument" for node in graph.outputs):
            return {}
        last_read = {
            child.value: t
            for t, node in enumerate(steps)
            for child in node.inputs
            if child.op == "argument"
        }
        vary = self._call.outputs_vary
        if self._summed:
            vary = tuple(v for v, s in zip(vary, self._sources, strict=True) if s is None)
        direct: dict[Node, int] = {}
        for j, node in enumerate(graph.outputs):
            read = max((last_read.get(i, -1) for i in self._aliases[j]), default=-1)
            late = node in steps and steps.index(node) >= read
            # `where` fills its result with y before it has read x.
            unsafe = node.op == "where" and any(
                c.op == "argument" for c in (node.inputs[0], node.inputs[1])
            )
            by_row, by_column = vary[j]
            fits = node.by_column == by_column and (self._summed or node.by_row == by_row)
            if late and not unsafe and fits and node not in direct:
                direct[node] = self._arguments + j
        return direct


class Programs:
    """A formula's programs, compiled at first sight of new shapes."""

    def __init__(self, formula: Formula, summed: bool = False) -> None:
        self._formula, self._summed = formula, summed
        self._programs: dict[Any, Program] = {}

    def of(self, arguments: tuple[Any, ...], outs: tuple[NDArray, ...]) -> Program:
        """Return the program for arrays of these shapes, types and aliases."""
        # What is summed goes to scratch memory first, which is nobody's argument.
        aliases = tuple(
            () if self._summed else tuple(i for i, a in enumerate(arguments) if _share_memory(a, o))
            for o in outs
        )
        key = (
            *[(a.shape, a.dtype) if isinstance(a, np.ndarray) else type(a) for a in arguments],
            *[o.shape for o in outs],
            outs[0].dtype,
            aliases,
        )
        program = self._programs.get(key)
        if program is None:
            call = Call.of(arguments, outs)
            graph = trace(self._formula, call.arguments)
            program = self._programs[key] = Program(graph, call, aliases, self._summed)
        return program


def _share_memory(a: Any, out: NDArray) -> bool:
    return isinstance(a, np.ndarray) and np.may_share_memory(a, out)


def _with_dots(graph: Graph) -> Graph:
    """Return the graph with each sum(x * y) along rows, for one row y, as a product by BLAS."""
    uses = Counter(child for node in graph.nodes for child in node.inputs)
    uses.update(graph.outputs)
    new: dict[Node, Node] = {node: node for node in graph.arguments}
    for node in graph.nodes:
        inputs = tuple(new[child] for child in node.inputs)
        if node.op in ("argument", "constant"):
            new[node] = node
            continue
        new[node] = replace(node, inputs=inputs)
        product = node.inputs[0]
        if node.op == "sum" and product.op == "multiply" and uses[product] == 1:
            x, y = sorted(new[product].inputs, key=lambda n: not n.by_row)
            if x.by_row and x.by_column and y.by_column and not y.by_row:
                new[node] = replace(node, op="dot", inputs=(x, y))
    return Graph(graph.arguments, tuple(new[node] for node in graph.outputs))
