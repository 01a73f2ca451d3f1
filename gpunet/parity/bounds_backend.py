"""A backend that computes no result but what every result has to be, and how far it may be off.

The same network code runs on it as on any device: after a step, each parameter, gradient and loss
is there in float64 with its error bound (see ``running_error``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gpunet.backends import Backend, Kernel
from gpunet.parity.running_error import Bounded, Gamma, Namespace
from gpunet.parity.within import gamma


@dataclass(frozen=True)
class Precision:
    """A way to compute, as error analysis sees it.

    Attributes:
        dtype: What arrays are stored in.
        u: Unit roundoff of each operation.
        operand: Relative rounding of a product's operands before they are multiplied, 0 where they
            are taken as they are; 2^-11 for TF32.
        products: What the training run calls it: see gpunet/nn/products.py.
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


class BoundedArray:
    """Values and error bounds, side by side; slices are views of both."""

    def __init__(self, value: NDArray, error: NDArray) -> None:
        self.value, self.error = value, error

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape."""
        return self.value.shape

    @property
    def dtype(self) -> np.dtype:
        """float64."""
        return self.value.dtype

    @property
    def T(self) -> BoundedArray:
        """The transpose, a view."""
        return BoundedArray(self.value.T, self.error.T)

    def __getitem__(self, index: Any) -> BoundedArray:
        return BoundedArray(self.value[index], self.error[index])

    def put(self, value: NDArray, error: NDArray | float) -> None:
        """Overwrite both; an error that is NaN, 0 times infinity, is unbounded."""
        self.value[...] = value
        self.error[...] = np.where(np.isnan(error), np.inf, error)


class BoundsBackend(Backend):
    """Bounds for one precision; integer arrays are plain NumPy ones.

    Args:
        precision: What is bounded.
        sum_error: ``gamma``, which nothing can exceed, or ``likely_gamma``, which is far sharper
            for long sums and which a correct device exceeds about never.

    Attributes:
        u: The unit roundoff that is counted with: the precision's and the reference's own.
    """

    xp: Any = None
    name = "bounds"

    def __init__(self, precision: Precision, sum_error: Gamma = gamma) -> None:
        self.precision, self._gamma = precision, sum_error
        self.u = precision.u + REFERENCE_U
        self._tiny = float(np.finfo(precision.dtype).tiny)

    def array(self, host: Any, dtype: DTypeLike) -> Any:
        """Take the host's numbers, rounded to the precision, as exact."""
        given = np.array(host, dtype=dtype)
        if given.dtype.kind != "f":
            return given
        return BoundedArray(given.astype(np.float64), np.zeros(given.shape))

    def share(self, host: NDArray) -> Any:
        """Likewise."""
        return self.array(host, host.dtype)

    def to_numpy(self, x: Any) -> NDArray:
        """Return the values."""
        return np.array(x.value if isinstance(x, BoundedArray) else x, copy=True)

    def owns(self, x: Any) -> bool:
        """Return whether ``x`` is a BoundedArray."""
        return isinstance(x, BoundedArray)

    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike) -> Any:
        """Return exact zeros."""
        return self.array(np.zeros(shape), dtype)

    def reshape(self, x: BoundedArray, shape: tuple[int, ...]) -> BoundedArray:
        """Return a view."""
        return BoundedArray(x.value.reshape(shape), x.error.reshape(shape))

    def assign(self, out: Any, value: Any) -> None:
        """Copy; a host's numbers are exact."""
        if isinstance(value, BoundedArray):
            out.put(value.value, value.error)
        elif isinstance(out, BoundedArray):
            out.put(np.asarray(value, self.precision.dtype).astype(np.float64), 0.0)
        else:
            out[...] = value

    def take(self, X: Any, rows: Any, scale: float, out: BoundedArray) -> None:
        """scale is rounded, and so is its product with a value; 1 and integers are exact."""
        chosen = X[rows].value if isinstance(X, BoundedArray) else X[rows].astype(np.float64)
        roundings = 0 if scale == 1.0 else 2
        out.put(scale * chosen, gamma(roundings, self.u) * np.abs(scale * chosen))

    def matmul(
        self,
        A: BoundedArray,
        B: BoundedArray,
        out: BoundedArray,
        add: bool = False,
        tf32: bool = False,
    ) -> None:
        """|A| EB + EA |B| + EA EB + gamma_k (|A| + EA)(|B| + EB), operands rounded first.

        What is added to counts as one more term of each sum.
        """
        a, b = np.abs(A.value), np.abs(B.value)
        with np.errstate(over="ignore", invalid="ignore"):  # unbounded errors
            a_error, b_error = (
                x.error + self.precision.operand * (np.abs(x.value) + x.error) for x in (A, B)
            )
            passed_on = a @ b_error + a_error @ (b + b_error)
            terms, value = (a + a_error) @ (b + b_error), A.value @ B.value
            length = A.shape[1] * self.precision.terms
            if add:
                length, value = length + 1, value + out.value
                terms, passed_on = terms + np.abs(out.value) + out.error, passed_on + out.error
            own = self._gamma(length, self.u) * terms
            out.put(value, passed_on + own + length * self._tiny)

    def sum(self, x: Any, axis: int, out: BoundedArray) -> None:
        """gamma_n."""
        self._sum(x, axis, out, keepdims=False)

    def _sum(self, x: Any, axis: int, out: BoundedArray, keepdims: bool) -> None:
        value, error = (a.sum(axis=axis, keepdims=keepdims) for a in (x.value, x.error))
        magnitude = np.abs(x.value).sum(axis=axis, keepdims=keepdims) + error
        out.put(value, error + self._gamma(x.value.shape[axis], self.u) * magnitude)

    def kernel(self, formula: Any) -> Kernel:
        """Return the formula on values and errors."""
        return self._run(formula, lambda target, r: target.put(r.value, r.error))

    def column_sums(self, formula: Any) -> Kernel:
        """Return the formula on values and errors, and gamma_n for the sum of its n rows."""
        return self._run(formula, lambda target, r: self._sum(r, 0, target, keepdims=True))

    def _run(self, formula: Any, put: Callable[[BoundedArray, Any], None]) -> Kernel:
        namespace = Namespace(self.u, self._tiny, self._gamma)

        def wrap(a: Any) -> Any:
            if isinstance(a, BoundedArray):
                return Bounded(a.value, a.error, self.u, self._tiny)
            return a

        def run(*arguments: Any, out: Any) -> None:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                result = formula(namespace, *map(wrap, arguments))
            outs, results = (out, result) if isinstance(out, tuple) else ((out,), (result,))
            # All is computed before anything is written: an output may be an argument.
            for target, r in zip(outs, results, strict=True):
                if isinstance(target, BoundedArray):
                    put(target, r)
                else:
                    target[...] = r

        return run

    def synchronize(self) -> None:
        """Do nothing."""
