"""A formula's exact value and, beside it, how far any device's result may be from that.

Running error analysis (N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed.,
SIAM 2002, sections 3.1 to 3.3): each quantity x carries a bound E on |computed x - x|. An operation
passes on what its operands' errors do to the exact result and adds its own rounding, which is at
most u times the computed result's magnitude, |x| + E:

    a + b      E = Ea + Eb                        + u (|a + b| + Ea + Eb)
    a b        E = |a| Eb + |b| Ea + Ea Eb        + u (...)
    a / b      E = (Ea + |a/b| Eb) / (|b| - Eb)   + u (...)
    f(a)       E = |f'| Ea, at its largest within a +- Ea, + FUNCTION_UNITS u (...)
    sum        E = sum(Ea) + gamma_n sum(|a| + Ea),  gamma_n = n u / (1 - n u), in any order
    A B        E = |A| EB + EA |B| + EA EB + gamma_k (|A| + EA)(|B| + EB),  k the shared length

A formula is evaluated by calling it with ``Namespace`` and ``Bounded`` arguments, so a new one has
its bound without a line of its own. Values are float64; the analysis holds for any u above 2^-53.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet.parity.within import gamma

# exp, log, tanh and their kin: NumPy's vector versions state errors below 4 units in the last place
# in float32, the C library's, CUDA's (Programming Guide, "Mathematical Functions") and the scalar
# ones below 2. A unit in the last place is at most 2 u of the result.
FUNCTION_UNITS = 8.0


Gamma = Callable[[int, float], float]


# Deviations that a sum's error may be away from 0 before it counts as wrong.
DEVIATIONS = 8.0


def likely_gamma(k: int, u: float) -> float:
    """Return exp(d sqrt(k) u + k u^2 / (1 - u)) - 1 with d = 8, or gamma if that is smaller.

    N. J. Higham and T. Mary, "A new approach to probabilistic rounding error analysis", SIAM J.
    Sci. Comput. 41 (2019), theorem 3.1: if roundings are independent with mean 0, a sum of k terms
    exceeds it with a probability of at most 2 k exp(-d^2 (1 - u)^2 / 2), 3e-14 k. Real sums are
    made in blocks and stay far below.
    """
    likely = math.expm1(min(DEVIATIONS * math.sqrt(k) * u + k * u * u / (1 - u), 700.0))
    return min(likely, gamma(k, u))


@dataclass(frozen=True)
class Arithmetic:
    """How a device computes, as error analysis sees it.

    Attributes:
        u: Unit roundoff of each operation.
        tiny: The smallest normal number.
        sum_error: What u becomes in a sum of k terms: ``gamma``, which nothing can exceed, or
            ``likely_gamma``, which is far sharper for long sums and which a correct device exceeds
            about never.
        operand: Relative rounding of a product's operands before they are multiplied, 0 where they
            are taken as they are; 2^-11 for TF32.
        terms: How many products each of a sum is made of.
    """

    u: float
    tiny: float
    sum_error: Gamma = gamma
    operand: float = 0.0
    terms: int = 1


EXACT = Arithmetic(0.0, 0.0)


class Bounded:
    """Exact values and bounds on the error of a computation; slices are views of both.

    Attributes:
        value: float64; what infinite precision gives.
        error: float64, the same shape; at most this far off.
        how: What operations on it add to the error.
    """

    __array_ufunc__ = None  # NumPy leaves mixed operations to the methods here

    def __init__(self, value: NDArray, error: NDArray, how: Arithmetic = EXACT) -> None:
        self.value, self.error, self.how = value, error, how

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape."""
        return self.value.shape

    @property
    def dtype(self) -> np.dtype:
        """float64."""
        return self.value.dtype

    @property
    def T(self) -> Bounded:
        """The transpose, a view."""
        return Bounded(self.value.T, self.error.T, self.how)

    def __getitem__(self, index: Any) -> Bounded:
        return Bounded(self.value[index], self.error[index], self.how)

    def put(self, other: Bounded) -> None:
        """Overwrite both; an error that is NaN, 0 times infinity, is unbounded."""
        self.value[...] = other.value.reshape(self.shape)
        error = np.where(np.isnan(other.error), np.inf, other.error)
        self.error[...] = error.reshape(self.shape)

    def rounded(self, value: NDArray, passed_on: NDArray, units: float = 1.0) -> Bounded:
        """Return a result: the operands' errors as passed on, and its own rounding."""
        # 0 times an unbounded factor: nothing is known, and NaN would fail a correct device.
        passed_on = np.where(np.isnan(passed_on), np.inf, passed_on)
        own = units * self.how.u * (np.abs(value) + passed_on) + self.how.tiny
        return Bounded(value, passed_on + own, self.how)

    def exactly(self, value: NDArray, error: NDArray) -> Bounded:
        """Return a result that no rounding adds to."""
        return Bounded(value, np.broadcast_to(error, np.shape(value)), self.how)

    def like(self, x: Any) -> Bounded:
        """Return a constant as a device holds it: rounded, unless float32 has it exactly."""
        if isinstance(x, Bounded):
            return x
        exact = np.float64(x)
        representable = float(np.float32(exact)) == exact
        error = 0.0 if representable else self.how.u * abs(exact)
        return Bounded(np.asarray(exact), np.asarray(error), self.how)

    def __matmul__(self, other: Bounded) -> Bounded:
        """|A| EB + EA |B| + EA EB + gamma_k (|A| + EA)(|B| + EB), operands rounded first."""
        a, b = np.abs(self.value), np.abs(other.value)
        a_error, b_error = (
            x.error + self.how.operand * (np.abs(x.value) + x.error) for x in (self, other)
        )
        passed_on = a @ b_error + a_error @ (b + b_error)
        length = self.shape[-1] * self.how.terms
        own = self.how.sum_error(length, self.how.u) * ((a + a_error) @ (b + b_error))
        error = np.asarray(passed_on + own + length * self.how.tiny)
        return Bounded(np.asarray(self.value @ other.value), error, self.how)

    def __add__(self, other: Any) -> Bounded:
        b = self.like(other)
        value = self.value + b.value
        if isinstance(other, int | float) and other == 0:
            return self
        return self.rounded(value, self.error + b.error)

    __radd__ = __add__

    def __neg__(self) -> Bounded:
        return self.exactly(-self.value, self.error)

    def __sub__(self, other: Any) -> Bounded:
        return self + -self.like(other)

    def __rsub__(self, other: Any) -> Bounded:
        return -self + other

    def __mul__(self, other: Any) -> Bounded:
        if isinstance(other, int | float) and other == 1:
            return self
        b = self.like(other)
        passed_on = np.abs(self.value) * b.error + self.error * (np.abs(b.value) + b.error)
        return self.rounded(self.value * b.value, passed_on)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Bounded:
        b = self.like(other)
        value = self.value / b.value
        room = np.abs(b.value) - b.error
        passed_on = _where_positive(room, self.error + np.abs(value) * b.error)
        return self.rounded(value, passed_on)

    def __rtruediv__(self, other: Any) -> Bounded:
        return self.like(other) / self

    def __gt__(self, other: Any) -> Condition:
        return _compare(np.greater, self, self.like(other))

    def __ge__(self, other: Any) -> Condition:
        return _compare(np.greater_equal, self, self.like(other))

    def __lt__(self, other: Any) -> Condition:
        return _compare(np.less, self, self.like(other))

    def __le__(self, other: Any) -> Condition:
        return _compare(np.less_equal, self, self.like(other))

    __hash__ = object.__hash__


class Condition:
    """Truth values, and where rounding cannot turn them."""

    def __init__(self, value: NDArray, sure: NDArray) -> None:
        self.value, self.sure = value, sure


def _compare(operation: Any, a: Bounded, b: Bounded) -> Condition:
    # Two numbers that no error touches compare the same everywhere, even when equal.
    room = a.error + b.error
    sure = (np.abs(a.value - b.value) > room) | (room == 0)
    return Condition(operation(a.value, b.value), sure)


def _where_positive(room: NDArray, numerator: NDArray) -> NDArray:
    """Return numerator / room, infinite where there is no room (an error as large as the value)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(room > 0, numerator / np.maximum(room, 0), np.inf) * (numerator > 0)


class Namespace:
    """The array functions that formulas use, on Bounded arrays; integers pass to NumPy."""

    uint32, uint64 = np.uint32, np.uint64

    def __init__(self, how: Arithmetic) -> None:
        self.how = how

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)  # of positions and random words

    def take(self, x: Any, rows: NDArray, *, axis: int) -> Any:
        """The rows as they are."""
        return x[rows]

    def reshape(self, x: Any, shape: tuple[int, ...]) -> Any:
        """Of both, as views."""
        if not isinstance(x, Bounded):
            return np.reshape(x, shape)
        return Bounded(x.value.reshape(shape), x.error.reshape(shape), x.how)

    def concat(self, parts: Sequence[Bounded]) -> Bounded:
        """Of both."""
        value, error = (np.concatenate([getattr(x, a) for x in parts]) for a in ("value", "error"))
        return Bounded(value, error, self.how)

    def exp(self, x: Bounded) -> Bounded:
        """Within a +- E, exp changes by at most exp(a) (exp(E) - 1)."""
        value = np.exp(x.value)
        # Where exp(E) overflows nothing is known, also if exp(a) is 0.
        grown = np.where(x.error < 700.0, value * np.expm1(np.minimum(x.error, 700.0)), np.inf)
        return x.rounded(value, grown, FUNCTION_UNITS)

    def log(self, x: Bounded) -> Bounded:
        """The slope 1/a is largest at a - E."""
        passed_on = _where_positive(x.value - x.error, x.error)
        return x.rounded(np.log(x.value), passed_on, FUNCTION_UNITS)

    def log1p(self, x: Bounded) -> Bounded:
        """As log, one further right."""
        passed_on = _where_positive(1 + x.value - x.error, x.error)
        return x.rounded(np.log1p(x.value), passed_on, FUNCTION_UNITS)

    def tanh(self, x: Bounded) -> Bounded:
        """The slope 1 - tanh^2 is largest where |a| is smallest."""
        flat = np.tanh(np.maximum(np.abs(x.value) - x.error, 0))
        return x.rounded(np.tanh(x.value), (1 - flat * flat) * x.error, FUNCTION_UNITS)

    def sqrt(self, x: Bounded) -> Bounded:
        """|sqrt(a + e) - sqrt(a)| <= |e| / sqrt(a), and <= sqrt(|e|)."""
        value = np.sqrt(x.value)
        with np.errstate(divide="ignore", invalid="ignore"):
            passed_on = np.fmin(x.error / value, np.sqrt(x.error))
        return x.rounded(value, passed_on)

    def abs(self, x: Bounded) -> Bounded:
        """No rounding."""
        return x.exactly(np.abs(x.value), x.error)

    def sign(self, x: Bounded) -> Bounded:
        """Exact, unless the error reaches across 0."""
        sure = (np.abs(x.value) > x.error) | (x.error == 0)
        return x.exactly(np.sign(x.value), np.where(sure, 0.0, 2.0))

    def maximum(self, x: Any, y: Any) -> Bounded:
        """The larger one's error; the larger error, where either may be the larger."""
        a, b = self._pair(x, y)
        return self._extreme(a, b, np.maximum(a.value, b.value), a.value - b.value)

    def minimum(self, x: Any, y: Any) -> Bounded:
        """Likewise."""
        a, b = self._pair(x, y)
        return self._extreme(a, b, np.minimum(a.value, b.value), b.value - a.value)

    def _extreme(self, a: Bounded, b: Bounded, value: NDArray, lead: NDArray) -> Bounded:
        room = a.error + b.error
        # Of two numbers that move by Ea and Eb, the larger moves by no more than max(Ea, Eb).
        either = np.maximum(a.error, b.error)
        error = np.where(lead > room, a.error, np.where(lead < -room, b.error, either))
        return a.exactly(value, error)

    def where(self, condition: Condition, x: Any, y: Any) -> Bounded:
        """Where the condition may turn, the other branch is a possible result too."""
        a, b = self._pair(x, y)
        value = np.where(condition.value, a.value, b.value)
        chosen = np.where(condition.value, a.error, b.error)
        either = np.maximum(np.abs(a.value - value) + a.error, np.abs(b.value - value) + b.error)
        return a.exactly(value, np.where(condition.sure, chosen, either))

    def equal(self, x: Any, y: Any) -> Condition:
        """Of conditions or numbers."""
        if isinstance(x, Condition):
            return Condition(x.value == y.value, x.sure & y.sure)
        return _compare(np.equal, *self._pair(x, y))

    def astype(self, x: Any, dtype: Any) -> Any:
        """From truth values, or between integers; integers are exact."""
        if isinstance(x, Bounded):
            return x
        if isinstance(x, Condition):
            return Bounded(x.value.astype(np.float64), np.where(x.sure, 0.0, 1.0), self.how)
        if np.dtype(dtype).kind == "f":
            return Bounded(x.astype(np.float64), np.zeros(x.shape), self.how)
        return x.astype(dtype)

    def max(self, x: Bounded, *, axis: int, keepdims: bool) -> Bounded:
        """The largest moves by no more than the largest error."""
        value = x.value.max(axis=axis, keepdims=keepdims)
        return x.exactly(value, x.error.max(axis=axis, keepdims=keepdims))

    def sum(self, x: Bounded, *, axis: int, keepdims: bool = False) -> Bounded:
        """gamma_n, in any order."""
        value = x.value.sum(axis=axis, keepdims=keepdims)
        magnitude = (np.abs(x.value) + x.error).sum(axis=axis, keepdims=keepdims)
        passed_on = x.error.sum(axis=axis, keepdims=keepdims)
        own = x.how.sum_error(x.value.shape[axis], x.how.u) * magnitude
        return x.exactly(value, passed_on + own)

    def _pair(self, x: Any, y: Any) -> tuple[Bounded, Bounded]:
        one = x if isinstance(x, Bounded) else y if isinstance(y, Bounded) else self._one()
        return one.like(x), one.like(y)

    def _one(self) -> Bounded:
        return Bounded(np.ones(()), np.zeros(()), self.how)
