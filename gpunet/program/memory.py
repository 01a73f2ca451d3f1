"""Where the results of launches lie: in as little memory as their lifetimes allow.

A result takes the place of an array of the same shape that nobody reads any more, if need be that
of one which the launch itself reads for the last time: then it is computed in place. Only arrays of
the same shape share memory, so that rows may be cut off for threads.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from gpunet.kernels.expression import Node, Shape
from gpunet.program.launches import Launch

Buffer = tuple[Shape, str, int]  # shape, type, and a number among those


class Sums:
    """Products that are added to others: all have the place of the last."""

    def __init__(self, launches: Sequence[Launch]) -> None:
        products = [launch.node for launch in launches if launch.kind == "matmul"]
        self._next = {node.inputs[2]: node for node in products if len(node.inputs) == 3}

    def total(self, node: Node) -> Node:
        """Return the sum that a product is a term of, or the node itself."""
        while node in self._next:
            node = self._next[node]
        return node


def plan(
    launches: Sequence[Launch], placed: Container[Node], sums: Sums, for_good: Iterable[Node] = ()
) -> dict[Node, Buffer]:
    """Return a buffer for each result, but for those that are ``placed`` elsewhere.

    Those ``for_good`` are not written over.
    """
    last = {_stored(x): t for t, launch in enumerate(launches) for x in launch.reads}
    last |= {_stored(x): len(launches) for x in for_good}
    buffers: dict[Node, Buffer] = {}
    free: dict[tuple[Shape, str], list[int]] = {}
    count: dict[tuple[Shape, str], int] = {}

    def release(nodes: Sequence[Node], time: int) -> None:
        for node in nodes:
            if node in buffers and last.get(node, -1) <= time and node not in released:
                shape, dtype, number = buffers[node]
                free.setdefault((shape, dtype), []).append(number)
                released.add(node)

    released: set[Node] = set()
    for time, launch in enumerate(launches):
        # A product reads its operands again and again; a view may be read in another order.
        if launch.kind == "kernel":
            viewed = {_stored(x) for x in launch.reads if x is not _stored(x)}
            release([x for x in launch.reads if x not in viewed], time)
        for node in map(sums.total, launch.writes):
            if node in placed or node in buffers:
                continue
            shape = node.shape
            if launch.kind == "random":  # drawn four columns at a time
                shape = (shape[0], -(-int(shape[1]) // 4) * 4)
            key = (shape, node.dtype)
            if free.get(key):
                number = free[key].pop()
            else:
                number = count[key] = count.get(key, -1) + 1
            buffers[node] = (*key, number)
        release([_stored(x) for x in launch.reads] + list(launch.writes), time)
    return buffers


def _stored(node: Node) -> Node:
    """Return what lies in memory behind a view."""
    while node.op in ("transpose", "reshape", "slice"):
        node = node.inputs[0]
    return node
