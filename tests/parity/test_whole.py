"""What a tensor shows as a whole: roundings pass, and what is done to all elements is caught."""

import numpy as np
import pytest

from gpunet.parity.bounds_backend import PRECISIONS, REFERENCE_U
from gpunet.parity.check import compare
from gpunet.parity.running_error import Bounded
from gpunet.parity.whole import noise, outward
from gpunet.program.rewrites.precision import leading

SINGLE, TF32 = PRECISIONS["float32"], PRECISIONS["tf32"]
U = SINGLE.u + REFERENCE_U


@pytest.fixture(scope="module")
def exact() -> Bounded:
    """10,000 numbers that are rounded once: no more is known of them than that."""
    x = np.random.default_rng(0).normal(size=10_000)
    return Bounded(x, U * np.abs(x))


def test_roundings_move_nothing(exact: Bounded) -> None:
    """8 deviations are as many as uniform roundings have in 19 of theirs."""
    check = outward("theta", exact.value.astype(np.float32), exact, U, step=3)
    assert 0 < check.ratio < 0.4
    assert (check.name, check.step, check.where, check.passed) == ("theta", 3, (), True)


def test_what_no_element_shows_is_seen_in_the_sum(exact: Bounded) -> None:
    """Cut off, or rounded up, where an element may be off by as much."""
    rounded, size = exact.value.astype(np.float32), np.abs(exact.value)
    cut_off = np.where(np.abs(rounded) > size, np.nextafter(rounded, np.float32(0)), rounded)
    away = np.where(np.abs(rounded) < size, np.nextafter(rounded, 2 * rounded), rounded)
    wide = Bounded(exact.value, 2 * exact.error)
    for wrong in (cut_off, away):
        assert compare("theta", wrong, wide).passed
        assert outward("theta", wrong, wide, 2 * U, 1).ratio > 2


def test_what_else_is_counted_in_may_be_all_of_one_kind(exact: Bounded) -> None:
    """An error that was passed on is not independent from element to element."""
    passed_on = 1e-3 * np.abs(exact.value)
    shifted = Bounded(exact.value, exact.error + passed_on)
    found = exact.value * (1 + 0.99e-3)
    assert outward("theta", found, shifted, U, 1).passed
    assert not outward("theta", exact.value * (1 + 1.01e-3), shifted, U, 1).passed


@pytest.fixture(scope="module")
def operands() -> tuple[np.ndarray, np.ndarray]:
    """Of very different sizes, as gradients are."""
    random = np.random.default_rng(0)
    A, dZ = random.uniform(size=(64, 300)), random.normal(size=(64, 40))
    dZ *= np.exp(2 * random.normal(size=(64, 1)))
    return A.astype(np.float32), dZ.astype(np.float32)


def doubles(*arrays: np.ndarray) -> list[np.ndarray]:
    return [a.astype(np.float64) for a in arrays]


def test_a_product_in_float32_is_no_noisier_than_it_may_be(
    operands: tuple[np.ndarray, np.ndarray],
) -> None:
    A, dZ = operands
    one_by_one = sum(a[:, None] * d for a, d in zip(A, dZ, strict=True))  # as badly as can be
    for found in (A.T @ dZ, one_by_one):
        check = noise("dW1", found, *doubles(A, dZ), SINGLE, 2)
        assert 0 < check.ratio < 0.5
        assert (check.name, check.step, check.where) == ("dW1", 2, ())


def test_fewer_bits_in_the_operands_are_heard(operands: tuple[np.ndarray, np.ndarray]) -> None:
    A, dZ = operands
    for bits, precision, least, most in (
        (11, SINGLE, 20, np.inf),
        (11, TF32, 0.2, 1),
        (8, TF32, 2, 10),
    ):
        found = leading(A, bits).T @ leading(dZ, bits)
        assert least < noise("dW1", found, *doubles(A, dZ), precision, 1).ratio < most


def test_operands_that_are_cut_off_are_heard_as_rounded_ones(
    operands: tuple[np.ndarray, np.ndarray],
) -> None:
    """They are too small, by much more than noise; but that is the same for all elements."""
    A, dZ = operands
    cut = [(x.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32) for x in (A, dZ)]
    assert 0.2 < noise("dW1", cut[0].T @ cut[1], *doubles(A, dZ), TF32, 1).ratio < 1


def test_elements_that_are_exchanged_are_heard(operands: tuple[np.ndarray, np.ndarray]) -> None:
    A, dZ = operands
    found = A.T @ dZ
    found[[0, 1]] = found[[1, 0]]
    assert noise("dW1", found, *doubles(A, dZ), SINGLE, 1).ratio > 100


@pytest.mark.parametrize(
    ("found", "ratio"), [(0.0, 0.0), (1.0, np.inf), (np.nan, np.inf), (np.inf, np.inf)]
)
def test_where_all_is_0_nothing_else_may_be(found: float, ratio: float) -> None:
    """And no warning takes the place of the verdict."""
    whole = np.full((3, 2), found, np.float32)
    zeros = np.zeros((4, 3)), np.zeros((4, 2))
    least = noise("dW1", whole, *zeros, SINGLE, 1).ratio
    assert least == ratio or (found == 1.0 and least > 1e30)  # room for an underflow
    x = Bounded(np.ones(3), np.zeros(3))
    assert outward("theta", x.value + whole[:, 0], x, 0.0, 1).ratio == ratio


def test_where_nothing_is_known_a_number_passes_and_a_nan_does_not() -> None:
    x = Bounded(np.ones(3), np.array([0.0, np.inf, 0.0]))
    assert outward("theta", np.full(3, 7.0), x, U, 1).ratio == 0.0
    assert outward("theta", np.array([1.0, np.nan, 1.0]), x, U, 1).ratio == np.inf
