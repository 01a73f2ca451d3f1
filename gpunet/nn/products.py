"""The precision of the matrix products, chosen for each training run.

    float32   as stored (or float64, if that is what the network has)
    tf32      operands rounded to 11 bits, products and sums in float32: one pass on tensor cores
    split16   float32's accuracy from 16-bit products: see ``Split16``

Where a device has no tensor cores, the same roundings are made by float32 arithmetic: slower, and
the same to the last bits of a sum. So each precision can be checked on any machine.
"""

from __future__ import annotations

from typing import Any

from gpunet.backends import Array, Backend
from gpunet.errors import ArgumentError, look_up


class Products:
    """Plain products, and what the others have in common.

    ``matmul`` is for all products but the first layer's, in which X takes part; ``with_inputs`` is
    for those. ``raw`` says whether X has to hold the integers that the data set has.
    """

    name = "float32"
    raw = False

    def __init__(self, backend: Backend, scale: float = 1.0) -> None:
        self.backend, self.scale = backend, scale

    def matmul(self, A: Array, B: Array, out: Array) -> None:
        """``out = A @ B``."""
        self.backend.matmul(A, B, out=out)

    def with_inputs(self, A: Array, B: Array, out: Array) -> None:
        """``out = A @ B``, where A is X or X^T."""
        self.matmul(A, B, out)


class TF32(Products):
    """One rounding of 2^-11 for each operand: NVIDIA's TensorFloat-32."""

    name = "tf32"

    def __init__(self, backend: Backend, scale: float = 1.0) -> None:
        super().__init__(backend, scale)
        self._round = backend.kernel(lambda xp, x: leading(x, 11))
        self._rounded = Buffers(backend)

    def matmul(self, A: Array, B: Array, out: Array) -> None:
        """``out = A @ B``."""
        if self.backend.tensor_cores:
            self.backend.matmul(A, B, out=out, tf32=True)
            return
        operands = [self._rounded.of(x.shape, number) for number, x in enumerate((A, B))]
        for x, rounded in zip((A, B), operands, strict=True):
            self._round(x, out=rounded)
        self.backend.matmul(operands[0], operands[1], out=out)


class Split16(Products):
    """Products with X from bfloat16 operands, as accurate as float32.

    Integers up to 256 are bfloat16 numbers. The other operand, scaled as X should have been, is the
    sum of three: x = x1 + x2 + x3, each of 8 bits, which is all that a float32 has. Products of two
    such numbers are exact in float32, so that only sums are rounded: with x3 last, a product of
    length k errs as a float32 product of length 3k would, by at most gamma_3k. (Splitting in this
    way is T. J. Dekker's, 1971; on tensor cores, Markidis et al., 2018.)
    """

    name = "split16"
    raw = True

    def __init__(self, backend: Backend, scale: float = 1.0) -> None:
        super().__init__(backend, scale)

        def split(xp: Any, x: Array, like: Array) -> tuple[Array, ...]:
            x = x * scale
            x1 = leading(x, 8)
            x2 = leading(x - x1, 8)
            return tuple(xp.astype(part, like.dtype) for part in (x1, x2, x - x1 - x2))

        self._split = backend.kernel(split)
        self._parts = Buffers(backend, backend.bfloat16)

    def with_inputs(self, A: Array, B: Array, out: Array) -> None:
        """``out = scale A @ B``, where A holds integers up to 256."""
        parts = tuple(self._parts.of(B.shape, number) for number in range(3))
        self._split(B, parts[0], out=parts)
        for number, part in enumerate(parts):
            self.backend.matmul(A, part, out=out, add=number > 0)


class Buffers:
    """Scratch arrays, allocated at the first sight of a shape."""

    def __init__(self, backend: Backend, dtype: str = "float32") -> None:
        self._backend, self._dtype = backend, dtype
        self._buffers: dict[Any, Array] = {}

    def of(self, shape: tuple[int, ...], number: int) -> Array:
        """Return scratch array ``number`` of this shape."""
        key = (*shape, number)
        if key not in self._buffers:
            self._buffers[key] = self._backend.zeros(tuple(shape), self._dtype)
        return self._buffers[key]


def leading(x: Array, bits: int) -> Array:
    """Return the float32 number x rounded to its leading bits (Dekker 1971).

    c x - (c x - x) for c = 2^s + 1 leaves 24 - s bits. It overflows where |x| > 2^(127 - s).
    """
    c = 2.0 ** (24 - bits) + 1.0
    return c * x - (c * x - x)


PRECISIONS: dict[str, type[Products]] = {p.name: p for p in (Products, TF32, Split16)}


def products(
    backend: Backend, precision: str, dtype: str, scale: float, integers: bool
) -> Products:
    """Return the products of a training run.

    Args:
        backend: Where it runs.
        precision: A name in PRECISIONS.
        dtype: The network's.
        scale: What the inputs are to be multiplied by.
        integers: Whether the inputs are stored as uint8.

    Raises:
        ArgumentError: An unknown name, or a precision that does not go with the rest.
    """
    kind = look_up("precision", precision, PRECISIONS)
    if kind is not Products and dtype != "float32":
        raise ArgumentError(
            f"precision {precision} is for networks of float32, not {dtype}; precision float32 "
            "computes as the network is stored"
        )
    if kind.raw and not integers:
        raise ArgumentError(
            f"precision {precision} needs inputs of uint8, such as pixels; for others use tf32 or "
            "float32"
        )
    return kind(backend, scale)
