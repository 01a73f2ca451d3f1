"""Rows are chosen, converted and scaled in one go: scale * float(X[rows])."""

from __future__ import annotations

from gpunet.kernels.expression import FLOAT, Node


def gathered(node: Node) -> Node:
    """Return one "gather" for a "take" and what is done to its result; ``value`` is the scale."""
    if node.op == "take" and node.dtype == FLOAT:
        return _gather(node, FLOAT, 1.0)
    if node.op == "astype" and node.inputs[0].op == "take":
        return _gather(node.inputs[0], node.dtype, 1.0)
    if node.op == "multiply":
        for x, scale in (node.inputs, node.inputs[::-1]):
            if x.op == "gather" and x.value == 1.0 and scale.op == "constant":
                return _gather(x, x.dtype, scale.value)
    return node


def _gather(take: Node, dtype: str, scale: float) -> Node:
    return Node("gather", take.inputs, dtype, take.shape, scale)
