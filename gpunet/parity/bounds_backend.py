"""A backend that computes no result but what every result has to be, and how far it may be off.

The same network code runs on it as on any device: after a step, each parameter, gradient and loss
is there in float64 with its error bound (see ``running_error``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gpunet.backends import Backend
from gpunet.parity.running_error import Arithmetic, Bounded, Gamma, Namespace
from gpunet.parity.within import gamma


@dataclass(frozen=True)
class Precision:
    """A way to compute, as error analysis sees it.

    Attributes:
        dtype: What arrays are stored in.
        u: Unit roundoff of each operation.
        operand: Relative rounding of a product's operands before they are multiplied, 0 where they
            are taken as they are; 2^-11 for TF32.
        products: What the training run calls it: see gpunet/program/rewrites/precision.py.
        terms: How many products each of a sum is made of.
    """

    name: str
    dtype: str
    u: float
    operand: float = 0.0
    products: str = "float32"
    terms: int = 1


PRECISIONS = {
    p.name: p
    for p in (
        Precision("float64", "float64", 2.0**-53),
        Precision("float32", "float32", 2.0**-24),
        Precision("tf32", "float32", 2.0**-24, operand=2.0**-11, products="tf32"),
        Precision("split16", "float32", 2.0**-24, products="split16", terms=3),
    )
}
# The reference is computed in float64 itself, so its own roundings come on top.
REFERENCE_U = 2.0**-53


class BoundsBackend(Backend):
    """Bounds for one precision; integer arrays are plain NumPy ones.

    Args:
        precision: What is bounded.
        sum_error: See ``Arithmetic``.

    Attributes:
        u: The unit roundoff that is counted with: the precision's and the reference's own.
    """

    name = "bounds"

    def __init__(self, precision: Precision, sum_error: Gamma = gamma) -> None:
        self.precision = precision
        self.u = precision.u + REFERENCE_U
        tiny = float(np.finfo(precision.dtype).tiny)
        self.how = Arithmetic(self.u, tiny, sum_error, precision.operand, precision.terms)
        self.xp: Any = Namespace(self.how)

    def array(self, host: Any, dtype: DTypeLike) -> Any:
        """Take the host's numbers, rounded to the precision, as exact."""
        given = np.array(host, dtype=dtype)
        if given.dtype.kind != "f":
            return given
        return Bounded(given.astype(np.float64), np.zeros(given.shape), self.how)

    def share(self, host: NDArray) -> Any:
        """Likewise."""
        return self.array(host, host.dtype)

    def to_numpy(self, x: Any) -> NDArray:
        """Return the values."""
        return np.array(x.value if isinstance(x, Bounded) else x, copy=True)

    def owns(self, x: Any) -> bool:
        """Return whether ``x`` is Bounded."""
        return isinstance(x, Bounded)

    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike) -> Any:
        """Return exact zeros."""
        return self.array(np.zeros(shape), dtype)

    def reshape(self, x: Bounded, shape: tuple[int, ...]) -> Any:
        """Return a view."""
        return self.xp.reshape(x, shape)

    def assign(self, out: Any, value: Any) -> None:
        """Copy; a host's numbers are exact."""
        if isinstance(out, Bounded):
            given = isinstance(value, Bounded)
            out.put(value if given else self.array(value, self.precision.dtype))
        else:
            out[...] = value

    def take(self, X: Any, rows: Any, scale: float, out: Bounded) -> None:
        """scale is rounded, and so is its product with a value; 1 and integers are exact."""
        out.put(self.xp.astype(X[rows], out.dtype) * scale)

    def synchronize(self) -> None:
        """Do nothing."""
