"""What a kind of device has to provide: arrays, and the verbs that launches are made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gpunet.errors import DeviceError
from gpunet.kernels.expression import Formula

Array = Any  # an array of the backend's own kind
Kernel = Callable[..., None]  # kernel(*arguments, out=array or tuple of arrays)
Work = Callable[[], None]
Bound = Callable[[Sequence[Array], Sequence[Array]], None]  # bound(inputs, outputs)


class Backend(ABC):
    """Where arrays live.

    Attributes:
        xp: The array namespace (numpy, cupy, array_api_strict, ...).
        name: "numpy", "cupy", or the namespace's name.
        device: "cpu" or "cuda:N".
        reason: Why this device was chosen, for people; "" where there was no choice.
        tensor_cores: Whether products can be computed in TF32 and from 16-bit operands.
        leaves_zeros_out: Whether a product with fewer columns, of whatever number, is faster.
        captures: Whether ``capture`` makes one launch of many.
        bfloat16: What ``zeros`` takes as the type of arrays of bfloat16 numbers; where there are
            no such arrays, float32 ones hold the same numbers.
    """

    xp: Any
    name: str
    device: str = "cpu"
    reason: str = ""
    tensor_cores: bool = False
    captures: bool = False
    leaves_zeros_out: bool = False
    bfloat16: str = "float32"

    @abstractmethod
    def array(self, host: Any, dtype: DTypeLike) -> Array:
        """Copy ``host`` (anything numpy.asarray takes) into a new array of ``dtype``."""

    def share(self, host: NDArray) -> Array:
        """Return ``host`` as an array of this backend that is only read; a copy if need be."""
        return self.array(host, host.dtype)

    @abstractmethod
    def to_numpy(self, x: Array) -> NDArray:
        """Copy ``x`` into a new NumPy array; waits until it has been computed."""

    @abstractmethod
    def owns(self, x: Any) -> bool:
        """Return whether ``x`` is an array of this backend."""

    @abstractmethod
    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        """Return a new C-ordered array of zeros."""

    @abstractmethod
    def reshape(self, x: Array, shape: tuple[int, ...]) -> Array:
        """Return a view of the contiguous array ``x`` in another shape."""

    @abstractmethod
    def assign(self, out: Array, value: Array | NDArray) -> None:
        """Copy ``value`` (a host array or one of this backend's) into ``out``, same shape."""

    @abstractmethod
    def take(self, X: Array, rows: Array | slice, scale: float, out: Array) -> None:
        """Gather and scale in one go: ``out = scale * X[rows]``, in the precision of ``out``.

        X is (n, m), floats or uint8; ``rows`` is a slice or an integer array (k,) whose values
        the caller has checked (a GPU would wrap wrong ones silently); ``out`` is (k, m) floats.
        """

    def bind(
        self, work: Callable[..., None], inputs: Sequence[Array], outputs: Sequence[Array]
    ) -> Bound:
        """Return ``run(inputs, outputs)``, which repeats ``work(*inputs, *outputs)``.

        ``work`` may use the verbs only. At each run it is given arrays of the same shapes, which
        may be others than at the last; whatever else it reads and writes stays where it is. So
        a backend may look everything up once, and from then on only go through a list of calls.
        """
        return lambda inputs, outputs: work(*inputs, *outputs)

    def capture(self, work: Work) -> Work:
        """Return a function that repeats ``work``, at every call on the same arrays.

        ``work`` may use the verbs only, but neither upload nor read back. A GPU repeats all its
        launches as one CUDA graph, where it can.
        """
        return work

    @abstractmethod
    def synchronize(self) -> None:
        """Wait until everything submitted has run."""

    def settings(self) -> dict[str, str]:
        """Return what, beside the versions of packages, may change results: driver, switches."""
        return {}

    def describe(self) -> str:
        """Return one line for people: the device and the library that computes."""
        return f"{self.device} ({self.name})"


class LaunchBackend(Backend):
    """A backend that programs are compiled for: the verbs that their launches are made of.

    Any other one, which has ``xp`` only, is given the text itself.
    """

    @abstractmethod
    def matmul(self, A: Array, B: Array, out: Array, add: bool = False, tf32: bool = False) -> None:
        """``out = A @ B`` for 2-D arrays; a transposed view is not copied. ``out`` is C-ordered.

        Args:
            A, B: Of one type, ``out``'s; or both of ``self.bfloat16``, with ``out`` float32.
            out: (n, m).
            add: ``out += A @ B`` instead.
            tf32: Multiply on tensor cores, the operands rounded to 11 bits; only where
                ``tensor_cores`` is true.
        """

    @abstractmethod
    def sum(self, x: Array, axis: int, out: Array) -> None:
        """Sum the (n, m) array along ``axis`` (0 or 1) into the vector ``out``.

        The order of the additions is fixed: the same input gives the same bits.
        """

    @abstractmethod
    def kernel(self, formula: Formula) -> Kernel:
        """Return ``run(*arguments, out=...)`` which computes the formula into ``out``.

        Arguments are this backend's arrays, (n, m), (n, 1), (1, m), (m,) for a row, or all (n,);
        or Python numbers. ``out`` is an array, or a tuple of them if the formula returns several;
        each may be one of the arguments, but must not overlap them otherwise.
        """

    @abstractmethod
    def column_sums(self, formula: Formula) -> Kernel:
        """Return ``run(*arguments, out=...)`` which sums the formula's results down their rows.

        As ``kernel``, but each of ``out`` is a (1, m) array for a result (n, m). The order of the
        additions is fixed.
        """

    def pieces(self, n: int, cost: int, few: bool = False) -> list[slice]:
        """Return the rows 0 to n in the pieces in which this device had best work through them.

        ``cost`` is the number of multiplications in each row. ``few`` asks for no more pieces than
        it takes, since each goes through the whole of something. A GPU takes all rows at once.
        """
        return [slice(0, n)]

    def parallel(self, tasks: Sequence[Work]) -> None:
        """Run tasks that do not depend on each other, perhaps at the same time."""
        for task in tasks:
            task()


def as_host(host: Any, dtype: DTypeLike) -> NDArray:
    """Return ``host`` as a new C-ordered NumPy array of ``dtype``."""
    return np.array(host, dtype=dtype, order="C", copy=True)


def refuse_tf32(tf32: bool, device: str) -> None:
    """Raise DeviceError if TF32 is asked of a device that has no tensor cores."""
    if tf32:
        raise DeviceError(f"TF32 needs the tensor cores of an NVIDIA GPU; this is {device}")
