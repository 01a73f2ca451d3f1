"""Products with a single column are no work for a matrix product.

A W of one column is a sum along each row of A, dZ W^T of one column dZ is an outer product, and
A^T dZ of one column dZ is a sum down the columns of A: each can be done where A is computed or read
anyway. An A that lies in memory as it is (the network's inputs) stays with the matrix product.
"""

from __future__ import annotations

from gpunet.kernels.expression import BATCH, Namespace, Node

xp = Namespace()
STORED = ("argument", "gather")


def thin_products(node: Node) -> Node:
    """Return a product of a batch with one column as sums or as an outer product."""
    if node.op != "matmul" or node.value is not None:
        return node
    A, B = node.inputs
    if A.shape == (BATCH, 1):
        return A * B
    if B.shape[1:] != (1,) or _untransposed(A).op in STORED:
        return node
    if A.shape[0] == BATCH:
        return xp.sum(A * _transposed(B), axis=-1, keepdims=True)
    if B.shape[0] == BATCH:
        return xp.sum(_transposed(A) * B, axis=0, keepdims=True).T
    return node


def _untransposed(node: Node) -> Node:
    return node.inputs[0] if node.op == "transpose" else node


def _transposed(node: Node) -> Node:
    return node.inputs[0] if node.op == "transpose" else node.T
