"""The bounds hold for every order of the additions, and the assertion lets nothing else pass."""

import math
from fractions import Fraction

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from gpunet.backends import Backend
from gpunet.backends.devices.strict_device import StrictDeviceBackend
from gpunet.errors import ArgumentError
from gpunet.parity import UNIT_ROUNDOFF, assert_within_bound, gamma, product_bound, sum_bound


def numbers(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


@pytest.mark.parametrize("name", ["float16", "float32", "float64"])
def test_the_unit_roundoff_is_half_a_step_at_one(name: str) -> None:
    assert UNIT_ROUNDOFF[name] == np.finfo(name).eps / 2


@pytest.mark.parametrize(("name", "bits"), [("tf32", 10), ("bfloat16", 7)])
def test_the_unit_roundoff_of_formats_that_numpy_lacks(name: str, bits: int) -> None:
    step_at_one = 2.0**-bits  # bits: those that are stored, the first one is not
    assert UNIT_ROUNDOFF[name] == step_at_one / 2


@hypothesis.given(k=st.integers(0, 10**6), bits=st.integers(8, 53))
def test_gamma_is_what_higham_defines(k: int, bits: int) -> None:
    u = Fraction(1, 2**bits)
    exact = k * u / (1 - k * u) if k * u < 1 else math.inf
    assert gamma(k, 2.0**-bits) == pytest.approx(float(exact), rel=4e-16 * 2**3, abs=0)


def test_gamma_knows_formats_by_name() -> None:
    assert gamma(784, "float32") == gamma(784, 2.0**-24)
    with pytest.raises(ArgumentError, match="did you mean 'float32'"):
        gamma(784, "flaot32")


@pytest.mark.usefixtures("launches")
def test_a_product_is_within_its_bound_on_every_backend(backend: Backend, dtype: str) -> None:
    A, B = numbers(0, 20, 300).astype(dtype), numbers(1, 300, 10).astype(dtype)
    out = backend.zeros((20, 10), dtype)
    backend.matmul(backend.array(A, dtype), backend.array(B, dtype), out=out)
    reference = A.astype(np.longdouble) @ B.astype(np.longdouble)
    used = assert_within_bound(backend.to_numpy(out), reference, product_bound(A, B, dtype))
    assert 0.0 < used < 1.0


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.usefixtures("launches")
def test_a_sum_is_within_its_bound_on_every_backend(backend: Backend, axis: int) -> None:
    x = numbers(2, 200, 30)
    out = backend.zeros((x.shape[1 - axis],), "float32")
    backend.sum(backend.array(x, "float32"), axis, out=out)
    bound = sum_bound(x, axis, "float32")
    assert_within_bound(backend.to_numpy(out), x.astype("float64").sum(axis), bound)


@hypothesis.given(order=st.permutations(range(12)), seed=st.integers(0, 2**32 - 1))
def test_the_bounds_hold_for_every_order(order: list[int], seed: int) -> None:
    x, y = numbers(seed, 2, 12)
    total = product = np.float32(0)
    for i in order:
        total, product = total + x[i], product + x[i] * y[i]
    exact_sum = math.fsum(map(float, x))
    exact_product = math.fsum(float(a) * float(b) for a, b in zip(x, y, strict=True))
    assert_within_bound(total, exact_sum, sum_bound(x, None, "float32"))
    assert_within_bound(product, exact_product, product_bound(x[None], y[:, None], "float32")[0, 0])


def test_a_bound_can_be_reached() -> None:
    """1 + u is a tie and is rounded down: the error is u, and gamma_1 hardly more."""
    u = UNIT_ROUNDOFF["float32"]
    x = np.array([1.0, u], "float32")
    used = assert_within_bound(x.sum(), 1.0 + u, sum_bound(x, 0, u))
    assert 0.999 < used < 1.0


def test_a_product_in_less_precision_is_outside() -> None:
    """What TF32 posing as float32 would do: operands with 11 significant bits."""
    A, B = numbers(3, 30, 200), numbers(4, 200, 30)
    cut = [(x.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32) for x in (A, B)]
    reference, bound = A.astype("float64") @ B, product_bound(A, B, "float32")
    with pytest.raises(AssertionError, match="outside the bound"):
        assert_within_bound(cut[0] @ cut[1], reference, bound)


def test_the_message_names_the_worst_element() -> None:
    reference = np.ones((3, 4))
    found = reference.astype("float32")
    found[1, 2] += 2.0**-20
    found[2, 0] += 2.0**-22
    with pytest.raises(AssertionError) as caught:
        assert_within_bound(found, reference, 2.0**-23, "dW1")
    assert str(caught.value).splitlines() == [
        "dW1: 2 of 12 outside the bound; the worst at [1, 2]:",
        "  found       1.000001",
        "  reference   1.0",
        "  difference  9.54e-07 (8 ULPs of float32)",
        "  bound       1.19e-07: the difference is 8 times that",
    ]


def test_the_worst_is_measured_in_bounds_not_in_size() -> None:
    with pytest.raises(AssertionError, match=r"2 of 2 .* at \[1\]"):
        assert_within_bound([11.0, 1.0], [1.0, 0.0], [9.0, 0.01])


def test_a_difference_that_is_the_bound_is_inside() -> None:
    assert assert_within_bound([1.5, 1.0], [1.0, 1.0], [0.5, 0.0]) == 1.0
    with pytest.raises(AssertionError, match=r"1 of 2"):
        assert_within_bound([np.nextafter(1.5, 2.0), 1.0], [1.0, 1.0], [0.5, 0.0])


@pytest.mark.parametrize(
    ("found", "reference"),
    [(math.nan, 1.0), (1.0, math.nan), (math.inf, math.nan), (math.nan, math.inf)],
)
@pytest.mark.parametrize("bound", [1.0, math.inf])
def test_nan_is_outside_every_bound(found: float, reference: float, bound: float) -> None:
    with pytest.raises(AssertionError, match=r"1 of 3 .* at \[1\]"):
        assert_within_bound([0.0, found, 2.0], [0.0, reference, 1.5], bound)


def test_infinity_is_outside_every_bound_that_is_finite() -> None:
    with pytest.raises(AssertionError, match=r"1 of 1"):
        assert_within_bound([math.inf], [-math.inf], 1e300)
    assert assert_within_bound([1e9, math.inf], [0.0, 0.0], math.inf) == 0.0


def test_what_is_no_number_equals_itself() -> None:
    values = [math.nan, math.inf, -math.inf, 0.0]
    assert assert_within_bound(values, values, 0.0) == 0.0


def test_nothing_is_within_any_bound() -> None:
    assert assert_within_bound(np.zeros((0, 3)), np.zeros((0, 3)), 0.0) == 0.0


@pytest.mark.parametrize("shape", [(3,), (3, 1), (1, 3), (1,)])
def test_another_shape_is_wrong_even_if_it_broadcasts(shape: tuple[int, ...]) -> None:
    with pytest.raises(AssertionError, match=r"Z has shape \(3, 3\), the reference"):
        assert_within_bound(np.ones((3, 3)), np.ones(shape), 1.0, "Z")


@pytest.mark.parametrize("bound", [-1.0, math.nan, [1.0, -1e-300, 1.0], [1.0, 1.0]])
def test_an_unusable_bound_is_refused(bound: object) -> None:
    with pytest.raises(ArgumentError, match="the bound"):
        assert_within_bound([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], bound)


def test_arrays_of_an_array_namespace_are_read() -> None:
    xp = pytest.importorskip("array_api_strict")
    assert assert_within_bound(xp.asarray([1.0, 2.0]), [1.0, 2.5], 1.0) == 0.5


def test_arrays_that_only_their_backend_can_read_are_refused_with_advice() -> None:
    x = StrictDeviceBackend().array([1.0], "float32")
    with pytest.raises(ArgumentError, match=r"DeviceArray on the host .*backend\.to_numpy"):
        assert_within_bound(x, [1.0], 0.0)


def test_arrays_of_cupy_are_read_back_explicitly() -> None:
    class ndarray:
        __module__ = "cupy._core.core"

        def get(self) -> np.ndarray:
            return np.ones(2, "float32")

    assert assert_within_bound(ndarray(), [1.0, 1.0], 0.0) == 0.0


@pytest.mark.gpu
def test_arrays_on_a_gpu_are_read() -> None:
    import gpunet

    x = gpunet.get_backend("cuda").array([1.0, 2.0], "float32")
    assert assert_within_bound(x, [1.0, 2.5], 1.0) == 0.5


@pytest.mark.parametrize("found", [1j, "a", object()])
def test_what_is_no_real_number_is_refused(found: object) -> None:
    with pytest.raises(ArgumentError, match="expected real numbers"):
        assert_within_bound(found, 1.0, 0.0)
