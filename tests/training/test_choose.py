"""Choosing a device by a few steps on each."""

import itertools
import time
from collections.abc import Callable

import numpy as np
import pytest
from same import assert_same_parameters

import gpunet
from gpunet import datasets
from gpunet.backends import Backend
from gpunet.backends.devices.numpy_backend import NumpyBackend
from gpunet.backends.devices.strict_device import StrictDeviceBackend
from gpunet.cli import main
from gpunet.cli import train as train_command
from gpunet.training import choose as choosing
from gpunet.training.choose import choose
from gpunet.training.interrupt import INTERRUPTED

DATA = datasets.moons(n=100)[0]
SGD = gpunet.SGD(0.1)


class Fast(NumpyBackend):
    device = "cuda:0"


class Slow(NumpyBackend):
    """20 ms a step."""

    def bind(self, work, inputs, outputs):
        run = super().bind(work, inputs, outputs)

        def slow(inputs, outputs) -> None:
            time.sleep(0.02)
            run(inputs, outputs)

        return slow


class OutOfMemory(NumpyBackend):
    device = "cuda:1"

    def bind(self, work, inputs, outputs):
        raise MemoryError("out of memory allocating 12 bytes\nand more that nobody reads")


def build(backend: Backend) -> gpunet.Network:
    return gpunet.Network([2, 8, 1], device=backend, seed=5)


def chosen(*candidates: Backend, batch_size: int = 8, **options) -> Backend:
    return choose(candidates, build, DATA, SGD, batch_size, **options)


@pytest.mark.parametrize("batch_size", [8, 60, 80])
@pytest.mark.parametrize("fast_first", [True, False])
def test_the_faster_one_is_taken_and_says_so(fast_first: bool, batch_size: int) -> None:
    fast, slow = Fast(), Slow()
    pair = (fast, slow) if fast_first else (slow, fast)
    assert chosen(*pair, batch_size=batch_size) is fast
    ours, theirs = fast.reason.split(" ms a step against ")
    assert float(ours) < 20 <= float(theirs.removesuffix(" on the CPU"))


def test_the_cpu_may_win() -> None:
    slow, cpu = Slow(), NumpyBackend()
    slow.device = "cuda:0"
    assert chosen(slow, cpu) is cpu
    assert cpu.reason.endswith(" on cuda:0")


class Clock:
    """A clock that moves by 640 ms an epoch on one device and by 210 ms on the other."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def backend(self, device: str, seconds: float) -> NumpyBackend:
        clock = self

        class Ticking(NumpyBackend):
            def bind(self, work, inputs, outputs):
                run = super().bind(work, inputs, outputs)

                def ticking(inputs, outputs) -> None:
                    clock.now += seconds
                    run(inputs, outputs)

                return ticking

        ticking = Ticking()
        ticking.device = device
        return ticking


def test_the_reason_has_the_time_of_a_step() -> None:
    clock = Clock()
    gpu, cpu = clock.backend("cuda:0", 0.00021), clock.backend("cpu", 0.00063)
    assert chosen(gpu, cpu, clock=clock) is gpu
    assert gpu.reason == "0.21 ms a step against 0.63 on the CPU"
    gpu, cpu = clock.backend("cuda:0", 1.5), clock.backend("cpu", 0.3)
    assert chosen(gpu, cpu, clock=clock) is cpu
    assert cpu.reason == "300 ms a step against 1500 on cuda:0"


def test_where_steps_are_slow_only_a_few_are_taken() -> None:
    clock = Clock()
    chosen(clock.backend("cuda:0", 1.0), clock.backend("cpu", 1.0), clock=clock)
    assert clock.now == 2 * 2 * choosing.FEW_STEPS  # both, and each once to warm up


@pytest.mark.parametrize("fails_first", [True, False])
def test_a_device_that_fails_loses_with_its_reason(fails_first: bool) -> None:
    cpu, failing = Slow(), OutOfMemory()
    assert chosen(*((failing, cpu) if fails_first else (cpu, failing))) is cpu
    expected = "cuda:1 failed when it was tried: out of memory allocating 12 bytes"
    assert cpu.reason == expected


def test_where_all_fail_the_first_is_left_to_fail_in_training() -> None:
    first = OutOfMemory()
    assert chosen(first, OutOfMemory()) is first


def test_one_alone_is_not_measured() -> None:
    def never(backend: Backend) -> gpunet.Network:
        raise AssertionError

    only = NumpyBackend(reason="because")
    assert choose([only], never, DATA, SGD, 8) is only
    assert only.reason == "because"


def test_nothing_is_left_of_it() -> None:
    """What is trained afterwards, on the backends that were measured, is what it would have been.

    The optimizer has momentum and a schedule: state, if it were kept.
    """
    optimizer = gpunet.SGD(gpunet.schedules.cosine(0.1, 3), momentum=0.9)
    fast, strict = Fast(), StrictDeviceBackend()
    networks = [build(NumpyBackend()), build(fast), build(strict)]
    choose([strict, fast], build, DATA, optimizer, 8)
    assert_same_parameters(networks[0], networks[1])
    histories = [
        gpunet.fit(network, DATA, optimizer=optimizer, epochs=3, batch_size=8)
        for network in networks
    ]
    assert histories[0].loss == histories[1].loss
    assert_same_parameters(networks[0], networks[1])
    np.testing.assert_allclose(histories[2].loss, histories[0].loss, rtol=1e-5)


def test_ctrl_c_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it measures, an interrupted training must not count as a measurement."""

    def interrupted(training, epochs: int) -> None:
        training.run_info.stop(INTERRUPTED)

    monkeypatch.setattr(choosing.Training, "advance", interrupted)
    with pytest.raises(KeyboardInterrupt):
        chosen(Fast(), NumpyBackend())


@pytest.fixture
def command(tmp_path, monkeypatch, capsys) -> Callable[..., tuple[int, str]]:
    """``gpunet train`` on a machine with a "GPU", the strict stand-in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train_command, "choose_backend", lambda device, xp: StrictDeviceBackend())
    number = itertools.count()

    def run(*options: str) -> tuple[int, str]:
        small = ["--dataset", "moons", "--hidden", "4", "--epochs", "1", "--out"]
        status = main.run(["train", *small, f"run{next(number)}", *options])
        return status, capsys.readouterr().err

    return run


def test_the_command_measures_for_auto(command) -> None:
    status, messages = command()
    assert status == 0
    lines = [line for line in messages.splitlines() if line.startswith("device: ")]
    assert len(lines) == 1
    assert " ms a step against " in lines[0]


def test_the_command_does_not_measure_for_a_device_by_name(command) -> None:
    status, messages = command("--device", "cuda:0")
    assert status == 0
    assert "device: cuda:strict (strict-device)\n" in messages


def test_auto_without_a_gpu_measures_nothing(command, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(train_command, "choose_backend", lambda device, xp: NumpyBackend())
    monkeypatch.setattr(train_command, "choose", never)
    assert command()[0] == 0
