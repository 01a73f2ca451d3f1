"""Turning array code into an expression graph.

A formula or a whole text is a pure function ``f(xp, ...)`` written against the array API. Calling
it once with symbolic arguments (Nodes) and the namespace below records what it computes.

A formula, which becomes one kernel, sees every argument as a (rows, columns) table, broadcast where
it has one row or one column: how many there are does not matter. A text may use all that is here,
and its shapes are numbers, but for the number of examples, which is BATCH.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

Formula = Callable[..., Any]
Shape = tuple[int | str, ...]

# The type of a node is one of these names. "float" is whichever precision the arrays have; "uint16"
# holds the bits of bfloat16 numbers, and nothing is computed with it.
FLOAT, BOOL, UINT16, UINT32, UINT64 = "float", "bool", "uint16", "uint32", "uint64"
COMPARISONS = ("greater", "greater_equal", "less", "less_equal", "equal")
REDUCTIONS = ("max", "sum")
# Sizes that a kernel works for whatever they are, and the one that a text leaves open.
ROWS, COLUMNS, BATCH = "rows", "columns", "n"
# Other ways to see the same numbers; and what a kernel's formula cannot do.
VIEWS = ("transpose", "reshape", "slice", "concat")
TEXT_ONLY = (*VIEWS, "matmul", "sum_down", "take", "random_bits")


Line = tuple[str, int]  # a file and a number


class _Lines:
    """Where in a text one is while it is recorded."""

    wanted = False

    @staticmethod
    def here() -> Line | None:
        """Return the innermost line that is not of what records."""
        frame: Any = sys._getframe(1)
        while frame is not None and frame.f_globals.get("__name__", "").startswith(
            ("gpunet.kernels.", "gpunet.program.", "dataclasses")
        ):
            frame = frame.f_back
        return None if frame is None else (frame.f_code.co_filename, frame.f_lineno)


_LINES = _Lines()


@contextmanager
def noting_lines() -> Iterator[None]:
    """Within this context, each new node knows which line of the text it comes from."""
    _LINES.wanted = True
    try:
        yield
    finally:
        _LINES.wanted = False


@dataclass(frozen=True, eq=False)
class Node:
    """One value of the graph.

    Attributes:
        op: "argument", "constant", or the array API's name of the operation.
        inputs: The nodes it is computed from.
        dtype: "float", "bool", "uint32", ...
        shape: () for a number.
        value: The position or the name of an argument, the number of a constant, or what else the
            operation has to know.
        line: The line of the text that it comes from; None in a kernel's own formula.
    """

    op: str
    inputs: tuple[Node, ...] = ()
    dtype: str = FLOAT
    shape: Shape = ()
    value: Any = None
    line: Line | None = None

    def __post_init__(self) -> None:
        if _LINES.wanted and self.line is None:
            object.__setattr__(self, "line", _LINES.here())

    @property
    def by_row(self) -> bool:
        """Whether the value differs between the rows of a table."""
        return len(self.shape) == 2 and self.shape[0] != 1

    @property
    def by_column(self) -> bool:
        """Whether the value differs between the columns of a table."""
        return self.shape != () and self.shape[-1] != 1

    @property
    def T(self) -> Node:
        """The transpose."""
        return Node("transpose", (self,), self.dtype, self.shape[::-1])

    def __add__(self, other: Any) -> Node:
        return _apply("add", self, other)

    def __radd__(self, other: Any) -> Node:
        return _apply("add", other, self)

    def __sub__(self, other: Any) -> Node:
        return _apply("subtract", self, other)

    def __rsub__(self, other: Any) -> Node:
        return _apply("subtract", other, self)

    def __mul__(self, other: Any) -> Node:
        return _apply("multiply", self, other)

    def __rmul__(self, other: Any) -> Node:
        return _apply("multiply", other, self)

    def __truediv__(self, other: Any) -> Node:
        return _apply("divide", self, other)

    def __rtruediv__(self, other: Any) -> Node:
        return _apply("divide", other, self)

    def __neg__(self) -> Node:
        return _apply("negative", self)

    def __gt__(self, other: Any) -> Node:
        return _apply("greater", self, other)

    def __ge__(self, other: Any) -> Node:
        return _apply("greater_equal", self, other)

    def __lt__(self, other: Any) -> Node:
        return _apply("less", self, other)

    def __le__(self, other: Any) -> Node:
        return _apply("less_equal", self, other)

    def __xor__(self, other: Any) -> Node:
        return _apply("bitwise_xor", self, other)

    def __and__(self, other: Any) -> Node:
        return _apply("bitwise_and", self, other)

    def __rshift__(self, other: Any) -> Node:
        return _apply("bitwise_right_shift", self, other)

    def __matmul__(self, other: Node) -> Node:
        if self.shape[-1] != other.shape[0]:
            raise TypeError(
                f"shapes {self.shape} and {other.shape} do not go together in a product"
            )
        return Node("matmul", (self, other), self.dtype, self.shape[:-1] + other.shape[1:])

    def __getitem__(self, part: slice) -> Node:
        start, stop, _ = part.indices(int(self.shape[0]))
        return Node("slice", (self,), self.dtype, (stop - start,), (start, stop))

    def __bool__(self) -> bool:
        raise TypeError("a formula cannot branch on an array's values; use xp.where")

    __hash__ = object.__hash__


class Namespace:
    """The part of the array API that a formula may use, recording instead of computing."""

    uint16, uint32, uint64 = UINT16, UINT32, UINT64

    def __getattr__(self, op: str) -> Callable[..., Node]:
        if op in {"exp", "expm1", "log", "log1p", "tanh", "sqrt", "abs", "sign"}:
            return lambda x: _apply(op, x)
        if op in {"maximum", "minimum", "equal"}:
            return lambda x, y: _apply(op, x, y)
        raise AttributeError(
            f"formulas cannot use xp.{op}: add it to gpunet/kernels/expression.py and to each "
            "backend first"
        )

    def where(self, condition: Node, x: Any, y: Any) -> Node:
        """Record x where the condition holds, else y."""
        return _apply("where", condition, x, y)

    def astype(self, x: Node, dtype: str) -> Node:
        """Record a conversion to another type."""
        return x if x.dtype == dtype else _apply("astype", x, dtype=dtype)

    def max(self, x: Node, *, axis: int, keepdims: bool) -> Node:
        """Record the largest value of each row."""
        return _reduce("max", x, axis, keepdims)

    def sum(self, x: Node, *, axis: int, keepdims: bool = False) -> Node:
        """Record the sum of each row, or (axis 0) of each column."""
        if axis == 0:
            return Node("sum_down", (x,), x.dtype, (1, *x.shape[1:])[0 if keepdims else 1 :])
        return _reduce("sum", x, axis, keepdims)

    def take(self, x: Node, rows: Node, *, axis: int) -> Node:
        """Record the choice of some rows."""
        return Node("take", (x, rows), x.dtype, rows.shape + x.shape[1:])

    def reshape(self, x: Node, shape: Shape) -> Node:
        """Record another shape; (-1,) is a vector."""
        if shape == (-1,):
            shape = (prod(map(int, x.shape)),)
        return x if shape == x.shape else Node("reshape", (x,), x.dtype, shape)

    def concat(self, parts: Sequence[Node], *, axis: int = 0) -> Node:
        """Record vectors one after the other."""
        parts = tuple(parts)
        if len(parts) == 1:
            return parts[0]
        return Node("concat", parts, parts[0].dtype, (sum(int(x.shape[0]) for x in parts),))

    def random_bits(self, key: tuple[int, int], step: Node, shape: Shape) -> Node:
        """Record random words of 32 bits: see ``gpunet.random.bits``."""
        return Node("random_bits", (step,), UINT32, shape, key)


@dataclass(frozen=True)
class Argument:
    """What a backend knows of an argument before running: its type and how it varies."""

    dtype: str
    by_row: bool = True
    by_column: bool = True


@dataclass
class Graph:
    """A recorded formula: ``nodes`` in an order in which they can be computed."""

    arguments: tuple[Node, ...]
    outputs: tuple[Node, ...]
    nodes: list[Node] = field(init=False)

    def __post_init__(self) -> None:
        self.nodes = in_order(self.outputs)

    @property
    def reductions(self) -> list[Node]:
        """The row reductions among the nodes, in order."""
        return [node for node in self.nodes if node.op in REDUCTIONS]


def trace(formula: Formula, arguments: Sequence[Argument]) -> Graph:
    """Record ``formula`` for arguments of the given types and shapes."""
    symbols = tuple(
        Node(
            *("argument", (), a.dtype),
            (ROWS if a.by_row else 1, COLUMNS if a.by_column else 1),
            position,
        )
        for position, a in enumerate(arguments)
    )
    result = formula(Namespace(), *symbols)
    outputs = result if isinstance(result, tuple) else (result,)
    graph = Graph(symbols, share_equal_nodes(outputs))
    for node in graph.nodes:
        if node.op in TEXT_ONLY:
            raise TypeError(f"a kernel's formula works along rows, (axis=-1), without {node.op}")
    return graph


def _apply(op: str, *operands: Any, dtype: str | None = None) -> Node:
    nodes = tuple(o if isinstance(o, Node) else _constant(o) for o in operands)
    if dtype is None:
        # Constants are weak: they take the type of what they meet. A condition has no say.
        values = nodes[1:] if op == "where" else nodes
        strong = {n.dtype for n in values if n.op != "constant"} or {n.dtype for n in values}
        if len(strong) > 1:
            raise TypeError(f"{op} mixes {' and '.join(sorted(strong))}; use xp.astype")
        dtype = BOOL if op in COMPARISONS else strong.pop()
    return Node(op, nodes, dtype, _broadcast([n.shape for n in nodes]))


def _broadcast(shapes: Sequence[Shape]) -> Shape:
    longest = max(map(len, shapes))
    padded = [(1,) * (longest - len(shape)) + shape for shape in shapes]
    sizes = [set(along) - {1} for along in zip(*padded, strict=True)]
    if any(len(along) > 1 for along in sizes):
        raise TypeError(f"shapes {' and '.join(map(str, shapes))} do not go together")
    return tuple(along.pop() if along else 1 for along in sizes)


def _constant(number: Any) -> Node:
    if not isinstance(number, int | float):
        raise TypeError(f"a formula takes Python numbers and arrays, not {type(number).__name__}")
    return Node("constant", value=number)


def _reduce(op: str, x: Node, axis: int, keepdims: bool) -> Node:
    if axis != -1 or not keepdims:
        raise TypeError(f"formulas reduce along rows only: xp.{op}(x, axis=-1, keepdims=True)")
    if not x.by_column:  # a column, perhaps beside wider tables: it is its own sum
        return x
    return Node(op, (x,), x.dtype, (*x.shape[:-1], 1))


def in_order(outputs: Sequence[Node]) -> list[Node]:
    """Return all nodes that these are computed from, and these, in a possible order."""
    done: dict[Node, None] = {}
    todo = list(reversed(outputs))
    while todo:
        node = todo[-1]
        missing = [child for child in node.inputs if child not in done]
        if not missing:
            done[node] = None
            todo.pop()
        todo += reversed(missing)
    return list(done)


def rewritten(outputs: Sequence[Node], rule: Callable[[Node], Node]) -> tuple[Node, ...]:
    """Return the outputs with each node replaced by what ``rule`` makes of it, inputs first."""
    new: dict[Node, Node] = {}
    for node in in_order(outputs):
        inputs = tuple(new[child] for child in node.inputs)
        new[node] = rule(node if inputs == node.inputs else replace(node, inputs=inputs))
    return tuple(new[output] for output in outputs)


def share_equal_nodes(outputs: Sequence[Node]) -> tuple[Node, ...]:
    """Merge nodes that compute the same thing, so that nothing is computed twice."""
    known: dict[Any, Node] = {}

    def merged(node: Node) -> Node:
        if node.op == "argument":
            return node
        # repr, because 0.0 == -0.0 and 1 == 1.0 but they are different constants
        key = (node.op, node.inputs, node.dtype, node.shape, repr(node.value))
        return known.setdefault(key, node)

    return rewritten(outputs, merged)
