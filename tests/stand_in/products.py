"""cuBLASLt's products are work of a stream like all else, within memory that is allocated."""

from collections.abc import Iterator

import cupy
import numpy as np
import pytest

from gpunet.backends.devices.cublas_lt import CublasLtError, Handle, Plan, load, matrix

A = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
B = np.random.default_rng(1).normal(size=(5, 2)).astype(np.float32)


@pytest.fixture
def handle() -> Iterator[Handle]:
    """As gpunet has it: the loader finds the library under its own name."""
    handle = Handle(load((cupy.cuda.runtime.runtimeGetVersion() // 1000,)))
    yield handle
    handle.close()


def plan_of(handle: Handle, *arrays: cupy.ndarray) -> Plan:
    return Plan(handle, *map(matrix, arrays))


@pytest.fixture
def arrays(queued) -> list[cupy.ndarray]:
    with queued:
        return [cupy.array(A), cupy.array(B), cupy.zeros((3, 2), "float32")]


@pytest.fixture
def workspace(queued) -> cupy.ndarray:
    with queued:
        return cupy.empty(1 << 16, "uint8")


def test_a_product_is_queued(queued, seen, handle, arrays, workspace) -> None:
    plan_of(handle, *arrays).run(queued.ptr, workspace.data.ptr)
    assert np.isnan(seen(arrays[2])).all()
    with queued:
        # Three terms round in any order: a few units of 6e-8.
        np.testing.assert_allclose(cupy.asnumpy(arrays[2]), A @ B, rtol=1e-5, atol=1e-6)


def test_memory_that_has_been_freed_is_refused(
    queued, handle, arrays, workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_of(handle, *arrays)
    arrays.clear()
    with pytest.raises(CublasLtError, match="CUBLAS_STATUS_EXECUTION_FAILED"):
        plan.run(queued.ptr, workspace.data.ptr)
    assert "which is not allocated on device 0" in capsys.readouterr().err


def test_a_graph_with_a_product_keeps_no_operand_alive(queued, handle, arrays, workspace) -> None:
    """Planted: an operand freed under a captured graph."""
    plan = plan_of(handle, *arrays)
    plan.run(queued.ptr, workspace.data.ptr)
    queued.begin_capture()
    plan.run(queued.ptr, workspace.data.ptr)
    graph = queued.end_capture()
    graph.launch(queued)
    del arrays[0]
    with pytest.raises(RuntimeError, match="node 0 of a graph, product, uses 60 bytes that have b"):
        graph.launch(queued)


def test_a_capture_takes_no_search_and_no_first_run(queued, handle, arrays, workspace) -> None:
    """Planted: a product that is planned, or runs for the first time, while it is captured."""
    with queued:
        wider = cupy.zeros((2, 7), "float32")
        out = cupy.zeros((3, 7), "float32")
    fresh = plan_of(handle, arrays[2], wider, out)
    for begin in (
        lambda: plan_of(handle, *arrays),
        lambda: fresh.run(queued.ptr, workspace.data.ptr),
    ):
        queued.begin_capture()
        with pytest.raises(CublasLtError):
            begin()
        queued.end_capture()


def test_the_workspace_belongs_to_the_product(queued, seen, handle, workspace) -> None:
    """What the library keeps there overwrites what was there."""
    with queued:
        x, y = cupy.array(np.ones((2, 100), np.float32)), cupy.array(np.ones((100, 2), np.float32))
        out = cupy.zeros((2, 2), "float32")
        workspace.fill(0)
    plan = plan_of(handle, x, y, out)
    assert plan.workspace_bytes > 0
    plan.run(queued.ptr, workspace.data.ptr)
    queued.synchronize()
    assert (seen(workspace)[: plan.workspace_bytes] == 255).all()
    assert (seen(workspace)[plan.workspace_bytes :] == 0).all()
    assert seen(out).tolist() == [[100, 100], [100, 100]]
