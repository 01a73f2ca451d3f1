"""TF32 and the split into 16-bit numbers: on tensor cores or by the same roundings in float32."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pieces import kernel

import gpunet
from gpunet.backends import Backend, LaunchBackend, get_backend
from gpunet.datasets import Dataset
from gpunet.errors import ArgumentError
from gpunet.parity.bounds_backend import PRECISIONS
from gpunet.parity.lockstep import PRECISION_CONTROLS, lockstep
from gpunet.parity.verify import MARGIN, NETWORKS
from gpunet.program.rewrites.precision import leading, parts_of_8_bits

CHOSEN = ["tf32", "split16"]
LEADING = np.uint32(0xFFFFE000)  # 11 bits of the significand, one of which is not stored


@pytest.fixture(scope="module")
def train() -> Dataset:
    return gpunet.datasets.load("mnist58")[0].part(slice(0, 256))


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", CHOSEN)
def test_a_run_is_within_its_bounds(
    backend: Backend, train: Dataset, name: str, network: str
) -> None:
    settings, optimizer = NETWORKS[network]
    checks = list(lockstep(backend, PRECISIONS[name], settings, train, optimizer))
    assert [check for check in checks if not check.passed] == []
    assert len(checks) > 20


@pytest.mark.parametrize("name", CHOSEN)
def test_a_coarser_one_that_poses_as_it_is_caught(train: Dataset, name: str) -> None:
    settings, optimizer = next(iter(NETWORKS.values()))
    for sabotage in PRECISION_CONTROLS[name].values():
        checks = lockstep(
            *(get_backend("cpu"), PRECISIONS[name], settings, train, optimizer), sabotage=sabotage
        )
        assert max(check.ratio for check in checks) >= MARGIN


@pytest.mark.parametrize("network", NETWORKS)
def test_operands_that_are_cut_off_are_within_the_bounds(train: Dataset, network: str) -> None:
    """As some hardware does for TF32, instead of rounding them."""

    class CutsOff(type(get_backend("cpu"))):
        """NumPy without a tape, on which only its own calls can be written."""

        pieces, parallel, bind = LaunchBackend.pieces, LaunchBackend.parallel, Backend.bind
        tensor_cores = True

        def matmul(self, A: Any, B: Any, out: Any, add: bool = False, tf32: bool = False) -> None:
            if not tf32:  # a sum down the columns
                super().matmul(A, B, out, add)
                return
            cut = [(np.ascontiguousarray(x).view("uint32") & LEADING).view("f4") for x in (A, B)]
            super().matmul(*cut, out=out)

    settings, optimizer = NETWORKS[network]
    checks = list(lockstep(CutsOff(), PRECISIONS["tf32"], settings, train, optimizer))
    assert [check for check in checks if not check.passed] == []
    assert max(check.ratio for check in checks if check.name == "dW1 as a whole") > 0.2


def test_tf32_is_no_float32_but_the_split_is(train: Dataset) -> None:
    """The sharper bound tells them apart; split16 keeps even float32's own."""
    settings, optimizer = next(iter(NETWORKS.values()))
    passed = {
        name: all(
            check.passed
            for check in lockstep(
                *(get_backend("cpu"), replace(PRECISIONS["float32"], products=name)),
                *(settings, train, optimizer),
            )
        )
        for name in CHOSEN
    }
    assert passed == {"tf32": False, "split16": True}


def test_three_parts_of_eight_bits_are_the_whole_number(backend: Backend) -> None:
    x = np.random.default_rng(0).normal(size=(40, 5)).astype("float32")
    x[0] = [0.0, -0.0, 1.0, 2.0**-100, -(2.0**90)]
    outs = tuple(backend.zeros(x.shape, "float32") for _ in range(3))
    split = kernel(backend, lambda xp, x: parts_of_8_bits(x))
    split(backend.array(x, "float32"), out=outs)
    parts = [backend.to_numpy(out) for out in outs]
    np.testing.assert_array_equal(parts[0] + (parts[1] + parts[2]), x)
    for part in parts:  # a bfloat16 number has nothing in its lower 16 bits
        assert not (part.view("uint32") & 0xFFFF).any()


def test_leading_bits_are_rounded_to_nearest() -> None:
    x = np.float32([1 + 2**-8, 1 + 2**-7, 1 + 3 * 2**-9, -(1 + 2**-11)])
    np.testing.assert_array_equal(leading(x, 8), np.float32([1, 1 + 2**-7, 1 + 2**-7, -1]))


def test_the_whole_run_in_each_precision(backend: Backend, train: Dataset) -> None:
    """Mini-batches and the full batch learn the same digits."""
    for batch_size in (64, None):
        losses = {}
        for precision in ("float32", *CHOSEN):
            network = gpunet.Network([784, 20, 1], device=backend)
            history = gpunet.fit(
                network, train, epochs=3, batch_size=batch_size, precision=precision
            )
            losses[precision] = history.loss[-1]
        # TF32 rounds operands by 5e-4 at most; over a few steps the loss follows within 1e-3.
        assert losses["tf32"] == pytest.approx(losses["float32"], rel=1e-3)
        assert losses["tf32"] != losses["float32"]
        assert losses["split16"] == pytest.approx(losses["float32"], rel=1e-5)


def test_what_cannot_be_is_said(train: Dataset) -> None:
    network = gpunet.Network([784, 3, 1], device="cpu")
    with pytest.raises(ArgumentError, match=r"unknown precision 'tf23' .did you mean 'tf32'"):
        gpunet.fit(network, train, precision="tf23")
    with pytest.raises(ArgumentError, match="needs inputs of uint8"):
        gpunet.fit(network, *train.arrays("float32"), precision="split16")
    double = gpunet.Network([784, 3, 1], device="cpu", dtype="float64")
    with pytest.raises(ArgumentError, match="for networks of float32, not float64"):
        gpunet.fit(double, train, precision="tf32")
