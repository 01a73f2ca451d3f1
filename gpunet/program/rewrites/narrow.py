"""Products that lead from a wide table to a narrow one, or back, are done where the rows are.

Such a product is a few sums along each row, or a few terms for each of its numbers: less than a
launch costs. So a layer of 10 outputs behind one of 196 is no product of matrices; its logits, its
loss and what it passes back are a matter of each row, and one kernel's work. An A that lies in
memory as it is (the network's inputs) stays with the matrix product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gpunet.kernels.expression import BATCH, VIEWS, Node
from gpunet.program.rewrites.thin import STORED

# Each row goes through the whole of a W, which should stay in the cache nearest to where it is
# worked on: in float64, 128 KiB.
MOST_WEIGHTS = 16 * 1024


def narrow_products(most: int) -> Callable[[Node], Node]:
    """Return the rule for tables of up to ``most`` columns beside a wider one."""

    def rule(node: Node) -> Node:
        if node.op != "matmul" or node.value is not None:
            return node
        A, W = node.inputs
        if A.shape[0] != BATCH or A.op in STORED or W.op not in ("argument", *VIEWS):
            return node
        few, many = sorted(map(int, W.shape))
        if 1 < few <= most < many and few * many <= MOST_WEIGHTS:
            return replace(node, op="narrow")
        return node

    return rule
