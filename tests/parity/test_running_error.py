"""Each operation's bound holds for whatever a device may compute, and not by being huge."""

import math
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from backends.random_formulas import RandomFormula
from hypothesis import assume, given

from gpunet.parity.bounds_backend import PRECISIONS, REFERENCE_U
from gpunet.parity.running_error import Arithmetic, Bounded, Condition, Namespace, likely_gamma
from gpunet.parity.within import gamma

SEEDS = st.integers(0, 2**32 - 1)
LONG = np.longdouble
Formula = Callable[..., Any]

# Where the operands lie: (lowest, highest, below which no value or perturbation may be).
ANY, POSITIVE, ABOVE_MINUS_1 = (-1e4, 1e4, -np.inf), (0.0, 1e4, 0.0), (-1.0, 1e4, -1.0)
OPERATIONS: dict[str, tuple[Formula, tuple[float, float, float]]] = {
    "add": (lambda xp, x, y: x + y, ANY),
    "subtract": (lambda xp, x, y: x - y, ANY),
    "multiply": (lambda xp, x, y: x * y, ANY),
    "divide": (lambda xp, x, y: x / y, ANY),
    "negative": (lambda xp, x, y: -x, ANY),
    "constants": (lambda xp, x, y: (0.1 * x + 1e-3) / 3.0 - (0.7 - 1.1 / y), ANY),
    "exp": (lambda xp, x, y: xp.exp(x), (-80.0, 80.0, -np.inf)),
    "log": (lambda xp, x, y: xp.log(x), POSITIVE),
    "log1p": (lambda xp, x, y: xp.log1p(x), ABOVE_MINUS_1),
    "tanh": (lambda xp, x, y: xp.tanh(x), (-20.0, 20.0, -np.inf)),
    "sqrt": (lambda xp, x, y: xp.sqrt(x), POSITIVE),
    "abs": (lambda xp, x, y: xp.abs(x), ANY),
    "sign": (lambda xp, x, y: xp.sign(x), ANY),
    "maximum": (lambda xp, x, y: xp.maximum(x, y), ANY),
    "minimum": (lambda xp, x, y: xp.minimum(x, y), ANY),
    "maximum with a constant": (lambda xp, x, y: xp.maximum(x, 0.0), ANY),
    "where": (lambda xp, x, y: xp.where(x > y, 2.0 * x, y - 1.0), ANY),
    "where at most": (lambda xp, x, y: xp.where(x <= y, x, 3.0), ANY),
    "a condition as numbers": (lambda xp, x, y: xp.astype(x >= y, x.dtype), ANY),
    "equal": (lambda xp, x, y: xp.where(xp.equal(x, y), 5.0, x), ANY),
    "equal conditions": (lambda xp, x, y: xp.where(xp.equal(x < y, y > 0.5), x, y), ANY),
    "row maximum": (lambda xp, x, y: xp.max(x, axis=-1, keepdims=True), ANY),
    "row sum": (lambda xp, x, y: xp.sum(x, axis=-1, keepdims=True), ANY),
}
SELECT = ("where", "where at most", "equal", "equal conditions")
BOUNDS = {
    name: Namespace(Arithmetic(p.u + REFERENCE_U, float(np.finfo(p.dtype).tiny), likely_gamma))
    for name, p in PRECISIONS.items()
}


class NumpyWithAstype:
    """NumPy as the formulas call it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def astype(x: np.ndarray, dtype: Any) -> np.ndarray:
        return x.astype(dtype)


NUMPY = NumpyWithAstype()


def bounded(value: np.ndarray, error: np.ndarray, dtype: str) -> Bounded:
    u, tiny = PRECISIONS[dtype].u + REFERENCE_U, float(np.finfo(dtype).tiny)
    return Bounded(value, error, Arithmetic(u, tiny))


def operand(random: Any, dtype: str, low: float, high: float, least: float) -> Any:
    """Return what a device holds, what is exact, and how far the two may be apart."""
    shape = (6, 40)
    spread = 10.0 ** random.uniform(-6, 0, shape)
    held = np.where(random.random(shape) < 0.5, low, high) * spread if low < 0 else high * spread
    held = np.where((held < -1) & (least == -1), -spread, held)
    held = np.where(random.random(shape) < 0.05, 0.0 if least else 1.0, held).astype(dtype)
    exact_held = held.astype(LONG)
    room = np.abs(exact_held) if np.isinf(least) else exact_held - least
    relative = random.choice([0.0, 1e-15, 1e-7, 1e-3, 0.3, 0.9], shape)
    error = (relative * room).astype(np.float64)
    # The extremes are the hardest: half of the values are as far off as allowed.
    away = np.where(random.random(shape) < 0.5, 1.0, random.random(shape))
    away *= random.choice([-1.0, 1.0], shape)
    value = (exact_held + away * error).astype(np.float64)
    # A rounded value may be a little farther away than its error says.
    return held, value, np.maximum(error, np.abs(value - exact_held).astype(np.float64))


def second_operand(random: Any, dtype: str, first: Any) -> Any:
    """Return another one, near the first or equal to it every other time."""
    held, value, error = operand(random, dtype, -1e4, 1e4, -np.inf)
    near = random.random(held.shape) < 0.5
    shift = random.choice([0.0, 0.0, 1e-16, 1e-7, 1e-3], held.shape)
    # Nothing divides by 0: that is what the bounds say nothing about.
    twin = np.where(first[0] == 0, 1, first[0]).astype(dtype)
    twin = (twin.astype(LONG) * (1 + shift)).astype(dtype)
    held = np.where(near, twin, np.where(held == 0, 1, held)).astype(dtype)
    value = np.where(near, held.astype(np.float64) + 0.5 * error * np.sign(value), value)
    off = np.abs(value - held.astype(LONG)).astype(np.float64)
    return held, value, np.maximum(error, off)


@pytest.mark.parametrize("name", OPERATIONS)
@given(seed=SEEDS)
def test_a_device_stays_within_the_bound(name: str, dtype: str, seed: int) -> None:
    """From inputs as far off as they may be, rounded; and without rounding, in long double."""
    formula, (low, high, least) = OPERATIONS[name]
    random = np.random.default_rng(seed)
    first = operand(random, dtype, low, high, least)
    second = second_operand(random, dtype, first)
    with np.errstate(all="ignore"):
        bound = formula(BOUNDS[dtype], bounded(*first[1:], dtype), bounded(*second[1:], dtype))
        held = (first[0], second[0])
        for found in (formula(NUMPY, *held), formula(NUMPY, *(x.astype(LONG) for x in held))):
            off = np.abs(np.asarray(found, LONG) - bound.value)
            # The reference's and the bound's own float64 roundings: u has room for them, but
            # what only selects a number adds no u, and where inputs are off by more than they
            # are large, as some here, the bound is mostly the error passed on, in which it made
            # two or three roundings itself.
            own = 2.0**-51 * (np.abs(bound.value) if name in SELECT else 0.0) + bound.error * (
                2.0**-51 if name in SELECT else 2.0**-52
            )
            outside = ~(off <= bound.error + own) & np.isfinite(bound.error)
            assert not outside.any(), (found[outside], bound.value[outside], bound.error[outside])
    assert bound.error.shape == bound.value.shape
    assert np.isfinite(bound.error).mean() > 0.5


@pytest.mark.parametrize("spread", [1e-3, 0.1])
@pytest.mark.parametrize(
    "name", ["add", "multiply", "divide", "exp", "log", "log1p", "tanh", "sqrt", "abs", "maximum"]
)
def test_inputs_that_are_off_reach_the_bound(name: str, spread: float) -> None:
    """At one of the corners x +- Ex, y +- Ey: a bound that is always met may still be useless.

    sqrt's is the loosest, |e| / sqrt(a), twice the slope: that holds also next to 0.
    """
    formula, _ = OPERATIONS[name]
    random = np.random.default_rng(3)
    x, y = random.uniform(0.5, 2, (2, 50))
    bound = formula(
        BOUNDS["float64"],
        bounded(x, spread * x, "float64"),
        bounded(y, spread * y, "float64"),
    )
    corners = [
        np.abs(formula(NUMPY, x * (1 + i * spread), y * (1 + j * spread)) - bound.value)
        for i in (-1, 1)
        for j in (-1, 1)
    ]
    reached = np.max(corners, axis=0) / bound.error
    assert reached.max() <= 1 + 1e-12
    assert reached.min() >= (0.45 if name == "sqrt" else 0.7)


@given(seed=SEEDS, n=st.integers(1, 300))
def test_the_sum_of_exact_numbers_is_off_by_its_own_roundings(seed: int, n: int) -> None:
    """In any order: one after the other, and as NumPy does it."""
    x = np.random.default_rng(seed).random((20, n), np.float32)
    exact = bounded(x.astype(np.float64), np.zeros(x.shape), "float32")
    xp = Namespace(exact.how)
    bound = xp.sum(exact, axis=-1, keepdims=True)
    for found in (np.cumsum(x, axis=1, dtype=np.float32)[:, -1:], x.sum(axis=1, keepdims=True)):
        assert (np.abs(found - bound.value) <= bound.error).all()
    np.testing.assert_allclose(bound.error, gamma(n, exact.how.u) * bound.value, rtol=1e-12)


@given(seed=SEEDS, share=st.sampled_from([0.0, 1e-3, 1.0]))
def test_random_formulas_stay_within_their_bounds(seed: int, share: float) -> None:
    """Each intermediate result of up to eight operations, in float32 and from rounded inputs."""
    random = np.random.default_rng(seed)
    formula = RandomFormula(lambda n: int(random.integers(n)), count=3)
    formula.outputs = list(range(formula.known))
    values = random.normal(size=(3, 4, 5))
    held = values.astype(np.float32)
    # Errors of 0: the reference starts from the rounded inputs. Else from the unrounded ones,
    # and a larger error is claimed than there is.
    if not share:
        values = held.astype(np.float64)
    errors = np.abs(held - values) * (1 + share) * (share > 0)
    with np.errstate(all="ignore"):
        found = formula(NUMPY, *held)
        expected = formula(
            BOUNDS["float32"],
            *(bounded(v, e, "float32") for v, e in zip(values, errors, strict=True)),
        )
    # After a division by 0 nothing is known, and the bounds need not say so.
    assume(all(np.isfinite(x).all() for x in found))
    for x, bound in zip(found, expected, strict=True):
        off = np.abs(x.astype(np.float64) - bound.value)
        assert not ((off > bound.error) & np.isfinite(bound.error)).any(), formula


@given(seed=SEEDS)
def test_a_condition_is_unsure_where_rounding_can_turn_it(seed: int) -> None:
    """Just there, but for a gap as wide as the errors, which counts as unsure."""
    random = np.random.default_rng(seed)
    # Multiples of 1/16 are added without rounding.
    x, y, x_error, y_error = random.integers(-8, 9, (4, 200)) / 16
    x_error, y_error = abs(x_error), abs(y_error) * random.integers(0, 2, 200)
    a, b = bounded(x, x_error, "float32"), bounded(y, y_error, "float32")
    for condition, compare in (
        (a > b, np.greater), (a >= b, np.greater_equal), (a < b, np.less), (a <= b, np.less_equal),
        (BOUNDS["float32"].equal(a, b), np.equal),
    ):  # fmt: skip
        corners = [
            compare(x + i * x_error, y + j * y_error)
            for i in (-1, -0.5, 0, 0.5, 1)
            for j in (-1, -0.5, 0, 0.5, 1)
        ]
        turns = np.any(corners, axis=0) != np.all(corners, axis=0)
        np.testing.assert_array_equal(condition.value, compare(x, y))
        assert not (turns & condition.sure).any()
        if compare is not np.equal:  # two that differ by little are equal at no corner
            on_edge = np.abs(x - y) == x_error + y_error
            assert (turns | condition.sure | on_edge).all()


def test_equal_numbers_without_errors_compare_surely() -> None:
    zero = bounded(np.zeros(1), np.zeros(1), "float32")
    assert (zero >= 0.0).sure.all()
    assert not (zero >= bounded(np.zeros(1), np.full(1, 1e-9), "float32")).sure.any()
    # 0.1 has another value in float32, 0.5 has not.
    assert not (bounded(np.full(1, 0.1), np.zeros(1), "float32") >= 0.1).sure.any()
    assert (bounded(np.full(1, 0.5), np.zeros(1), "float32") >= 0.5).sure.all()


def test_what_an_unsure_condition_costs() -> None:
    """The other branch is possible: its distance counts. Of a sure one, the chosen error alone."""
    xp = BOUNDS["float32"]
    x, y = bounded(np.full(2, 1.0), np.full(2, 0.25), "float32"), -3.0
    condition = Condition(np.array([True, True]), np.array([True, False]))
    np.testing.assert_allclose(xp.where(condition, x, y).error, [0.25, 4.0])
    np.testing.assert_allclose(xp.astype(condition, "float32").error, [0.0, 1.0])
    near_0 = bounded(np.array([1.0, 1.0, 0.0]), np.array([0.5, 1.5, 0.0]), "float32")
    np.testing.assert_array_equal(xp.sign(near_0).error, [0.0, 2.0, 0.0])
    # maximum(1, 1.5), errors 1/4 each: one side of the kink, or either.
    far, close = (bounded(np.full(1, v), np.full(1, 0.25), "float32") for v in (2.0, 1.25))
    one = bounded(np.full(1, 1.0), np.full(1, 0.125), "float32")
    for pick, error in ((xp.maximum(one, far), 0.25), (xp.minimum(one, far), 0.125)):
        assert pick.error == error
    assert xp.maximum(one, close).error == xp.minimum(close, one).error == 0.25


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_division_by_what_may_be_0_has_no_bound(dtype: str) -> None:
    one = bounded(np.ones(1), np.zeros(1), dtype)
    for denominator, error in ((1.0, 1.0), (1.0, 2.0), (-1.0, 1.5)):
        y = bounded(np.full(1, denominator), np.full(1, error), dtype)
        assert np.isinf((one / y).error)
    with np.errstate(all="ignore"):
        unknown = bounded(np.full(1, -1000.0), np.full(1, 2000.0), dtype)
        assert np.isinf(BOUNDS[dtype].exp(unknown).error)


@given(k=st.integers(0, 2**26), u=st.sampled_from([2.0**-8, 2.0**-24, 2.0**-53]))
def test_the_likely_bound_is_never_above_the_certain_one_and_grows(k: int, u: float) -> None:
    assert 0 <= likely_gamma(k, u) <= gamma(k, u)
    assert likely_gamma(k, u) <= likely_gamma(k + 1, u)


def test_the_likely_bound_is_that_of_the_theorem() -> None:
    u = 2.0**-24
    assert likely_gamma(10_000, u) == pytest.approx(8 * 100 * u, rel=1e-3)
    assert likely_gamma(10_000, u) == math.expm1(8 * 100 * u + 10_000 * u**2 / (1 - u))
    assert likely_gamma(63, u) == gamma(63, u)  # up to d^2 = 64 terms the certain one is smaller
    assert likely_gamma(65, u) < gamma(65, u)
