"""Turning a formula into an expression graph.

A formula is a pure function ``f(xp, *arguments)`` written against the array API. Calling it once
with symbolic arguments (Nodes) and the namespace below records what it computes. Each backend
then executes the recorded graph in its own way.

Every argument is seen as a (rows, columns) table, broadcast where it has one row or one column,
so a node knows only whether it varies along each of the two axes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

Formula = Callable[..., Any]

# The type of a node is one of these names. "float" is whichever precision the arrays have; "uint16"
# holds the bits of bfloat16 numbers, and nothing is computed with it.
FLOAT, BOOL, UINT16, UINT32, UINT64 = "float", "bool", "uint16", "uint32", "uint64"
COMPARISONS = ("greater", "greater_equal", "less", "less_equal", "equal")
REDUCTIONS = ("max", "sum")


@dataclass(frozen=True, eq=False)
class Node:
    """One value of the graph.

    Attributes:
        op: "argument", "constant", or the array API's name of the operation.
        inputs: The nodes it is computed from.
        dtype: "float", "bool", "uint32" or "uint64".
        by_row, by_column: Whether the value differs between rows, between columns.
        value: The position of an argument, or the number of a constant.
    """

    op: str
    inputs: tuple[Node, ...] = ()
    dtype: str = FLOAT
    by_row: bool = False
    by_column: bool = False
    value: Any = None

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

    def __bool__(self) -> bool:
        raise TypeError("a formula cannot branch on an array's values; use xp.where")

    __hash__ = object.__hash__


class Namespace:
    """The part of the array API that a formula may use, recording instead of computing."""

    uint32, uint64 = UINT32, UINT64

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

    def sum(self, x: Node, *, axis: int, keepdims: bool) -> Node:
        """Record the sum of each row."""
        return _reduce("sum", x, axis, keepdims)


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
    nodes: list[Node] = field(default_factory=list)

    def __post_init__(self) -> None:
        seen: set[Node] = set()
        for output in self.outputs:
            self.nodes += _in_order(output, seen)

    @property
    def reductions(self) -> list[Node]:
        """The row reductions among the nodes, in order."""
        return [node for node in self.nodes if node.op in REDUCTIONS]


def trace(formula: Formula, arguments: Sequence[Argument]) -> Graph:
    """Record ``formula`` for arguments of the given types and shapes."""
    symbols = tuple(
        Node("argument", (), a.dtype, a.by_row, a.by_column, position)
        for position, a in enumerate(arguments)
    )
    result = formula(Namespace(), *symbols)
    outputs = result if isinstance(result, tuple) else (result,)
    return Graph(symbols, _share_equal_nodes(outputs))


def arguments_read(formula: Formula, count: int) -> set[int]:
    """Return which of the formula's ``count`` arguments its result depends on."""
    graph = trace(formula, [Argument(FLOAT)] * count)
    return {node.value for node in graph.nodes if node.op == "argument"}


def _apply(op: str, *operands: Any, dtype: str | None = None) -> Node:
    nodes = tuple(o if isinstance(o, Node) else _constant(o) for o in operands)
    if dtype is None:
        # Constants are weak: they take the type of what they meet. A condition has no say.
        values = nodes[1:] if op == "where" else nodes
        strong = {n.dtype for n in values if n.op != "constant"} or {n.dtype for n in values}
        if len(strong) > 1:
            raise TypeError(f"{op} mixes {' and '.join(sorted(strong))}; use xp.astype")
        dtype = BOOL if op in COMPARISONS else strong.pop()
    return Node(op, nodes, dtype, any(n.by_row for n in nodes), any(n.by_column for n in nodes))


def _constant(number: Any) -> Node:
    if not isinstance(number, int | float):
        raise TypeError(f"a formula takes Python numbers and arrays, not {type(number).__name__}")
    return Node("constant", value=number)


def _reduce(op: str, x: Node, axis: int, keepdims: bool) -> Node:
    if axis != -1 or not keepdims:
        raise TypeError(f"formulas reduce along rows only: xp.{op}(x, axis=-1, keepdims=True)")
    if not x.by_column:  # a column, perhaps beside wider tables: it is its own sum
        return x
    return Node(op, (x,), x.dtype, by_row=x.by_row, by_column=False)


def _in_order(node: Node, seen: set[Node]) -> Iterator[Node]:
    if node not in seen:
        for child in node.inputs:
            yield from _in_order(child, seen)
        seen.add(node)
        yield node


def _share_equal_nodes(outputs: tuple[Node, ...]) -> tuple[Node, ...]:
    """Merge nodes that compute the same thing, so that nothing is computed twice."""
    known: dict[Any, Node] = {}
    merged: dict[Node, Node] = {}
    seen: set[Node] = set()
    for output in outputs:
        for node in _in_order(output, seen):
            if node.op == "argument":
                merged[node] = node
                continue
            inputs = tuple(merged[child] for child in node.inputs)
            # repr, because 0.0 == -0.0 and 1 == 1.0 but they are different constants
            key = (node.op, inputs, node.dtype, repr(node.value))
            merged[node] = known.setdefault(
                key, Node(node.op, inputs, node.dtype, node.by_row, node.by_column, node.value)
            )
    return tuple(merged[output] for output in outputs)
