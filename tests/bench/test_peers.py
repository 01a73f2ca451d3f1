"""Every library that is installed trains as the reference does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from gpunet.backends.devices.strict_device import StrictDeviceBackend
from gpunet.bench.job import Job
from gpunet.bench.peers.base import Peer
from gpunet.bench.reference import TOLERANCE, disagreement, reference_losses
from gpunet.bench.registry import ENTRIES, PEERS, PRODUCTS

JOBS = {
    "mini-batches": Job((784, 8, 1), 32, examples=200),
    "all at once": Job((784, 8, 1), None, examples=200),
    "ten classes": Job((784, 8, 7, 10), 64, examples=200),
}


def peer(name: str, job: Job) -> Peer:
    obstacle = ENTRIES[name].obstacle(job)
    if obstacle:
        pytest.skip(obstacle)
    if name == "torch-compile":
        pytest.skip("compiling takes longer than all other tests; gpunet bench checks it anyway")
    return ENTRIES[name].create(job)


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
@pytest.mark.parametrize("name", PEERS)
def test_it_computes_the_reference_losses(name: str, job: Job) -> None:
    found = peer(name, job).train(3)
    assert disagreement(found, reference_losses(job)) <= ENTRIES[name].tolerance


@pytest.mark.parametrize("name", ["gpunet", "sklearn"])
def test_training_by_parts_is_training_at_once(name: str) -> None:
    job = JOBS["mini-batches"]
    parts, whole = peer(name, job), peer(name, job)
    assert parts.train(1) + parts.train(2) == whole.train(3)


def test_the_tutorial_equals_the_reference_in_float64() -> None:
    job = JOBS["all at once"]
    found = peer("tutorial", job).train(20)
    # 0.1 times a gradient's rounding, over 20 steps; the tutorial's log loses some digits more.
    assert found == pytest.approx(reference_losses(job, 20), rel=1e-11)


def test_the_tolerance_is_missed_by_one_percent_of_the_learning_rate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = JOBS["mini-batches"]
    expected = reference_losses(job)
    monkeypatch.setattr("gpunet.bench.reference.LEARNING_RATE", 0.101)
    assert disagreement(reference_losses(job), expected) > 10 * TOLERANCE


def test_the_tolerance_is_missed_by_another_order() -> None:
    job = JOBS["mini-batches"]
    expected = reference_losses(job)
    changed = replace(job, seed=1)
    object.__setattr__(changed, "weights", job.weights)
    assert disagreement(reference_losses(changed), expected) > 10 * TOLERANCE


@pytest.mark.parametrize("name", ["gpunet", "torch", "sklearn"])
def test_it_predicts_classes(name: str) -> None:
    job = JOBS["mini-batches"]
    learner, data = peer(name, job), job.train()
    learner.train(30)
    found = learner.classes(data.X)
    assert found.shape == data.y.shape
    assert (found == data.y).mean() > 0.9


def test_the_products_are_those_of_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    products = ENTRIES[PRODUCTS].create(Job((784, 8, 10), 32, examples=40))
    shapes = []

    def matmul(A: np.ndarray, B: np.ndarray, out: np.ndarray) -> None:
        np.matmul(A, B, out=out)
        shapes.append((A.shape, B.shape))

    monkeypatch.setattr(products, "matmul", matmul)
    products.train(1)
    step = [
        ((32, 784), (784, 8)), ((784, 32), (32, 8)),
        ((32, 8), (8, 10)), ((8, 32), (32, 10)), ((32, 10), (10, 8)),
    ]  # fmt: skip
    assert shapes[:5] == step
    assert len(shapes) == 10
    assert shapes[5] == ((8, 784), (784, 8))
    assert sum(2 * a * b * d for (a, b), (_, d) in step) == products.job.flops(32)
    assert products.seconds(2) > 0


class Replaying(StrictDeviceBackend):
    """Runs captured work once, as a capture does; from then on it only counts the replays."""

    replays = 0

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        work()

        def replay() -> None:
            self.replays += 1

        return replay


def test_on_a_device_the_limit_is_a_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Replaying()
    monkeypatch.setattr("gpunet.bench.peers.products.get_backend", lambda device: backend)
    job = Job((784, 8, 1), 3000, device="cuda:0", examples=9000)  # two chunks: 6,000 and 3,000
    products = ENTRIES[PRODUCTS].create(job)
    backend.counts.clear()
    products.train(5)
    assert backend.replays == 10
    assert backend.counts["launch"] == 0, "products were launched from Python"


class FakeCupy:
    """What is asked about a device: its free memory, and the pool's account of it."""

    def __init__(self, free: int) -> None:
        self.current = 0
        runtime = SimpleNamespace(memGetInfo=lambda: (free if self.current == 1 else 0, 0))
        self.cuda = SimpleNamespace(Device=self.device, runtime=runtime)

    @contextmanager
    def device(self, number: int) -> Iterator[None]:
        before, self.current = self.current, number
        yield
        self.current = before

    def get_default_memory_pool(self) -> SimpleNamespace:
        return SimpleNamespace(total_bytes=lambda: 7e6 if self.current == 1 else 0)


@pytest.mark.parametrize(
    ("free", "expected"), [(80 * 10**9, 4 * 10**9), (2 * 10**9, 5 * 10**8)], ids=["much", "little"]
)
def test_on_a_gpu_gigabytes_are_copied_where_they_are_free(
    monkeypatch: pytest.MonkeyPatch, free: int, expected: int
) -> None:
    copied: list[int] = []
    backend = SimpleNamespace(
        name="cupy",
        xp=FakeCupy(free),
        zeros=lambda shape, dtype: shape[0],  # of bytes: the array is its own size
        assign=lambda target, source: copied.append(source),
        synchronize=lambda: None,
    )
    products = ENTRIES[PRODUCTS].create(JOBS["all at once"])
    monkeypatch.setattr(products, "backend", backend)
    monkeypatch.setattr(products, "job", replace(products.job, device="cuda:1"))
    assert products.copy_bandwidth() > 0
    assert set(copied) == {expected}


def test_the_memory_is_that_of_the_job_s_device(monkeypatch: pytest.MonkeyPatch) -> None:
    own = peer("gpunet", JOBS["all at once"])
    assert own.device_peak() is None
    monkeypatch.setattr(own.network.backend, "xp", FakeCupy(0))
    monkeypatch.setattr(own, "job", replace(own.job, device="cuda:1"))
    assert own.device_peak() == 7


@pytest.mark.parametrize(
    ("name", "job", "obstacle"),
    [
        ("torch-graph", JOBS["all at once"], "--device cuda|pip install torch"),
        ("tutorial", JOBS["mini-batches"], "--batch full"),
        ("tutorial", replace(JOBS["all at once"], network=(784, 8, 10)), "784-196-1"),
    ],
)
def test_what_it_cannot_do_is_said_with_a_remedy(name: str, job: Job, obstacle: str) -> None:
    assert any(part in ENTRIES[name].obstacle(job) for part in obstacle.split("|"))


def test_a_missing_library_comes_with_its_pip_install() -> None:
    entry = replace(PEERS["sklearn"], library="no_such_library")
    assert entry.obstacle(JOBS["all at once"]).endswith("pip install scikit-learn")
