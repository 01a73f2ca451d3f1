"""How precisely matrices are multiplied.

    float32   as stored (or float64, if that is what the network has)
    tf32      operands rounded to 11 bits, products and sums in float32: one pass on tensor cores
    split16   float32's accuracy from 16-bit products: see ``split16``

Where a device has no tensor cores, the same roundings are made by float32 arithmetic: slower, and
the same to the last bits of a sum. So each precision can be checked on any machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gpunet.backends import Backend
from gpunet.errors import ArgumentError, look_up
from gpunet.kernels.expression import FLOAT, UINT16, Namespace, Node

Rule = Callable[[Node], Node]
xp = Namespace()
PRECISIONS = ("float32", "tf32", "split16")


def check_precision(precision: str, dtype: str, integers: bool) -> None:
    """Check that a training run can have this precision.

    Args:
        precision: A name in PRECISIONS.
        dtype: The network's.
        integers: Whether the inputs are stored as uint8.

    Raises:
        ArgumentError: An unknown name, or a precision that does not go with the rest.
    """
    look_up("precision", precision, dict.fromkeys(PRECISIONS))
    if precision != "float32" and dtype != "float32":
        raise ArgumentError(
            f"precision {precision} is for networks of float32, not {dtype}; precision float32 "
            "computes as the network is stored"
        )
    if precision == "split16" and not integers:
        raise ArgumentError(
            f"precision {precision} needs inputs of uint8, such as pixels; for others use tf32 or "
            "float32"
        )


def precision_rules(precision: str, backend: Backend) -> list[Rule]:
    """Return the rewrites for a precision, on a device with or without tensor cores."""
    if precision == "tf32":
        return [on_tensor_cores if backend.tensor_cores else rounded(11)]
    return [split16(backend.bfloat16)] if precision == "split16" else []


def on_tensor_cores(node: Node) -> Node:
    """Return a product as one of TF32, NVIDIA's TensorFloat-32."""
    return replace(node, value="tf32") if node.op == "matmul" else node


def rounded(bits: int, of: int = 24) -> Rule:
    """Return the rule that rounds the operands of products to their leading bits."""

    def rule(node: Node) -> Node:
        if node.op != "matmul" or node.value is not None:
            return node
        A, B = (_through_transpose(x, lambda x: leading(x, bits, of)) for x in node.inputs)
        return replace(node, inputs=(A, B), value="rounded")

    return rule


def split16(bfloat16: str) -> Rule:
    """Return the rule for products of integers, scaled, from bfloat16 operands.

    ``bfloat16`` is the type in which the device keeps bfloat16 numbers: "uint16" or "float32".

    Integers up to 256 are bfloat16 numbers. The other operand, scaled as the integers should have
    been, is the sum of three: x = x1 + x2 + x3, each of 8 bits, which is all that a float32 has.
    Products of two such numbers are exact in float32, so that only sums are rounded: with x3 last,
    a product of length k errs as a float32 product of length 3k would, by at most gamma_3k.
    (Splitting in this way is T. J. Dekker's, 1971; on tensor cores, Markidis et al., 2018.)
    """

    dtype = UINT16 if bfloat16 == UINT16 else FLOAT

    def rule(node: Node) -> Node:
        if node.op != "matmul" or node.value is not None:
            return node
        A, B = node.inputs
        turned = A.op == "transpose"
        found = _scaled_integers(A.inputs[0] if turned else A)
        if found is None:
            return node
        X, scale = found
        integers = X if X.op == "argument" else replace(X, dtype=dtype, value=1.0)
        if turned:
            integers = integers.T
        total: tuple[Node, ...] = ()
        for part in parts_of_8_bits(B * scale):
            operand = part if dtype == FLOAT else xp.astype(part, dtype)
            total = (Node("matmul", (integers, operand, *total), FLOAT, node.shape, "split16"),)
        return total[0]

    return rule


def first_part(node: Node) -> Node:
    """Return split16's products without the second and the third part: what a mistake makes."""
    adds = node.op == "matmul" and len(node.inputs) == 3
    return node.inputs[2] if adds else node


def _scaled_integers(node: Node) -> tuple[Node, float] | None:
    """Return the integers that ``node`` is a multiple of, as they are stored, and the factor."""
    if node.op == "gather":
        return node, node.value
    factor = 1.0
    if node.op == "multiply":
        node, constant = sorted(node.inputs, key=lambda x: x.op == "constant")
        factor = constant.value
    if node.op == "astype":
        node = node.inputs[0]
    return (node, factor) if node.op == "argument" and node.value == "X" else None


def _through_transpose(node: Node, change: Callable[[Node], Node]) -> Node:
    """Return a changed operand, or the transpose of the changed one."""
    return change(node.inputs[0]).T if node.op == "transpose" else change(node)


def parts_of_8_bits(x: Any) -> tuple[Any, Any, Any]:
    """Return three bfloat16 numbers whose sum is the float32 number x."""
    x1 = leading(x, 8)
    x2 = leading(x - x1, 8)
    return x1, x2, x - x1 - x2


def leading(x: Any, bits: int, of: int = 24) -> Any:
    """Return the number x rounded to its leading bits, of the 24 of float32 (Dekker 1971).

    c x - (c x - x) for c = 2^s + 1 leaves 24 - s bits. It overflows where |x| > 2^(127 - s).
    """
    c = 2.0 ** (of - bits) + 1.0
    return c * x - (c * x - x)
