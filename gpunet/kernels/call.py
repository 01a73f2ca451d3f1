"""What a kernel call looks like to a compiler: types, and how each array varies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gpunet.kernels.expression import BOOL, FLOAT, UINT16, UINT32, UINT64, Argument


@dataclass(frozen=True)
class Call:
    """A kernel call without the arrays' contents.

    Attributes:
        arguments: Each argument's type, and whether it varies by row and by column.
        outputs_vary: For each output, whether it varies (by row, by column).
        rows, columns: The table that the call runs over; a flat call has one column.
        flat: Whether every array is a vector.
        precision: "float32" or "float64".
        numbers: The positions of the arguments that are Python numbers.
    """

    arguments: tuple[Argument, ...]
    outputs_vary: tuple[tuple[bool, bool], ...]
    rows: int
    columns: int
    flat: bool
    precision: str
    numbers: frozenset[int]

    @classmethod
    def of(cls, arguments: tuple[Any, ...], outs: tuple[Any, ...]) -> Call:
        """Describe the call; raises TypeError for a mix of precisions or a foreign type."""
        arrays = [a for a in (*arguments, *outs) if hasattr(a, "shape")]
        flat = all(len(out.shape) == 1 for out in outs)
        tables = [as_table(a.shape, flat) for a in arrays]
        rows, columns = max(t[0] for t in tables), max(t[1] for t in tables)
        precisions = {str(a.dtype) for a in arrays if _kind(a) == FLOAT} or {"float32"}
        if len(precisions) > 1:
            raise TypeError(f"a kernel takes one precision, not {' and '.join(sorted(precisions))}")

        def varies(a: Any) -> tuple[bool, bool]:
            r, c = as_table(a.shape, flat)
            return r == rows, c == columns > 1

        return cls(
            tuple(
                Argument(_kind(a), *varies(a))
                if hasattr(a, "shape")
                else Argument(FLOAT, by_row=False, by_column=False)
                for a in arguments
            ),
            tuple(varies(out) for out in outs),
            rows,
            columns,
            flat,
            precisions.pop(),
            frozenset(i for i, a in enumerate(arguments) if not hasattr(a, "shape")),
        )


def as_table(shape: tuple[int, ...], flat: bool) -> tuple[int, int]:
    """Return the (rows, columns) that a kernel sees in an array of ``shape``.

    In a ``flat`` call every array is a vector and counts as one column; in any other call a
    vector is a row, as in broadcasting.
    """
    if len(shape) == 2:
        return shape[0], shape[1]
    if len(shape) == 1:
        return (shape[0], 1) if flat else (1, shape[0])
    if shape == ():
        return 1, 1
    raise TypeError(f"kernels take arrays of at most two dimensions, not shape {shape}")


def strides(array: Any, call: Call) -> tuple[np.int64, np.int64]:
    """Return an array's (row, column) strides in elements, 0 along an axis it is broadcast on."""
    rows, columns = as_table(array.shape, call.flat)
    if array.ndim == 2:
        by_row, by_column = (s // array.itemsize for s in array.strides)
    else:
        by_row, by_column = (1, 0) if call.flat else (0, 1)
        if array.ndim == 1:
            by_row, by_column = (
                x * array.strides[0] // array.itemsize for x in (by_row, by_column)
            )
    return (
        np.int64(by_row if rows == call.rows and rows > 1 else 0),
        np.int64(by_column if columns == call.columns and columns > 1 else 0),
    )


def _kind(array: Any) -> str:
    # array_api_strict and torch print their types as "module.float32"
    name = str(array.dtype).rpartition(".")[2]
    if name in ("float32", "float64"):
        return FLOAT
    if name in (BOOL, UINT16, UINT32, UINT64):
        return name
    raise TypeError(f"kernels take float32, float64, bool, uint32 and uint64, not {name}")
