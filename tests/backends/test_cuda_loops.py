"""How often a kernel goes along its row, and what it does before, between and after."""

import re
from typing import Any

import numpy as np
import pytest

from gpunet.kernels.call import Call
from gpunet.kernels.cuda_source import cuda_source
from gpunet.kernels.expression import Formula, trace
from gpunet.nn.activations import ACTIVATIONS, softmax
from gpunet.nn.losses import LOSSES

N, M, K = 5, 40, 3
LOOP = "for (index c = lane; c < columns; c += WARP) {"


def body(formula: Formula, *shapes: tuple[int, int], outs: Any, matrices: Any = ()) -> str:
    """Return the kernel, for arguments and outputs of these shapes."""
    arrays = tuple(np.zeros(shape, np.float32) for shape in shapes)
    results = tuple(np.zeros(shape, np.float32) for shape in outs)
    call = Call.of(arrays, results, matrices)
    return cuda_source(trace(formula, call.arguments), call).partition("__global__")[2]


def total(xp: Any, x: Any) -> Any:
    return xp.sum(x, axis=-1, keepdims=True)


@pytest.mark.parametrize(
    ("formula", "outs", "loops"),
    [
        (total, [(N, 1)], 1),
        (lambda xp, x: (total(xp, x), total(xp, x * x), total(xp, xp.exp(x))), 3 * [(N, 1)], 1),
        (lambda xp, x: (total(xp, x), x + 1.0), [(N, 1), (N, M)], 2),
        (lambda xp, x: (total(xp, x - total(xp, x)), total(xp, x * x)), 2 * [(N, 1)], 2),
        (softmax, [(N, M)], 3),
    ],
)
def test_reductions_that_do_not_wait_for_each_other_share_a_loop(
    formula: Formula, outs: list[tuple[int, int]], loops: int
) -> None:
    assert body(formula, (N, M), outs=outs).count(LOOP) == loops


def test_the_score_of_softmax_goes_along_the_row_three_times() -> None:
    """For the maximum; for the sum of exp and the hits; for the loss. It takes exp once."""
    loss = LOSSES["categorical_crossentropy"]
    text = body(
        lambda xp, Z, Y: loss.scores(xp, Z, Y, ACTIVATIONS["softmax"]),
        *((N, M), (N, M)),
        outs=[(N, 1), (N, 1)],
    )
    assert text.count(LOOP) == 3
    assert len(re.findall(r"\bexp\(", text)) == 1


def test_a_layer_of_few_outputs_is_two_loops_along_the_one_before() -> None:
    def formula(xp: Any, Z1: Any, W: Any, W_T: Any, Y: Any) -> Any:
        A1 = xp.tanh(Z1)
        dZ2 = softmax(xp, A1 @ W) - Y
        return A1, dZ2, dZ2 @ W_T

    shapes = ((N, M), (M, K), (K, M), (N, K))
    text = body(formula, *shapes, outs=[(N, M), (N, K), (N, M)], matrices={1, 2})
    product, rest = text.split("warp_sum", 1)
    back = rest.index(LOOP)
    assert text.count(LOOP) == 2
    assert "a1[c * a1_r + j * a1_c]" in product
    assert "a2[j * a2_r + c * a2_c]" in rest[back:]
    assert "exp(" in rest[:back]  # the softmax: once for each row, in registers
    # Until it is needed, nothing takes a register: Y is loaded after the product; and what has been
    # stored takes none any more.
    assert "a3[" in rest[:back]
    assert "o1[" in rest[:back]
    assert "o1[" not in rest[back:]
