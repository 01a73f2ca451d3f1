"""How far a computed result may be from the exact one, and the assertion that it is not farther.

The bounds are those of N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition,
SIAM 2002. They hold for every order of the additions, with and without fused multiply-add, as long
as nothing overflows or underflows: so they hold for every device and library.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpunet.errors import ArgumentError, look_up

# Largest relative error of rounding to nearest: 2^-p for p significant bits, the hidden one
# included. Hardware that cuts operands off instead (some do for tf32) errs by up to twice that.
UNIT_ROUNDOFF = {
    "float64": 2.0**-53,
    "float32": 2.0**-24,
    "tf32": 2.0**-11,
    "float16": 2.0**-11,
    "bfloat16": 2.0**-8,
}


def gamma(k: int, u: float | str) -> float:
    """Return gamma_k = k u / (1 - k u), the relative error of k roundings in a row.

    Higham 2002, lemma 3.1: a product of k factors (1 + delta_i) or their inverses, |delta_i| <= u,
    differs from 1 by at most gamma_k.

    Args:
        k: How many roundings; a dot product of length k counts k.
        u: The unit roundoff, or a format's name in UNIT_ROUNDOFF.

    Returns:
        The bound; infinity where k u >= 1, as nothing is known then.
    """
    ku = k * _roundoff(u)
    return ku / (1.0 - ku) if ku < 1.0 else math.inf


def product_bound(A: ArrayLike, B: ArrayLike, u: float | str) -> NDArray:
    """Return gamma_k |A| |B|, which bounds the error of each element of a computed A @ B.

    Higham 2002, equation (3.13), for inputs that are exact: compute the reference from the same
    rounded A and B. Where the reference was computed in the same format as the result, each of
    the two has this error.

    Args:
        A: (n, k), host array.
        B: (k, m), host array.
        u: Unit roundoff of the additions and products, or its name in UNIT_ROUNDOFF.

    Returns:
        float64, (n, m).
    """
    magnitudes = np.abs(np.asarray(A, np.float64)) @ np.abs(np.asarray(B, np.float64))
    return _scaled(magnitudes, np.shape(A)[-1], np.shape(A)[-1], u)


def sum_bound(x: ArrayLike, axis: int | None, u: float | str) -> NDArray:
    """Return gamma_(n-1) sum(|x|), which bounds the error of a computed sum of n numbers.

    Higham 2002, equation (4.4), for exact inputs and any order of the n - 1 additions.

    Args:
        x: Host array of any shape.
        axis: The axis that is summed, of length n; None for all of x.
        u: Unit roundoff of the additions, or its name in UNIT_ROUNDOFF.

    Returns:
        float64, the shape of x without that axis.
    """
    x = np.asarray(x, np.float64)
    n = x.size if axis is None else x.shape[axis]
    return _scaled(np.abs(x).sum(axis=axis), max(n - 1, 0), n, u)


def assert_within_bound(
    found: Any, reference: ArrayLike, bound: ArrayLike, name: str = ""
) -> float:
    """Assert that |found - reference| <= bound for every element.

    NaN equals NaN and nothing else; an infinity equals itself.

    Args:
        found: What was computed: an array of NumPy, CuPy or an array-API namespace on the CPU, or
            a number. Of other backends pass ``backend.to_numpy(x)``.
        reference: What is right, of the same shape, or a number; float64 or wider.
        bound: Largest difference allowed; broadcasts to that shape.
        name: What to call the array in the message.

    Returns:
        The largest difference in units of the bound, 0.0 for arrays without elements: how much of
        the bound was needed.

    Raises:
        AssertionError: Something is outside; the message names the worst element.
        ArgumentError: The bound is negative, NaN or of the wrong shape; ``found`` is unreadable.
    """
    __tracebackhide__ = True  # pytest then points at the line that asserts
    host, exact = _on_host(found), _real(np.asarray(reference), "the reference")
    label = name or "found"
    if exact.shape not in ((), host.shape):
        raise AssertionError(f"{label} has shape {host.shape}, the reference {exact.shape}")
    wide = np.result_type(np.float64, exact.dtype)
    right, got = np.broadcast_to(exact.astype(wide), host.shape), host.astype(wide)
    allowed = _allowed(bound, host.shape)

    same = (got == right) | (np.isnan(got) & np.isnan(right))
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        difference = np.where(same, 0.0, np.abs(got - right))
        # Against an infinite bound everything is 0 of it, but a NaN is outside any bound.
        ratio = np.where(same | np.isinf(allowed), 0.0, difference / allowed)
    ratio = np.where(np.isnan(difference), np.inf, ratio)
    outside = np.isnan(difference) | (difference > allowed)
    if not outside.any():
        return float(ratio.max(initial=0.0))

    # The worst: the largest ratio; of those that are infinite the largest difference, NaN first.
    worst_of = np.where(outside & (ratio == ratio[outside].max()), difference, -1.0)
    at = np.unravel_index(int(np.argmax(worst_of)), host.shape)
    place = f" at [{', '.join(str(int(i)) for i in at)}]" if at else ""
    raise AssertionError(
        f"{label}: {np.count_nonzero(outside)} of {host.size} outside the bound; "
        f"the worst{place}:\n"
        f"  found       {host[at]!s}\n"
        f"  reference   {right[at]!s}\n"
        f"  difference  {difference[at]:.3g}{_ulps(host[at], right[at])}\n"
        f"  bound       {allowed[at]:.3g}: the difference is {ratio[at]:.3g} times that"
    )


def _roundoff(u: float | str) -> float:
    return look_up("format", u, UNIT_ROUNDOFF) if isinstance(u, str) else float(u)


def _scaled(magnitudes: NDArray, k: int, terms: int, u: float | str) -> NDArray:
    """Return gamma_k times the magnitudes, widened by what these lost in their own float64 sum."""
    return np.asarray(gamma(k, u) * (1.0 + gamma(terms + 3, "float64")) * magnitudes)


def _on_host(found: Any) -> NDArray:
    """Return ``found`` as a NumPy array of real numbers."""
    try:
        if type(found).__module__.partition(".")[0] == "cupy":
            host = found.get()  # CuPy refuses every implicit way
        elif hasattr(found, "__dlpack__") and not isinstance(found, np.ndarray | np.generic):
            host = np.from_dlpack(found)
        else:
            host = np.asarray(found)
    except (TypeError, ValueError, RuntimeError, BufferError, AttributeError) as error:
        raise ArgumentError(
            f"cannot read a {type(found).__name__} on the host ({error}); pass backend.to_numpy(x)"
        ) from error
    return _real(np.asarray(host), "found")


def _real(x: NDArray, label: str) -> NDArray:
    if x.dtype.kind not in "fiub":
        raise ArgumentError(f"{label} has dtype {x.dtype}; expected real numbers")
    return x


def _allowed(bound: ArrayLike, shape: tuple[int, ...]) -> NDArray:
    allowed = _real(np.asarray(bound), "the bound").astype(np.float64)
    try:
        allowed = np.broadcast_to(allowed, shape)
    except ValueError as error:
        raise ArgumentError(
            f"the bound has shape {allowed.shape}, which does not broadcast to {shape}"
        ) from error
    if not (allowed >= 0.0).all():
        raise ArgumentError("the bound is negative or NaN somewhere")
    return allowed


def _ulps(found: Any, right: Any) -> str:
    """Return the difference in units in the last place of the reference, in found's format."""
    if found.dtype.kind != "f":
        return ""
    with np.errstate(over="ignore", invalid="ignore"):
        last_place = np.spacing(np.abs(right.astype(found.dtype)))
        if not (np.isfinite(last_place) and np.isfinite(found)):
            return ""
        ulps = abs(found.astype(right.dtype) - right) / last_place.astype(right.dtype)
    return f" ({ulps:.3g} ULPs of {found.dtype})"
