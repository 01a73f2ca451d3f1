"""Narrow products in kernels, and all column sums at once: programs before and after; numbers."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpunet.backends import Backend
from gpunet.backends.devices.numpy_backend import NumpyBackend
from gpunet.backends.devices.strict_device import StrictDeviceBackend
from gpunet.kernels.expression import BATCH, FLOAT, Node, in_order, rewritten
from gpunet.kernels.launch import NARROW, ROWS_SUMMED, THREADS, WARP
from gpunet.program.compiled import compiled
from gpunet.program.launches import Launch
from gpunet.program.program import Program, record
from gpunet.program.rewrites.narrow import MOST_WEIGHTS, narrow_products

Specs = dict[str, tuple[tuple[Any, ...], str]]


def ends(wide: int, few: int) -> Specs:
    """Return what the text below takes."""
    shapes = {"Z1": (BATCH, wide), "W": (wide, few), "b": (few,), "Y": (BATCH, few)}
    return {name: (shape, FLOAT) for name, shape in shapes.items()}


def end(xp: Any, Z1: Any, W: Any, b: Any, Y: Any) -> dict[str, Any]:
    """The last two layers, of relu and the square, with operations that leave integers integers."""
    A1 = xp.maximum(Z1, 0.0)
    Z2 = A1 @ xp.reshape(W, W.shape) + b
    largest = xp.max(Z2, axis=-1, keepdims=True)
    dZ2 = xp.maximum(Z2 - largest, -8.0) - Y
    dZ1 = dZ2 @ W.T * xp.sign(A1)
    total = 2.0 * xp.sum(dZ2, axis=-1, keepdims=True)
    return {"Z2": Z2, "dZ2": dZ2, "dZ1": dZ1, "total": total, "db1": xp.sum(dZ1, axis=0),
            "db2": xp.sum(dZ2, axis=0)}  # fmt: skip


def kinds(launches: tuple[Launch, ...]) -> list[str]:
    return [launch.kind for launch in launches]


def test_a_kernel_takes_narrow_products_in_and_columns_are_summed_at_once() -> None:
    before = Program.of(end, ends(40, 10))
    assert kinds(before.launches) == [
        "kernel",
        "matmul",
        "kernel",
        "matmul",
        "kernel",
        *2 * ["sums"],
    ]
    after = Program.of(end, ends(40, 10), narrow=10, sums_at_once=True)
    assert kinds(after.launches) == ["kernel", "sums"]
    kernel, sums = after.launches
    assert sorted(x.shape[1] for x in kernel.writes) == [1, 10, 10, 40]
    assert [kernel.reads[i].shape for i in kernel.matrices] == [(40, 10), (10, 40)]
    assert sorted(x.shape for x in sums.writes) == [(10,), (40,)]
    assert kinds(Program.of(end, ends(40, 10), narrow=9).launches) == kinds(before.launches)


def test_numpy_has_no_narrow_products() -> None:
    """Its BLAS multiplies matrices of ten columns without a launch to pay for."""
    run: Any = compiled(NumpyBackend(), end, ends(40, 10), 4, "float32")
    assert kinds(run.program.launches) == kinds(Program.of(end, ends(40, 10)).launches)


@pytest.mark.parametrize(
    ("wide", "few", "inside"),
    [
        (40, 10, True),
        (17, 16, True),
        (17, 17, False),  # too many columns
        (16, 10, False),  # no table is wide
        (40, 1, False),  # a sum along the row: thin.py
        (MOST_WEIGHTS // 8, 8, True),
        (MOST_WEIGHTS // 8 + 1, 8, False),  # more than a cache holds
    ],
)
def test_which_products_are_narrow(wide: int, few: int, inside: bool) -> None:
    for W_is_turned in (False, True):
        rows, columns = (few, wide) if W_is_turned else (wide, few)
        specs: Specs = {"A": ((BATCH, rows), FLOAT), "W": ((rows * columns,), FLOAT)}

        def text(xp: Any, A: Any, W: Any, shape: Any = (rows, columns)) -> dict[str, Any]:
            return {"Z": xp.exp(A) @ xp.reshape(W, shape)}

        assert operations(text, specs) == f"exp reshape {'narrow' if inside else 'matmul'}"


def test_products_of_the_inputs_and_over_the_batch_stay() -> None:
    specs = ends(40, 10)
    for text in (
        lambda xp, Z1, W, **_: {"Z": Z1 @ W},
        lambda xp, Z1, Y, **_: {"dW": xp.exp(Z1).T @ xp.exp(Y)},
    ):
        assert "narrow" not in operations(text, specs)


def operations(text: Any, specs: Specs) -> str:
    _, results = record(text, specs)
    outputs: tuple[Node, ...] = rewritten(tuple(results.values()), narrow_products(16))
    return " ".join(x.op for x in in_order(outputs) if x.op not in ("argument", "constant"))


# As many rows as a block has warps, as a chunk of sums has, and one more or less.
ROWS = [n + d for n in (2, THREADS // WARP, WARP, ROWS_SUMMED, 2 * ROWS_SUMMED) for d in (-1, 0, 1)]


@given(
    wide=st.integers(17, 70),
    few=st.integers(1, 20),
    n=st.sampled_from(ROWS),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_numbers_are_those_of_the_text(
    backend: Backend, dtype: str, wide: int, few: int, n: int, seed: int
) -> None:
    """Integers of at most 70 * 3 * 3 and their sums are exact in any order."""
    random = np.random.default_rng(seed)
    made = {
        name: random.integers(-3, 4, [n if d == BATCH else d for d in shape])
        for name, (shape, _) in ends(wide, few).items()
    }
    expected = end(np, **{name: x.astype(np.float64) for name, x in made.items()})
    values = {name: backend.array(x, dtype) for name, x in made.items()}
    values |= {name: backend.zeros(x.shape, dtype) for name, x in expected.items()}
    compiled(backend, end, ends(wide, few), n, dtype)(n, values)
    for name, x in expected.items():
        np.testing.assert_array_equal(backend.to_numpy(values[name]), x, err_msg=name)


def test_the_same_input_gives_the_same_bits(backend: Backend, dtype: str) -> None:
    random = np.random.default_rng(0)
    n, few = 1030, NARROW[dtype]
    specs = ends(196, few)
    shapes = {name: [n if d == BATCH else d for d in shape] for name, (shape, _) in specs.items()}
    values = {name: backend.array(random.normal(size=shapes[name]), dtype) for name in specs}
    outs = {"Z2": (n, few), "dZ2": (n, few), "dZ1": (n, 196), "total": (n, 1), "db1": (196,),
            "db2": (few,)}  # fmt: skip
    found = []
    for _ in range(2):
        values |= {name: backend.zeros(shape, dtype) for name, shape in outs.items()}
        compiled(backend, end, specs, n, dtype)(n, values)
        found.append({name: backend.to_numpy(values[name]) for name in outs})
    for name in outs:
        np.testing.assert_array_equal(found[0][name], found[1][name])


@pytest.mark.parametrize("few", [1, 7])
def test_a_narrow_table_may_be_overwritten_by_what_is_made_of_it(few: int) -> None:
    """Y by dZ2, in one kernel with the product that reads it."""
    backend = StrictDeviceBackend()
    specs: Specs = {"Y": ((BATCH, few), FLOAT), "W": ((few * 30,), FLOAT)}

    def text(xp: Any, Y: Any, W: Any) -> dict[str, Any]:
        dZ = xp.exp(Y)
        return {"Y": dZ, "dA": dZ @ xp.reshape(W, (few, 30))}

    Y, W = np.random.default_rng(0).normal(size=(9, few)), np.arange(30.0 * few)
    values = {"Y": backend.array(Y, "float64"), "W": backend.array(W, "float64")}
    values["dA"] = backend.zeros((9, 30), "float64")
    compiled(backend, text, specs, 9, "float64")(9, values)
    np.testing.assert_array_equal(backend.to_numpy(values["Y"]), np.exp(Y))
    # Sums of 7 products of at most 210 e^3.
    np.testing.assert_allclose(
        backend.to_numpy(values["dA"]), np.exp(Y) @ W.reshape(few, 30), rtol=1e-14
    )
