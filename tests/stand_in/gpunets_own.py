"""Errors planted in what gpunet gives to a GPU: each has to be seen."""

from collections.abc import Callable
from threading import Thread

import cupy
import numpy as np
import pytest

import gpunet
from gpunet.backends import Backend, get_backend
from gpunet.backends.devices.cupy_backend import CupyBackend
from gpunet.kernels import call
from gpunet.parity import gamma

ROWS, COLUMNS = 11_272, 196  # the main job's


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Backend]:
    """Return a function that gives a backend whose kernels have one text in place of another."""

    def planted(right: str, wrong: str) -> Backend:
        seen = []

        class Planted(cupy.RawKernel):
            def __init__(self, code: str, *rest: object) -> None:
                seen.append(right in code)
                super().__init__(code.replace(right, wrong), *rest)

        monkeypatch.setattr(cupy, "RawKernel", Planted)
        planted.happened = lambda: any(seen)
        return CupyBackend()

    return planted


def error_in_place(backend: Backend) -> float:
    """Subtract each row's maximum and write it over a column that the row has still to add."""
    x = np.random.default_rng(0).normal(size=(50, 40)).astype(np.float32)
    y = np.zeros((50, 1), np.float32)
    device_x, device_y = backend.array(x, "float32"), backend.array(y, "float32")

    def formula(xp, x, y):
        largest = xp.max(x, axis=-1, keepdims=True)
        return x - largest + y, largest

    backend.kernel(formula)(device_x, device_y, out=(device_x, device_y))
    return float(np.abs(backend.to_numpy(device_x) - (x - x.max(axis=1, keepdims=True))).max())


def test_a_lost_syncwarp(plant) -> None:
    assert error_in_place(plant("nothing", "nothing")) == 0
    backend = plant("__syncwarp();", "")
    assert error_in_place(backend) != 0
    assert plant.happened()


def test_a_store_one_element_past_the_end(plant) -> None:
    """Within the vector of all parameters, where no allocation ends."""
    backend = plant("o0[r * o0_r + c * o0_c]", "o0[r * o0_r + c * o0_c + 1]")
    theta = backend.zeros((100,), "float32")
    W = backend.reshape(theta[10:40], (5, 6))
    backend.kernel(lambda xp, x: x + 1.0)(W, out=W)
    with pytest.raises(RuntimeError, match="argument 5, o0: element 30 is accessed"):
        backend.synchronize()


def column_sums_error(backend: Backend, rows: int, columns: int = COLUMNS) -> float:
    """Return the largest error of a kernel's column sums, in units of its bound."""
    x = np.random.default_rng(0).uniform(-1, 1, (rows, columns)).astype(np.float32)
    out = backend.zeros((1, columns), "float32")
    backend.column_sums(lambda xp, x: x)(backend.array(x, "float32"), out=out)
    exact = x.sum(axis=0, dtype=np.float64)
    bound = gamma(rows, 2.0**-24) * np.abs(x).sum(axis=0, dtype=np.float64)
    return float((np.abs(np.nan_to_num(backend.to_numpy(out)[0], nan=1e9) - exact) / bound).max())


def test_an_error_in_the_column_sums_of_many_rows(plant) -> None:
    # A row of numbers up to 1 is missing in each chunk: 64 of 11,272, against a bound of
    # gamma_n n / 2 = 3.8 for sums of 11,272 such rounded in the worst way.
    assert column_sums_error(plant("nothing", "nothing"), ROWS) <= 1
    stop = "rows * (chunk + 1) / chunks"
    backend = plant(f"stop = {stop};", f"stop = {stop} - (rows > 1000);")
    assert column_sums_error(backend, 1000) <= 1
    assert column_sums_error(backend, ROWS) > 1
    assert plant.happened()


@pytest.mark.parametrize(
    "lost",
    [
        # Sums of this chunk are stored by one warp, and the block is counted by one thread.
        "    }\n    __syncthreads();\n    __threadfence();\n",
        # What each warp has is put side by side before the first warp adds it up.
        "    __syncthreads();\n    if (warp == 0) {\n        for (int w",
        # Whether this block is the last is known to one thread before it is to the others.
        "    __syncthreads();\n    __threadfence();\n    if (last",
    ],
)
def test_a_lost_barrier_in_the_column_sums(plant, lost: str) -> None:
    """Blocks under way at the same time, and warps ahead of others, make it show."""
    backend = plant(lost, lost.replace("    __syncthreads();\n", ""))
    assert any(column_sums_error(backend, 2000, columns=20) > 1 for _ in range(200))
    assert plant.happened()


def test_a_host_read_of_what_the_stream_has_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """to_numpy on the default stream, while the backend's own is one that does not wait for it."""
    stream = cupy.cuda.Stream
    monkeypatch.setattr(cupy.cuda, "Stream", lambda: stream(non_blocking=True))
    backend = CupyBackend()
    x = backend.array(np.ones(4), "float32")
    assert np.isnan(cupy.asnumpy(x)).all()
    assert (backend.to_numpy(x) == 1).all()


def captured(backend: Backend, work: Callable[[], None]) -> Callable[[], None]:
    replay = backend.capture(work)
    replay()
    return replay


def test_a_buffer_freed_under_a_captured_graph() -> None:
    backend = CupyBackend()
    arrays = [backend.zeros((300,), "float32")]
    add = backend.kernel(lambda xp, x: x + 1.0)
    replay = captured(backend, lambda: add(arrays[0], out=arrays[0]))
    replay()
    assert (backend.to_numpy(arrays[0]) == 2).all()
    arrays.clear()
    with pytest.raises(RuntimeError, match="have been freed since it was captured"):
        replay()


def test_an_allocation_in_a_capture() -> None:
    """It is refused, so no graph comes of it; the backend says so and launches one by one."""
    backend = CupyBackend()
    add = backend.kernel(lambda xp, x: x + 1.0)

    def work() -> None:
        x = backend.zeros((3,), "float32")
        add(x, out=x)

    captured(backend, work)()
    said = backend.settings()["launches"]
    assert "cudaErrorStreamCaptureUnsupported" in said  # and not that a previous error spoilt it
    assert "12 bytes were allocated" in said
    assert not backend._stream.is_capturing()


def test_what_another_thread_does_is_no_part_of_a_capture() -> None:
    """It has its turn when the capture is over, and the graph repeats one thread's work only."""
    backend = CupyBackend()
    add = backend.kernel(lambda xp, x: x + 1.0)
    mine, others = (backend.zeros((3,), "float32") for _ in range(2))
    add(others, out=others)
    read: list[float] = []

    def other() -> None:
        add(others, out=others)
        read.append(float(backend.to_numpy(others)[0]))

    threads = []

    def work() -> None:
        add(mine, out=mine)
        threads.append(Thread(target=other))
        threads[-1].start()
        threads[-1].join(0.2)  # longer than it takes; but it has to wait for this one's end

    replay = captured(backend, work)
    for _ in range(2):
        replay()
    for thread in threads:
        thread.join()
    assert backend.settings()["launches"] == "CUDA graphs"
    assert len(threads) == 2
    assert sorted(read) == [2, 3]
    assert backend.to_numpy(mine).tolist() == [3, 3, 3]
    assert backend.to_numpy(others).tolist() == [3, 3, 3]


def test_a_network_predicts_while_another_is_trained() -> None:
    """On one backend, by two threads."""
    backend = CupyBackend()
    train, test = gpunet.datasets.load("mnist58")
    X = test.X[:64]
    network = gpunet.Network([784, 20, 1], device=backend)
    expected = network.predict_proba(X)
    failures = []

    def fit() -> None:
        try:
            for seed in range(8):
                other = gpunet.Network([784, 20, 1], device=backend, seed=seed)
                gpunet.fit(other, train.part(slice(0, 128)), epochs=3, batch_size=32)
        except Exception as error:
            failures.append(error)

    thread = Thread(target=fit)
    thread.start()
    while thread.is_alive():
        np.testing.assert_array_equal(network.predict_proba(X), expected)
    thread.join()
    assert failures == []
    assert backend.settings()["launches"] == "CUDA graphs"


def test_a_wrong_type_of_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call, "strides", lambda array, call: (1, np.int64(1)))
    backend = CupyBackend()
    x = backend.zeros((3,), "float32")
    with pytest.raises(TypeError, match="kernel formula: argument 3, a0_r, is int64; got 1"):
        backend.kernel(lambda xp, x: x + 1.0)(x, out=x)


@pytest.mark.parametrize("precision", ["float32", "tf32", "split16"])
@pytest.mark.parametrize("batch_size", [64, None])
def test_training_is_captured_in_every_precision(precision: str, batch_size: int | None) -> None:
    """And it learns what it learns launch by launch, to the bit."""
    data = gpunet.datasets.load("mnist58")[0].part(slice(0, 200))
    learnt = []
    for captures in (True, False):
        backend = CupyBackend()
        if not captures:
            backend._graphs_fail = "as the test wants"
        network = gpunet.Network([784, 20, 1], device=backend)
        gpunet.fit(network, data, epochs=3, batch_size=batch_size, precision=precision)
        assert (backend.settings()["launches"] == "CUDA graphs") is captures
        learnt.append(backend.to_numpy(network.mlp.theta))
    assert np.isfinite(learnt[0]).all()
    np.testing.assert_array_equal(*learnt)


def test_without_cublaslt_products_go_through_cupy(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is captured, since CuPy lets no capture see them."""
    from gpunet.backends.devices import cupy_products
    from gpunet.backends.devices.cublas_lt import CublasLtUnavailable

    def load(majors: object) -> None:
        raise CublasLtUnavailable("no library, as the test wants")

    monkeypatch.setattr(cupy_products, "load", load)
    backend = CupyBackend()
    assert "no library, as the test wants" in backend.settings()["launches"]
    assert not backend.tensor_cores
    data = gpunet.datasets.load("mnist58")[0].part(slice(0, 200))
    losses = []
    for where in (backend, get_backend("cpu")):
        network = gpunet.Network([784, 20, 1], device=where)
        losses.append(gpunet.fit(network, data, epochs=2, batch_size=64, precision="split16").loss)
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)  # a few units of float32's 6e-8


def test_two_devices() -> None:
    """Each with its own stream, memory and products."""
    assert gpunet.available_devices() == ["cpu", "cuda:0", "cuda:1"]
    data = gpunet.datasets.load("mnist58")[0].part(slice(0, 200))
    losses = {}
    for device in ("cuda:0", "cuda:1"):
        network = gpunet.Network([784, 20, 1], device=device)
        losses[device] = gpunet.fit(network, data, epochs=2, batch_size=64).loss
        assert network.mlp.theta.device.id == int(device[-1])
    assert losses["cuda:0"] == losses["cuda:1"]
    # Rows of another type of integer are converted where they are.
    backend = get_backend("cuda:1")
    out = backend.zeros((2, 1), "float32")
    X = backend.array([[1.0], [2.0], [3.0]], "float32")
    backend.take(X, backend.array([2, 0], "int32"), 1.0, out=out)
    assert backend.to_numpy(out).tolist() == [[3], [1]]
    assert cupy.cuda.runtime.getDevice() == 0
