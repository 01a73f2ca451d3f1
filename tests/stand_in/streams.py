"""What a stream has not reached has not happened."""

import cupy
import numpy as np
import pytest


def test_work_happens_when_somebody_waits(queued, seen) -> None:
    with queued:
        x = cupy.zeros(4, "float32")
        x.set(np.ones(4, np.float32))
        assert np.isnan(seen(x)).all()
        queued.synchronize()
    assert seen(x).tolist() == [1, 1, 1, 1]


def test_a_read_on_another_stream_comes_too_early(queued) -> None:
    """Planted: the host waits for a stream that is not the one which computes."""
    with queued:
        x = cupy.array(np.ones(4, np.float32))
    assert np.isnan(cupy.asnumpy(x)).all()
    with queued:
        np.testing.assert_array_equal(cupy.asnumpy(x), np.ones(4))


def test_the_default_stream_waits_for_blocking_streams_and_they_for_it(seen) -> None:
    stream = cupy.cuda.Stream()
    with stream:
        x = cupy.zeros(2, "int64")
    x.fill(7)  # on the default stream
    with stream:
        y = x.astype("float32")
        assert seen(x).tolist() == [-1, -1]
        assert cupy.asnumpy(y).tolist() == [7, 7]


def test_an_upload_has_read_the_host_when_it_returns() -> None:
    host = np.ones(3, np.float32)
    x = cupy.zeros(3, "float32")
    x.set(host)
    host[:] = 5
    assert cupy.asnumpy(x).tolist() == [1, 1, 1]


def test_streams_are_ordered_by_events(queued) -> None:
    other = cupy.cuda.Stream(non_blocking=True)
    with queued:
        x = cupy.array(np.ones(3))
        event = queued.record()
    with other:
        other.wait_event(event)
        assert cupy.asnumpy(x).tolist() == [1, 1, 1]


def test_events_measure_time_between_them(queued) -> None:
    start, end = cupy.cuda.Event(), cupy.cuda.Event()
    start.record(queued)
    with pytest.raises(RuntimeError, match="cudaErrorNotReady"):
        cupy.cuda.get_elapsed_time(start, start)
    end.record(queued)
    end.synchronize()
    assert cupy.cuda.get_elapsed_time(start, end) >= 0
    while not end.done:  # this loop would wait for ever if nothing went on by itself
        pass


def test_a_stream_belongs_to_its_device() -> None:
    stream = cupy.cuda.Stream()
    with cupy.cuda.Device(1), pytest.raises(RuntimeError, match="does not match"):
        stream.__enter__()


def test_an_error_is_raised_where_the_host_waits(queued) -> None:
    text = 'extern "C" __global__ void k(float* x) { x[4] = 1; }'
    with queued:
        x = cupy.zeros(4, "float32")
        cupy.RawKernel(text, "k", ("--fmad=false",))((1,), (1,), (x,))
        x.fill(3)
        with pytest.raises(RuntimeError, match="cudaErrorIllegalAddress"):
            queued.synchronize()
        assert cupy.asnumpy(x).tolist() == [3, 3, 3, 3]
