"""What all elements of a tensor show together, though each alone is within its bound.

A bound for one element has to hold also where all roundings pile up in it. In thousands of elements
they don't: they are independent of each other and have a mean of 0. What is done to all elements
alike, or makes all of them worse, is out of proportion here long before it is there.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gpunet.parity.bounds_backend import REFERENCE_U, Precision
from gpunet.parity.check import Check
from gpunet.parity.running_error import DEVIATIONS, Bounded


def outward(name: str, found: NDArray, expected: Bounded, u: float, step: int) -> Check:
    """Compare how far all elements have moved away from 0 with what roundings can move them.

    For elements whose last operation was rounded by up to u |x|, whatever else E counts in: the sum
    of sign(x) (found - x) is at most

        sum(E - u |x|) + 8 sqrt(sum((u x)^2))

    with a probability of all but 2 exp(-8^2 / 2), 3e-14 (W. Hoeffding, "Probability inequalities
    for sums of bounded random variables", J. Amer. Statist. Assoc. 58, 1963, theorem 2). A drift of
    one unit in the last place is a sum of u |x| at least.
    """
    x, error = expected.value, expected.error
    own = u * np.abs(x)
    with np.errstate(invalid="ignore", over="ignore"):
        moved = float(np.sum(np.sign(x) * (found.astype(np.float64) - x)))
        allowed = float(np.sum(error - own)) + DEVIATIONS * float(np.linalg.norm(own))
    return Check(name, step, _ratio(abs(moved), allowed), 0.0, ())


def noise(
    name: str, found: NDArray, A: NDArray, dZ: NDArray, precision: Precision, step: int
) -> Check:
    """Compare the errors of a product found = A^T dZ, squared and summed, with their mean.

    Roundings of the k products and sums of an element have a variance of k u^2 (|A|^T |dZ|)^2 at
    most. Operands of lower precision p err by numbers from an interval of 2 p |a|, whether they are
    rounded or cut off, so by a variance of (p a)^2 at most (A. Popoviciu, 1935):

        sum((found - (1 + c) A^T dZ)^2)
            <=  (1 + t)^2 sum(k u^2 (|A|^T |dZ|)^2 + 2 p^2 (A^2)^T dZ^2)

    with the factor c that makes the left side smallest: operands that are cut off are all too
    small, by some 0.7 p on average, which is no noise, and which the elements' bounds count in.
    Roundings are uniform rather than at the ends of their intervals, and have a third of that
    variance: over 60 seeds, verify's own networks stay below 0.54 of this, in every precision.
    t = 8 / sqrt(N) is for the chance that is in it, N the number of roundings: of the operand that
    has fewer elements.

    Args:
        found: (m, q), what the device has made of A and dZ.
        A, dZ: (n, m) and (n, q) float64; A may differ from the device's by two roundings, those of
            inputs that were scaled.
    """
    u, terms = precision.u + REFERENCE_U, A.shape[0] * precision.terms
    tiny = terms * float(np.finfo(precision.dtype).tiny)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        product = A.T @ dZ
        error = found.astype(np.float64) - product
        square = float(np.sum(product * product))
        if square > 0.0:
            error -= float(np.sum(error * product)) / square * product
        sums = u * math.sqrt(terms) * (np.abs(A).T @ np.abs(dZ)) + tiny
        operands = 2.0 * precision.operand**2 + (2.0 * u) ** 2
        # sum((A^2)^T dZ^2), of which no element is needed.
        squares = np.sum(A * A, axis=1) @ np.sum(dZ * dZ, axis=1)
        variance = np.sum(sums * sums) + operands * squares
        chance = 1.0 + DEVIATIONS / math.sqrt(min(A.size, dZ.size))
        ratio = _ratio(float(np.linalg.norm(error)), math.sqrt(variance) * chance)
    return Check(name, step, ratio, 0.0, ())


def _ratio(size: float, allowed: float) -> float:
    """Return size / allowed; infinity for what is no number."""
    if size == 0.0:
        return 0.0
    ratio = size / allowed if allowed > 0.0 else math.inf
    return math.inf if math.isnan(ratio) else ratio
