"""Checks on numbers that a user gives."""

from gpunet.errors import ArgumentError


def in_range(name: str, value: float, low: float, high: float = float("inf")) -> float:
    """Return ``value`` if low <= value < high, else raise ArgumentError."""
    if isinstance(value, int | float) and low <= value < high:
        return float(value)
    raise ArgumentError(f"{name} must be at least {low:g} and below {high:g}; got {value!r}")


def positive(name: str, value: float) -> float:
    """Return ``value`` if it is a finite number above 0, else raise ArgumentError."""
    if isinstance(value, int | float) and 0 < value < float("inf"):
        return float(value)
    raise ArgumentError(f"{name} must be a finite number above 0; got {value!r}")
