"""Checks on numbers that a user gives, of any kind that is a number: Python's or NumPy's."""

from numbers import Integral, Real
from typing import Any

from gpunet.errors import ArgumentError


def in_range(name: str, value: Any, low: float, high: float = float("inf")) -> float:
    """Return ``value`` as a float if low <= value < high, else raise ArgumentError."""
    if isinstance(value, Real) and not isinstance(value, bool) and low <= float(value) < high:
        return float(value)
    above = f" and below {high:g}" if high < float("inf") else ""
    raise ArgumentError(f"{name} must be a number of at least {low:g}{above}; got {value!r}")


def positive(name: str, value: Any) -> float:
    """Return ``value`` as a float if it is finite and above 0, else raise ArgumentError."""
    if isinstance(value, Real) and not isinstance(value, bool) and 0 < float(value) < float("inf"):
        return float(value)
    raise ArgumentError(f"{name} must be a finite number above 0; got {value!r}")


def whole(name: str, value: Any, low: int = 1, high: int | None = None) -> int:
    """Return ``value`` as an int if it is a whole number from low to high, else ArgumentError."""
    number = int(value) if isinstance(value, Integral) and not isinstance(value, bool) else None
    if number is not None and number >= low and (high is None or number <= high):
        return number
    wanted = f"above {low - 1}" if high is None else f"from {low} to {high}"
    raise ArgumentError(f"{name} must be a whole number {wanted}; got {value!r}")
