"""The stand-in for a GPU refuses and counts, and training keeps to its budget on it."""

import operator
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gpunet
from gpunet import datasets
from gpunet.backends.devices.strict_device import (
    DeviceArray,
    StrictDeviceBackend,
    StrictDeviceError,
)
from gpunet.training import loop

# A mini-batch step of 784-196-1: gather X; the product with W1; all that goes along the rows; the
# product dW1; all that is summed down the rows (dW2, db1, db2); update. A full batch gathers
# nothing, but makes its logits into a loss at each step.
MOST_LAUNCHES = 6
# With 10 outputs dW2 is a product. With another hidden layer, so is dW3; and one product and one
# kernel lead there, and back.
MOST_OF_OTHERS = {(784, 196, 10): 7, (784, 300, 100, 10): 12}


@pytest.fixture
def device() -> StrictDeviceBackend:
    return StrictDeviceBackend()


@pytest.fixture
def x(device: StrictDeviceBackend) -> DeviceArray:
    return device.array(np.arange(6.0).reshape(2, 3), "float32")


REFUSED: dict[str, Callable[[Any], Any]] = {
    "numpy.asarray": np.asarray,
    "a ufunc": np.exp,
    "a NumPy function": np.sum,
    "float": float,
    "int": int,
    "bool": bool,
    "iteration": list,
    "addition": lambda x: x + 1,
    "a host array plus": lambda x: np.ones((2, 3), np.float32) + x,
    "a NumPy number times": lambda x: np.float64(2) * x,
    "comparison": lambda x: x == 0,
    "matrix product": lambda x: operator.matmul(x, x.T),
    "item": lambda x: x[0, 0].item(),
    "tolist": lambda x: x.tolist(),
    "a host array as index": lambda x: x[np.array([0, 1])],
    "a list as index": lambda x: x[[0, 1]],
    "assignment": lambda x: operator.setitem(x, 0, 1.0),
    "host indices to take": lambda x: StrictDeviceBackend().take(
        x, np.array([0]), 1.0, StrictDeviceBackend().zeros((1, 3), "float32")
    ),
    "a host operand": lambda x: StrictDeviceBackend().matmul(np.ones((2, 2)), x, x),
    "a host kernel argument": lambda x: StrictDeviceBackend().kernel(lambda xp, a, b: a + b)(
        x, np.ones(3, np.float32), out=x
    ),
    "upload of a device array": lambda x: StrictDeviceBackend().array(x, "float32"),
    "reading a host array": lambda x: StrictDeviceBackend().to_numpy(np.ones(3)),
    "reshape of a turned array": lambda x: StrictDeviceBackend().reshape(x.T, (6,)),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_gpu_refuses_is_refused(x: DeviceArray, case: str) -> None:
    with pytest.raises(StrictDeviceError):
        REFUSED[case](x)


def test_what_a_gpu_takes_is_taken(device: StrictDeviceBackend, x: DeviceArray) -> None:
    assert (x.shape, x.ndim, x.size, len(x), str(x.dtype)) == ((2, 3), 2, 6, 2, "float32")
    views = (x[0], x[0:1, :], x[:, ::2], x.T, x[..., 1], x[1, 2])
    np.testing.assert_array_equal(device.to_numpy(views[2]), [[0, 2], [3, 5]])
    assert views[-1].shape == ()
    device.assign(x[1:2, :], np.zeros((1, 3), np.float32))
    np.testing.assert_array_equal(device.to_numpy(views[3])[:, 1], 0), "slices are views"


def test_it_counts(device: StrictDeviceBackend, x: DeviceArray) -> None:
    out = device.zeros((2, 2), "float32")
    device.counts.clear()
    device.matmul(x, x.T, out=out)
    assert device.counts == Counter(launch=1)
    device.counts.clear()
    device.matmul(x[:, ::2], out, out=out[:, ::-1])
    # The operand with gaps is copied, and the turned result goes through a temporary.
    assert device.counts == Counter(launch=3, allocation=2)
    device.counts.clear()
    device.to_numpy(out)
    device.assign(out, np.ones((2, 2), np.float32))
    assert device.counts == Counter({"read-back": 1, "upload": 1})


class Watch(gpunet.Callback):
    """Keeps what each step and each epoch cost."""

    every_epoch = False  # so that losses are read as seldom as can be

    def __init__(self, device: StrictDeviceBackend) -> None:
        self.device, self.steps, self.epochs = device, [], []

    def on_batch_end(self, epoch: int, batch: int) -> None:
        self.steps.append(self._take())

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self.epochs.append(self._take())

    def _take(self) -> Counter[str]:
        counts = Counter(self.device.counts)
        self.device.counts.clear()
        return counts


SETTINGS: dict[str, tuple[dict[str, Any], Any, int | None]] = {
    "mini-batches": ({}, gpunet.SGD(0.1, momentum=0.9), 64),
    "full batch": ({}, gpunet.SGD(0.1), None),
    "deep, dropout, clipping": (
        {"dropout": 0.2, "hidden": ["gelu", "relu"]},
        gpunet.AdamW(clip_norm=1.0),
        64,
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_step_allocates_nothing_and_reads_nothing_back(
    device: StrictDeviceBackend, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_READS", float("inf"))
    options, optimizer, batch_size = SETTINGS[name]
    sizes = [784, 196, 1] if "deep" not in name else [784, 50, 20, 1]
    network = gpunet.Network(sizes, device=device, **options)
    watch = Watch(device)
    train = datasets.load("mnist58")[0].part(slice(0, 320))
    gpunet.fit(
        network, train, optimizer=optimizer, batch_size=batch_size, epochs=3, callbacks=[watch]
    )
    warm = [step for step in watch.steps[1:] if not step["upload"]]  # an epoch uploads its order
    assert len(warm) >= 2
    for step in warm:
        assert set(step) == {"launch"}
    if "deep" not in name:
        assert max(step["launch"] for step in warm) <= MOST_LAUNCHES
    # Nothing but the order of an epoch and its learning rates (for Adam, its corrections too) is
    # ever uploaded, and all losses are read at once.
    assert max(step["upload"] for step in watch.steps[1:]) <= 2
    assert sum(counts["read-back"] for counts in (*watch.steps[1:], *watch.epochs)) == 1


@pytest.mark.parametrize("sizes", MOST_OF_OTHERS)
def test_launches_of_a_step(device: StrictDeviceBackend, sizes: tuple[int, ...]) -> None:
    settings = {"output": "softmax", "loss": "categorical_crossentropy"}
    network = gpunet.Network(sizes, device=device, **settings)
    X, Y = np.zeros((192, 784), np.uint8), np.arange(192) % 10
    watch = Watch(device)
    gpunet.fit(network, X, Y, batch_size=64, epochs=2, callbacks=[watch])
    assert [step["launch"] for step in watch.steps[1:3]] == [MOST_OF_OTHERS[sizes]] * 2
    network.predict(X)
    device.counts.clear()
    network.predict(X)
    # To load X, then a product and a kernel for each layer but the last, which is in a kernel.
    assert device.counts["launch"] == 1 + 2 * (len(sizes) - 2)


def test_it_computes_what_the_cpu_computes(
    device: StrictDeviceBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, test = (part.part(slice(0, 200)) for part in datasets.load("mnist58"))
    results = []
    cpu = gpunet.get_backend("cpu")
    monkeypatch.setattr(cpu, "leaves_zeros_out", False)  # sums of fewer terms differ in their bits
    for backend in (device, cpu):
        network = gpunet.Network([784, 20, 1], device=backend, seed=3)
        history = gpunet.fit(network, train, epochs=2, batch_size=32)
        results.append((history.loss, network.evaluate(test), network.predict(test).tolist()))
    assert results[0] == results[1]


@pytest.mark.parametrize("batch_size", [64, None])
def test_the_steps_that_nobody_looks_at_are_one_graph(
    device: StrictDeviceBackend, batch_size: int | None
) -> None:
    """From the second epoch on, with nothing in it that a graph cannot hold."""
    train = datasets.load("mnist58")[0].part(slice(0, 200))
    network = gpunet.Network([784, 20, 1], device=device)
    gpunet.fit(network, train, epochs=5, batch_size=batch_size)
    assert device.counts["graph"] == 4


def test_a_graph_refuses_what_it_cannot_hold(device: StrictDeviceBackend) -> None:
    x = device.array(np.ones(3), "float32")
    replay = device.capture(lambda: device.to_numpy(x))
    replay()
    with pytest.raises(StrictDeviceError, match=r"in a CUDA graph: .'read-back': 1"):
        replay()
