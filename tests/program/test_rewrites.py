"""Each rewrite: what a program is before and after, and that it computes the same."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gpunet.kernels.expression import BATCH, FLOAT, Node, in_order, rewritten, share_equal_nodes
from gpunet.program.evaluate import evaluate
from gpunet.program.program import record
from gpunet.program.rewrites.gathers import gathered
from gpunet.program.rewrites.neutral import without_neutral
from gpunet.program.rewrites.precision import first_part, on_tensor_cores, rounded, split16
from gpunet.program.rewrites.thin import thin_products

N = 6
Rule = Callable[[Node], Node]
SPECS: dict[str, tuple[tuple[Any, ...], str]] = {
    "X": (("examples", 4), "uint8"),
    "rows": ((BATCH,), "int64"),
    "A": ((BATCH, 5), FLOAT),
    "dZ": ((BATCH, 3), FLOAT),
    "column": ((BATCH, 1), FLOAT),
    "W": ((5, 3), FLOAT),
    "w": ((5, 1), FLOAT),
    "V": ((4, 3), FLOAT),
}


def values(dtype: str = "float64") -> dict[str, np.ndarray]:
    """Return arrays for all arguments; small integers, with which every sum is exact."""
    random = np.random.default_rng(0)
    sizes = {BATCH: N, "examples": 9}
    made: dict[str, np.ndarray] = {}
    for name, (shape, kind) in SPECS.items():
        low, high = (-8, 9) if kind == FLOAT else (0, 9)
        x = random.integers(low, high, [sizes.get(d, d) for d in shape])
        made[name] = x.astype(dtype if kind == FLOAT else kind)
    return made


def before_and_after(text: Callable[..., Any], *rules: Rule) -> tuple[str, str]:
    """Return the operations of a text before and after, once both have computed the same."""
    arguments, results = record(lambda xp, **x: {"result": text(xp, **x)}, SPECS)
    known = {node: values()[name] for name, node in arguments.items()}
    outputs = tuple(results.values())
    changed = outputs
    for rule in rules:
        changed = share_equal_nodes(rewritten(changed, rule))
    found, expected = (evaluate(np, x, known, dtype=np.float64)[0] for x in (changed, outputs))
    np.testing.assert_array_equal(found, expected)
    return operations(outputs), operations(changed)


def operations(outputs: tuple[Node, ...]) -> str:
    nodes = in_order(outputs)
    return " ".join(node.op for node in nodes if node.op not in ("argument", "constant"))


def thin(text: Callable[..., Any]) -> tuple[str, str]:
    return before_and_after(text, thin_products)


def test_a_product_with_one_column_is_a_sum_along_rows() -> None:
    before, after = thin(lambda xp, A, w, **_: xp.tanh(A) @ w)
    assert before == "tanh matmul"
    assert after == "tanh transpose multiply sum"


def test_a_product_of_one_column_is_an_outer_one() -> None:
    before, after = thin(lambda xp, column, w, **_: column @ w.T)
    assert (before, after) == ("transpose matmul", "transpose multiply")


def test_a_gradient_from_one_column_is_a_sum_down_the_rows() -> None:
    before, after = thin(lambda xp, A, column, **_: xp.tanh(A).T @ column)
    assert before == "tanh transpose matmul"
    assert after == "tanh multiply sum_down transpose"


@pytest.mark.parametrize(
    "text",
    [
        lambda xp, A, w, **_: A @ w,  # A lies in memory as it is
        lambda xp, A, column, **_: A.T @ column,
        lambda xp, A, W, **_: xp.tanh(A) @ W,  # three columns
        lambda xp, A, dZ, **_: xp.tanh(A).T @ dZ,
    ],
    ids=["inputs", "gradient of inputs", "wide", "gradient of a wide one"],
)
def test_other_products_stay(text: Callable[..., Any]) -> None:
    before, after = thin(text)
    assert before == after


def test_rows_are_gathered_converted_and_scaled_at_once() -> None:
    def text(xp: Any, X: Any, rows: Any, A: Any, **_: Any) -> Any:
        return xp.astype(xp.take(X, rows, axis=0), A.dtype) * 0.25

    arguments, results = record(lambda xp, **x: {"result": text(xp, **x)}, SPECS)
    assert operations(tuple(results.values())) == "take astype multiply"
    (node,) = rewritten(tuple(results.values()), gathered)
    assert (node.op, node.value, node.shape) == ("gather", 0.25, (BATCH, 4))
    known = {x: values()[name] for name, x in arguments.items()}
    (found,) = evaluate(np, (node,), known, dtype=np.float64)
    np.testing.assert_array_equal(found, values()["X"][values()["rows"]] / 4)


def test_a_0_that_is_added_and_a_factor_of_1_go() -> None:
    def text(xp: Any, A: Any, **_: Any) -> Any:
        return (A * 1.0 + 0.0) * 2.0 - 0.0 * A

    before, after = before_and_after(text, without_neutral)
    assert before == "multiply add multiply multiply subtract"
    assert after == "multiply multiply subtract"


def test_a_1_that_makes_a_table_of_a_row_stays() -> None:
    """Its shape is what it is for."""
    before, after = before_and_after(lambda xp, A, **_: A * (0.0 * A + 1.0), without_neutral)
    assert before == after


# --- precision ----------------------------------------------------------------------------------


def text_of_a_layer(xp: Any, X: Any, rows: Any, V: Any, dZ: Any, A: Any, W: Any, **_: Any) -> Any:
    """A product with the inputs, one from them, and one without them."""
    inputs = xp.astype(xp.take(X, rows, axis=0), V.dtype) * 0.5
    parts = (inputs @ V, (A @ W) * dZ, dZ * (dZ @ (inputs.T @ dZ).T @ V))
    return parts[0] + parts[1] + parts[2]


def test_on_tensor_cores_every_product_is_of_tf32() -> None:
    _, results = record(lambda xp, **x: {"result": text_of_a_layer(xp, **x)}, SPECS)
    (node,) = rewritten(tuple(results.values()), on_tensor_cores)
    products = [x for x in in_order((node,)) if x.op == "matmul"]
    assert [x.value for x in products] == ["tf32"] * 5


def test_operands_are_rounded_to_their_leading_bits() -> None:
    text = lambda xp, A, W, **_: A @ W  # noqa: E731
    before, after = before_and_after(text, rounded(11))  # small integers have 4 bits
    assert before == "matmul"
    assert after == "multiply subtract subtract " * 2 + "matmul"
    arguments, results = record(lambda xp, **x: {"result": text(xp, **x)}, SPECS)
    (node,) = rewritten(tuple(results.values()), rounded(3))
    A, W = np.full((1, 5), 9.0, np.float32), np.ones((5, 1), np.float32)
    known = {arguments["A"]: A, arguments["W"]: W}
    (found,) = evaluate(np, (node,), known, dtype=np.float32)
    assert found == 40  # 9 = 1001 in binary, of which the first three bits are 8


def test_products_with_integers_are_three_of_16_bits() -> None:
    _, results = record(lambda xp, **x: {"result": text_of_a_layer(xp, **x)}, SPECS)
    outputs = rewritten(tuple(results.values()), gathered)
    (node,) = share_equal_nodes(rewritten(outputs, split16("uint16")))
    products = [x for x in in_order((node,)) if x.op == "matmul"]
    split = [x for x in products if x.value == "split16"]
    assert len(split) == 6  # two products with the inputs
    assert len(products) == 9
    for x in split:
        assert [operand.dtype for operand in x.inputs[:2]] == ["uint16"] * 2
    gathers = [x for x in in_order((node,)) if x.op == "gather"]
    assert [(x.value, x.dtype) for x in gathers] == [(1.0, "uint16")]  # unscaled
    (mistaken,) = rewritten((node,), first_part)
    left = [x for x in in_order((mistaken,)) if x.op == "matmul"]
    assert [x.value for x in left].count("split16") == 2


def test_the_three_products_are_the_one() -> None:
    """In float32, where the parts of integers below 256 are the integers themselves."""
    before, after = before_and_after(
        lambda xp, X, rows, V, **_: (xp.astype(xp.take(X, rows, axis=0), V.dtype) * 0.5) @ V,
        *(gathered, split16("float32")),
    )
    assert before == "take astype multiply matmul"
    assert after.count("matmul") == 3
