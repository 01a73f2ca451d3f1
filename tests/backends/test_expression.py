"""Recording a formula."""

import numpy as np
import pytest

from gpunet.kernels.expression import Argument, trace


def table() -> Argument:
    return Argument("float")


def test_equal_subexpressions_are_computed_once() -> None:
    graph = trace(lambda xp, x: xp.exp(x) * xp.exp(x) + xp.exp(x), [table()])
    assert [node.op for node in graph.nodes] == ["argument", "exp", "multiply", "add"]


def test_constants_that_compare_equal_but_differ_are_kept_apart() -> None:
    graph = trace(lambda xp, x: (x * 0.0, x * -0.0), [table()])
    assert graph.outputs[0] is not graph.outputs[1]


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        (lambda xp, x: xp.erf(x), "xp.erf"),
        (lambda xp, x: x if x > 0 else -x, "xp.where"),
        (lambda xp, x: x * np.ones(3), "Python numbers"),
        (lambda xp, x: xp.sum(x, axis=0, keepdims=True), "axis=-1"),
        (lambda xp, x: xp.sum(x, axis=-1, keepdims=False), "keepdims=True"),
        (lambda xp, x: x * (x > 0.0), "astype"),
    ],
)
def test_what_a_formula_cannot_do_is_said(formula, message: str) -> None:
    with pytest.raises((TypeError, AttributeError), match=message):
        trace(formula, [table()])
