"""Launches, memory and rounds of the programs that networks have."""

import weakref
from typing import Any

import numpy as np
import pytest

import gpunet
from gpunet.backends.devices.numpy_backend import NumpyBackend
from gpunet.backends.devices.strict_device import StrictDeviceBackend
from gpunet.datasets import Dataset
from gpunet.kernels.expression import BATCH, FLOAT, Node
from gpunet.nn.feed import Feed
from gpunet.program.compiled import compiled
from gpunet.program.launches import launches
from gpunet.program.program import Program, record
from gpunet.program.rounds import Batch, Parts, rounds
from gpunet.program.show import rows
from gpunet.training.step import Step


def step(sizes: list[int], backend: Any = None, **settings: Any) -> Program:
    """Return the program of a step of SGD with momentum on bytes."""
    outputs = sizes[-1]
    if outputs > 1:
        settings |= {"output": "softmax", "loss": "categorical_crossentropy"}
    net = gpunet.Network(sizes, device=backend or NumpyBackend(), **settings)
    X = np.zeros((4, sizes[0]), np.uint8)
    classes = max(outputs, 2)
    data = Dataset(X, np.arange(4) % classes, 1 / 255, tuple(map(str, range(classes))))
    feed = Feed(net.backend, net.check(data))
    stepper = gpunet.SGD(0.1, momentum=0.9).start(net.backend, net.mlp.theta, "float32")
    return Step(net.mlp, feed, stepper, 4).run.program


def kinds(program: Program) -> list[str]:
    return [launch.kind for launch in program.launches]


def test_the_main_network_is_six_launches() -> None:
    program = step([784, 196, 1])
    assert kinds(program) == ["gather", "matmul", "kernel", "matmul", "sums", "kernel"]
    kernel, sums = program.launches[2], program.launches[4]
    # A1 (in the place of Z1), dZ1, the logits and dZ2; from which dW2^T, db1 and db2.
    assert sorted(x.shape for x in kernel.writes) == [(BATCH, 1)] * 2 + [(BATCH, 196)] * 2
    assert [x.shape for x in sums.writes] == [(1, 196), (196,), (1,)]
    assert not set(sums.inside) & set(kernel.inside)  # nothing is computed twice


def test_each_further_layer_is_two_products_and_two_kernels_more() -> None:
    for sizes in ([7, 6, 1], [7, 6, 5, 1], [7, 6, 5, 4, 1]):
        found = kinds(step(sizes))
        assert found.count("matmul") == 3 * (len(sizes) - 3) + 2
        assert found.count("kernel") == 2 * (len(sizes) - 3) + 2


def test_a_table_takes_the_place_of_one_that_nobody_reads_any_more() -> None:
    """A takes Z's place, and dZ that of dA, but for where the derivative needs Z."""
    for hidden, tables in (("sigmoid", 2), ("gelu", 3)):
        buffers = set(step([7, 6, 3], hidden=hidden).buffers.values())
        assert sum(shape == (BATCH, 6) for shape, _, _ in buffers) == tables, hidden


def test_dropout_adds_a_launch_for_each_mask_and_one_for_the_counter() -> None:
    plain, dropped = (kinds(step([7, 6, 5, 3], dropout=d)) for d in (0.0, 0.5))
    assert dropped.count("random") == 2
    assert len(dropped) == len(plain) + 3


def test_widths_of_one_between_others_need_their_own_kernels() -> None:
    """A kernel goes through a table of one width: 5, then 4, with a column between them."""
    program = step([7, 5, 1, 4, 1])
    for launch in program.launches:
        if launch.kind == "kernel":
            widths = {x.shape[-1] for x in launch.inside if x.shape[:1] == (BATCH,)} - {1}
            assert len(widths) <= 1


def test_work_is_cut_along_the_batch_and_then_along_the_gradient() -> None:
    batch, parts = rounds(step([784, 196, 1]))
    assert isinstance(batch, Batch)
    assert isinstance(parts, Parts)
    assert batch.cost == 784 * 196
    assert parts.size == 784 * 196 + 196 + 196 + 1

    class Cuts(NumpyBackend):
        def pieces(self, n: int, cost: int, few: bool = False) -> list[slice]:
            return [slice(0, n // 3), slice(n // 3, n)]

    tasks = parts.tasks(Cuts(), 128)
    assert len(tasks) == 3  # dW1 in two, and the sums
    updated = np.zeros(parts.size, int)
    update = parts.flat[0][0]
    for task in tasks:
        for launch, piece in task:
            if launch is update:
                updated[piece] += 1
    assert (updated == 1).all()


def test_a_clipped_gradient_is_whole_before_it_is_used() -> None:
    net = gpunet.Network([7, 6, 1], device="cpu")
    feed = Feed(net.backend, net.check(np.zeros((4, 7)), np.arange(4) % 2))
    optimizer = gpunet.SGD(0.1, clip_norm=1.0)
    run = Step(net.mlp, feed, optimizer.start(net.backend, net.mlp.theta, "float32"), 4).run
    kinds = [type(x).__name__ for x in rounds(run.program)]
    assert kinds == ["Batch", "Parts", "Launch", "Parts"]


def test_state_is_overwritten_after_all_that_reads_it() -> None:
    def text(xp: Any, x: Any, state: Any) -> dict[str, Any]:
        return {"state": state + 1.0, "y": xp.exp(x @ state)}

    specs = {"x": ((BATCH, 3), FLOAT), "state": ((3, 3), FLOAT)}
    assert [x.kind for x in Program.of(text, specs).launches] == ["matmul", "kernel", "kernel"]
    backend = NumpyBackend()
    x, state, y = np.eye(3), np.arange(9.0).reshape(3, 3), np.zeros((3, 3))
    compiled(backend, text, specs, 3, "float64")(3, {"x": x, "state": state, "y": y})
    np.testing.assert_array_equal(state, np.arange(1.0, 10.0).reshape(3, 3))
    np.testing.assert_array_equal(y, np.exp(np.arange(9.0).reshape(3, 3)))


def test_a_result_may_be_an_argument_or_another_result() -> None:
    """It is copied to its own place; state that does not change stays as it is."""

    def text(xp: Any, x: Any, state: Any) -> dict[str, Any]:
        y = x + x
        return {"same": x * 1.0, "y": y, "z": y, "part": state[1:3], "state": state}

    specs = {"x": ((BATCH, 3), FLOAT), "state": ((4,), FLOAT)}
    for backend in (NumpyBackend(), StrictDeviceBackend()):
        x, state = np.arange(6.0).reshape(2, 3), np.arange(4.0)
        arrays = {"x": backend.array(x, "float64"), "state": backend.array(state, "float64")}
        arrays |= {name: backend.zeros((2, 3), "float64") for name in ("same", "y", "z")}
        arrays["part"] = backend.zeros((2,), "float64")
        compiled(backend, text, specs, 2, "float64")(2, arrays)
        found = {name: backend.to_numpy(array) for name, array in arrays.items()}
        np.testing.assert_array_equal(found["same"], x)
        np.testing.assert_array_equal(found["y"], 2 * x)
        np.testing.assert_array_equal(found["z"], 2 * x)
        np.testing.assert_array_equal(found["part"], state[1:3])
        np.testing.assert_array_equal(found["state"], state)


def test_a_reduction_is_not_made_again_by_a_later_kernel() -> None:
    def text(xp: Any, x: Any, W: Any) -> dict[str, Any]:
        total = xp.sum(x, axis=-1, keepdims=True)
        return {"y": (total * x) @ W + total}

    _, results = record(text, {"x": ((BATCH, 3), FLOAT), "W": ((3, 2), FLOAT)})
    found = launches(results.values(), [])
    assert [launch.kind for launch in found] == ["kernel", "matmul", "kernel"]
    sums = [node for launch in found for node in launch.inside if node.op == "sum"]
    assert len(sums) == 1
    assert sums[0] in found[0].writes


def test_the_listing_counts_bytes_and_operations() -> None:
    gather, product, kernel, *_, update = rows(step([784, 196, 1]), 100)
    assert gather.bytes == 100 * (8 + 2 * 4 * 784)
    assert product.flops == 2 * 100 * 784 * 196
    assert product.bytes == 4 * (100 * 784 + 784 * 196 + 100 * 196)
    assert product.writes == ("#2 (n, 196)",)
    assert any("A_in[l] @ W[l] + b[l]" in line for line in product.lines)
    assert any("1.0 / (1.0 + xp.exp(-Z))" in line for line in kernel.lines)
    assert update.writes == ("moment0 (154057,)", "theta (154057,)")
    assert all(line.startswith("rules.py:") for line in update.lines)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_one_program_serves_every_batch_up_to_its_capacity(n: int) -> None:
    def text(xp: Any, A: Any, W: Any) -> dict[str, Any]:
        return {"Z": xp.tanh(A) @ W, "sums": xp.sum(xp.tanh(A), axis=0)}

    specs = {"A": ((BATCH, 3), FLOAT), "W": ((3, 2), FLOAT)}
    for backend in (NumpyBackend(), StrictDeviceBackend()):
        run = compiled(backend, text, specs, 5, "float64")
        A, W = np.random.default_rng(n).normal(size=(n, 3)), np.arange(6.0).reshape(3, 2)
        arrays = {"A": backend.array(A, "float64"), "W": backend.array(W, "float64")}
        arrays |= {"Z": backend.zeros((n, 2), "float64"), "sums": backend.zeros((3,), "float64")}
        run(n, arrays)
        # Three products and two additions of numbers of at most 5.
        np.testing.assert_allclose(backend.to_numpy(arrays["Z"]), np.tanh(A) @ W, atol=1e-14)
        np.testing.assert_allclose(
            backend.to_numpy(arrays["sums"]), np.tanh(A).sum(axis=0), atol=1e-14
        )


def test_more_examples_get_more_memory_and_no_array_of_the_caller_is_kept() -> None:
    def text(xp: Any, A: Any, W: Any) -> dict[str, Any]:
        return {"Z": xp.tanh(A) @ W}

    backend = NumpyBackend()
    specs = {"A": ((BATCH, 3), FLOAT), "W": ((3, 2), FLOAT)}
    run = compiled(backend, text, specs, 1, "float64")
    W = np.arange(6.0).reshape(3, 2)
    for n in (1, 4, 2, 5, 4):
        A, Z = np.random.default_rng(n).normal(size=(n, 3)), np.zeros((n, 2))
        gone = [weakref.ref(x) for x in (A, Z)]
        run(n, {"A": A, "W": W, "Z": Z})
        # Three products and two additions of numbers of at most 5.
        np.testing.assert_allclose(Z, np.tanh(A) @ W, atol=1e-14)
        del A, Z
        assert [x() for x in gone] == [None, None]


def test_shapes_that_do_not_go_together_are_named() -> None:
    A, W = Node("argument", shape=(BATCH, 3)), Node("argument", shape=(4, 2))
    with pytest.raises(TypeError, match=r"\('n', 3\) and \(4, 2\)"):
        _ = A @ W
    with pytest.raises(TypeError, match=r"\('n', 3\) and \(4, 2\)"):
        _ = A + W
