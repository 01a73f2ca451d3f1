"""Recorded nodes, computed one by one with any array namespace."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gpunet import random
from gpunet.kernels.expression import FLOAT, Node, in_order

OPERATORS: dict[str, Callable[..., Any]] = {
    "copy": lambda x: x,
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "negative": operator.neg,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "less": operator.lt,
    "less_equal": operator.le,
    "bitwise_xor": operator.xor,
    "bitwise_and": operator.and_,
    "bitwise_right_shift": operator.rshift,
}


def evaluate(
    xp: Any,
    outputs: Sequence[Node],
    values: Mapping[Node, Any],
    nodes: Sequence[Node] | None = None,
    dtype: Any = FLOAT,
    n: int = 0,
) -> tuple[Any, ...]:
    """Return what the outputs are.

    Args:
        xp: The namespace.
        outputs: Nodes.
        values: What is known: of arguments, say.
        nodes: What has to be computed for the outputs, in order; all that they depend on, if None.
        dtype: What "float" is called in the namespace.
        n: How many examples there are, for random words.
    """
    known = dict(values)
    for node in in_order(outputs) if nodes is None else nodes:
        if node not in known:
            operands = [known[child] for child in node.inputs]
            if node.op == "random_bits":
                shape = n, int(node.shape[1])
                known[node] = random.bits(xp, node.value, operands[0], shape)
            else:
                known[node] = _value(xp, node, operands, dtype)
    return tuple(known[node] for node in outputs)


def _value(xp: Any, node: Node, x: list[Any], dtype: Any) -> Any:
    if node.op in OPERATORS:
        return OPERATORS[node.op](*x)
    match node.op:
        case "constant":
            return node.value
        case "astype":
            return xp.astype(x[0], dtype if node.dtype == FLOAT else getattr(xp, node.dtype))
        case "sum" | "max":
            return getattr(xp, node.op)(x[0], axis=-1, keepdims=True)
        case "sum_down":
            return xp.sum(x[0], axis=0, keepdims=len(node.shape) == 2)
        case "matmul":
            return x[0] @ x[1] if len(x) == 2 else x[2] + x[0] @ x[1]
        case "transpose":
            return x[0].T
        case "reshape":
            return xp.reshape(x[0], node.shape)
        case "slice":
            return x[0][slice(*node.value)]
        case "concat":
            return xp.concat(x)
        case "gather":
            return xp.astype(xp.take(x[0], x[1], axis=0), dtype) * node.value
        case "take":
            return xp.take(x[0], x[1], axis=0)
    return getattr(xp, node.op)(*x)
