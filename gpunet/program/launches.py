"""A program's nodes as launches: products, gathers, kernels, column sums.

An elementwise operation or a reduction along rows belongs to a kernel. A node's *stage* counts the
contractions before it on any path, over the examples or over a whole vector: all that works row by
row comes before the first. Its *level* counts the products before it in its stage. Elementwise
nodes of one stage, level and number of rows are one kernel; it writes only what others read. What
an earlier kernel has not written is computed again, if it can be from what is in memory.

Column sums of one stage are one launch, with the elementwise nodes that only they read inside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gpunet.kernels.expression import BATCH, REDUCTIONS, VIEWS, Node, in_order
from gpunet.program.evaluate import evaluate

# What is a launch of its own; its result lies in memory.
SINGLE = ("matmul", "gather", "random_bits")
LEAVES = ("argument", "constant")


@dataclass(frozen=True, eq=False)
class Launch:
    """One thing that a device is asked to do.

    Attributes:
        kind: "gather", "matmul", "kernel", "sums" or "random".
        reads: What it takes: arguments, results of other launches, or views of either.
        writes: The nodes whose values it leaves in memory.
        stage: See above.
        inside: What a kernel or sums compute on the way, in order.
    """

    kind: str
    reads: tuple[Node, ...]
    writes: tuple[Node, ...]
    stage: int
    inside: tuple[Node, ...] = ()

    @property
    def node(self) -> Node:
        """The first of what it writes: all of it, but for kernels and sums."""
        return self.writes[0]

    @property
    def computed(self) -> tuple[Node, ...]:
        """What a kernel computes: what it writes, or what it sums up down the columns."""
        return tuple(x.inputs[0] if x.op == "sum_down" else x for x in self.writes)

    def formula(self, xp: Any, *arguments: Any) -> tuple[Any, ...]:
        """Return what is computed, from the values of ``reads``: for ``Backend.kernel``."""
        known = dict(zip(self.reads, arguments, strict=True))
        return evaluate(xp, self.computed, known, self.inside)

    @property
    def plain(self) -> bool:
        """Whether column sums are of what lies in memory as it is."""
        return not self.inside


def launches(results: Iterable[Node], state: Iterable[Node]) -> list[Launch]:
    """Return what computes the results, in a possible order.

    ``state`` are those results that overwrite an argument: they come last.
    """
    return _Schedule(list(results), set(state)).launches()


def elementwise(node: Node) -> bool:
    """Return whether a node is a kernel's work."""
    return node.op not in (*SINGLE, *VIEWS, *LEAVES, "sum_down")


class _Schedule:
    def __init__(self, results: list[Node], state: set[Node]) -> None:
        self.nodes = in_order(results)
        self.state = state
        self.readers: dict[Node, list[Node]] = defaultdict(list)
        for node in self.nodes:
            for child in node.inputs:
                self.readers[child].append(node)
        self.random: dict[Node, Node | None] = {}  # the only random bits that a node depends on
        self.place: dict[Node, tuple[int, int]] = {}  # stage and level
        self.width: dict[Node, Any] = {}  # of the table that the node's kernel goes through
        self.reduces: dict[Node, bool] = {}  # whether it has a sum along rows inside
        for node in self.nodes:
            self.random[node] = self._random(node)
            self.place[node], self.width[node] = self._place(node)
            self.reduces[node] = elementwise(node) and (
                node.op in REDUCTIONS or any(self.reduces[child] for child in node.inputs)
            )
        # Elementwise nodes that nothing but column sums read, in the end.
        self.only_summed: dict[Node, bool] = {}
        for node in reversed(self.nodes):
            self.only_summed[node] = (
                elementwise(node)
                and node not in results
                and all(
                    reader.op == "sum_down" or self.only_summed[reader]
                    for reader in self.readers[node]
                )
            )
        self.written = {n for n in self.nodes if elementwise(n) and self._is_written(n, results)}

    def _random(self, node: Node) -> Node | None:
        if node.op == "random_bits":
            return node
        found = {self.random[child] for child in node.inputs if child.op != "constant"}
        return found.pop() if len(found) == 1 and elementwise(node) else None

    def _place(self, node: Node) -> tuple[tuple[int, int], Any]:
        """Return the node's stage and level, and the width of its table.

        A kernel goes through a table of one width: what needs another one has to wait.
        """
        stage, level = place = max((self.place[child] for child in node.inputs), default=(0, 0))
        own = node.shape[-1] if node.shape else 1
        if contracts(node):
            return (stage + 1, 0), own
        if not elementwise(node):
            return (stage, level + (node.op == "matmul")), own
        beside = [c for c in node.inputs if elementwise(c) and self.place[c] == place]
        widths = {own, *(self.width[child] for child in beside)} - {1}
        if len(widths) > 1:
            return (stage, level + 1), own
        return place, max(widths, default=1, key=str)

    def _is_written(self, node: Node, results: list[Node]) -> bool:
        """Return whether others than its own kernel want the node's value in memory."""
        return node in results or any(self._wants(reader, node) for reader in self.readers[node])

    def _wants(self, reader: Node, node: Node) -> bool:
        if reader.op == "sum_down":  # it has room inside, though not for sums along rows
            inside, _ = _expansion([node], lambda n: not self.only_summed[n])
            return not inside or any(n.op in REDUCTIONS for n in inside)
        if not elementwise(reader):
            return True
        if self.only_summed[reader] and not self.only_summed[node]:
            return True
        if self.reduces[node] and self.place[reader] != self.place[node]:
            return True
        return self.random[node] is not None and self.random[reader] is None

    def launches(self) -> list[Launch]:
        found: list[tuple[tuple[Any, ...], Launch]] = []
        groups: dict[tuple[Any, ...], list[Node]] = defaultdict(list)
        sums: dict[tuple[Any, ...], list[Node]] = defaultdict(list)
        for node in self.nodes:
            (stage, level), batch = self.place[node], node.shape[:1] == (BATCH,)
            if node.op in ("matmul", "gather"):
                launch = Launch(node.op, node.inputs, (node,), stage)
                found.append(((False, stage, batch, level, 0), launch))
            elif node.op == "sum_down":
                sums[stage, node.inputs[0].shape[1:]].append(node)
            elif node in self.written:
                last = node in self.state
                key = (last, stage, level, node.shape[:-1], self.random[node])
                groups[*key, node.shape[-1:]].append(node)
        self._join_columns(groups)
        for (last, stage, level, rows, bits, _), nodes in groups.items():
            order = -stage if last else stage
            launch = self._kernel((stage, level), nodes, bits)
            found.append(((last, order, rows == (BATCH,), level, int(bits is None)), launch))
        self._join_columns(sums)
        for (stage, _), nodes in sums.items():
            found.append(((False, stage, False, 0, 0), self._sums(stage, nodes)))
        return [launch for _, launch in sorted(found, key=lambda item: item[0])]

    def _join_columns(self, groups: dict[tuple[Any, ...], list[Node]]) -> None:
        """Let columns, (n, 1), be computed beside the wider table of their level."""
        for key in [key for key in groups if key[-1] == (1,)]:
            wide = [other for other in groups if other[:-1] == key[:-1] and other != key]
            if len(wide) == 1:
                groups[wide[0]] += groups.pop(key)

    def _kernel(self, place: tuple[int, int], nodes: list[Node], bits: Node | None) -> Launch:
        def is_leaf(node: Node) -> bool:
            if node in nodes or not self._in_memory(node):
                return False
            # What another kernel of this level writes may not be there yet.
            drawn = bits is None and self.random[node] is not None
            return drawn or not elementwise(node) or self.place[node] < place

        inside, reads = _expansion(nodes, is_leaf)
        kind = "kernel" if bits is None else "random"
        return Launch(kind, reads, tuple(nodes), place[0], tuple(inside))

    def _sums(self, stage: int, nodes: list[Node]) -> Launch:
        inside, reads = _expansion([node.inputs[0] for node in nodes], self._in_memory)
        return Launch("sums", reads, tuple(nodes), stage, tuple(inside))

    def _in_memory(self, node: Node) -> bool:
        return node in self.written if elementwise(node) else node.op != "constant"


def contracts(node: Node) -> bool:
    """Return whether a node adds up over the examples, or over a whole vector."""
    if node.op == "matmul":
        return node.inputs[0].shape[-1] == BATCH or len(node.inputs[0].shape) == 1
    return node.op == "sum_down"


def _expansion(
    nodes: Sequence[Node], is_leaf: Callable[[Node], bool]
) -> tuple[list[Node], tuple[Node, ...]]:
    """Return what the nodes are computed from down to the leaves, in order; and the leaves."""
    leaves: dict[Node, None] = {}
    inside: dict[Node, None] = {}

    def visit(node: Node) -> None:
        if node in inside or node in leaves:
            return
        if is_leaf(node):
            leaves[node] = None
            return
        for child in node.inputs:
            visit(child)
        inside[node] = None

    for node in nodes:
        visit(node)
    return list(inside), tuple(leaves)
