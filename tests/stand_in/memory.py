"""Memory that nobody owns holds poison, and captures take no part in allocation or transfer."""

import cupy
import numpy as np
import pytest

UNSUPPORTED = "cudaErrorStreamCaptureUnsupported"


def capture(stream: "cupy.cuda.Stream", work):
    with stream:
        stream.begin_capture()
        try:
            work()
        finally:
            graph = stream.end_capture()
    return graph


def test_new_memory_is_poisoned() -> None:
    assert np.isnan(cupy.asnumpy(cupy.empty(5, "float32"))).all()
    assert np.isnan(cupy.asnumpy(cupy.empty(5, "float64"))).all()
    assert cupy.asnumpy(cupy.empty(5, "uint8")).tolist() == [255] * 5


def test_freed_memory_is_poisoned_in_the_order_of_its_stream(queued, seen) -> None:
    with queued:
        x, y = cupy.array(np.ones(1000)), cupy.zeros(1000)
        queued.synchronize()
        memory = x._view
        cupy.copyto(y, x)
        del x  # the copy comes first
        assert (memory == 1).all()
        assert (cupy.asnumpy(y) == 1).all()
    assert np.isnan(memory).all()


def test_a_copy_on_another_stream_finds_poison(queued) -> None:
    """Planted: memory freed while a stream that it does not belong to has still to read it."""
    x = cupy.array(np.ones(1000))
    cupy.cuda.Stream.null.synchronize()
    with queued:
        y = cupy.zeros(1000)
        cupy.copyto(y, x)
        del x
        assert np.isnan(cupy.asnumpy(y)).all()


def test_a_graph_repeats_its_work_with_the_numbers_it_was_given(queued) -> None:
    text = 'extern "C" __global__ void k(float* x, float by) { x[threadIdx.x] += by; }'
    add = cupy.RawKernel(text, "k", ("--fmad=false",))
    with queued:
        x = cupy.zeros(4, "float32")
        add((1,), (4,), (x, np.float32(0)))
    graph = capture(queued, lambda: add((1,), (4,), (x, np.float32(2))))
    assert graph.debug_dot_str().count("label") == 1
    with queued:
        assert cupy.asnumpy(x).tolist() == [0] * 4  # nothing ran while it was captured
        for _ in range(3):
            graph.launch()
        assert cupy.asnumpy(x).tolist() == [6] * 4


def test_a_graph_keeps_no_array_alive(queued) -> None:
    """Planted: a buffer freed under a captured graph."""
    with queued:
        x, y = cupy.zeros(300), cupy.ones(300)
    arrays = [x]
    del x
    graph = capture(queued, lambda: cupy.copyto(y, arrays[0]))
    graph.launch(queued)
    queued.synchronize()
    arrays.clear()
    with pytest.raises(RuntimeError, match=r"node 0 of a graph, copy, uses 2400 bytes that have b"):
        graph.launch(queued)
    with queued:
        z = cupy.zeros(300)  # in the very place of x
    with pytest.raises(RuntimeError, match="cudaErrorIllegalAddress"):
        graph.launch(queued)
    del z


@pytest.mark.parametrize(
    ("what", "text"),
    [
        (lambda x: cupy.empty(3), UNSUPPORTED),
        (lambda x: cupy.zeros(3), UNSUPPORTED),
        (lambda x: x.astype("float64"), UNSUPPORTED),
        (lambda x: cupy.sum(x, axis=1, out=x[:, 0]), UNSUPPORTED),
        (cupy.asnumpy, "synchronous API calls are disallowed"),
        (lambda x: x.set(np.ones((2, 2), np.float32)), "synchronous API calls are disallowed"),
        (lambda x: cupy.cuda.get_current_stream().synchronize(), UNSUPPORTED),
        (lambda x: cupy.cuda.runtime.deviceSynchronize(), UNSUPPORTED),
        (lambda x: cupy.matmul(x, x, out=x), "cuBLAS API during stream capture"),
        (lambda x: fresh_kernel()((1,), (1,), (x,)), UNSUPPORTED),
    ],
)
def test_a_capture_refuses(queued, what, text: str) -> None:
    """Planted: an allocation, a transfer, a wait, a compilation in a capture."""
    with queued:
        x = cupy.ones((2, 2), "float32")
    with pytest.raises((RuntimeError, NotImplementedError)) as refusal:
        capture(queued, lambda: what(x))
    assert text in f"{refusal.value} {refusal.value.__context__}"


def fresh_kernel() -> cupy.RawKernel:
    return cupy.RawKernel('extern "C" __global__ void k(float* x) { x[0] = 1; }', "k")


def test_work_on_the_default_stream_spoils_the_capture_of_a_blocking_stream() -> None:
    stream, x = cupy.cuda.Stream(), cupy.ones(2)
    stream.begin_capture()
    with pytest.raises(RuntimeError, match="cudaErrorStreamCaptureImplicit"):
        x.fill(3)
    with pytest.raises(RuntimeError, match="cudaErrorStreamCaptureInvalidated"):
        stream.end_capture()


def test_the_default_stream_cannot_be_captured() -> None:
    with pytest.raises(RuntimeError, match="cannot capture on the default"):
        cupy.cuda.Stream.null.begin_capture()


def test_the_pool_counts_its_bytes_by_device() -> None:
    pool = cupy.get_default_memory_pool()
    with cupy.cuda.Device(1):
        pool.free_all_blocks()
        used, total = pool.used_bytes(), pool.total_bytes()
        x = cupy.empty(1000, "uint8")
        assert pool.used_bytes() - used == 1024  # CuPy's pool rounds to multiples of 512
        del x
        assert pool.used_bytes() == used
        assert pool.total_bytes() - total == 1024  # kept for the next
        pool.free_all_blocks()
        assert pool.total_bytes() == pool.used_bytes()


def test_memory_ends() -> None:
    with pytest.raises(MemoryError, match="Out of memory allocating"):
        cupy.empty(2**40, "uint8")
