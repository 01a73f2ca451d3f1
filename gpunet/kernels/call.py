"""What a kernel call looks like to a compiler: types, and each array's place in the table."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpunet.kernels.expression import (
    BOOL,
    COLUMNS,
    FLOAT,
    ROWS,
    UINT16,
    UINT32,
    UINT64,
    Argument,
    Shape,
)


@dataclass(frozen=True)
class Call:
    """A kernel call without the arrays' contents.

    Attributes:
        arguments: Each argument's type and shape: (ROWS or 1, COLUMNS, 1 or another width). A
            matrix, right operand of a product, is (COLUMNS, k) or (k, COLUMNS).
        outputs: The shapes of the outputs.
        rows, columns: The table that the call runs over; a flat call has one column.
        flat: Whether every array is a vector.
        precision: "float32" or "float64".
        numbers: The positions of the arguments that are Python numbers.
        matrices: The positions of those that are no tables.
    """

    arguments: tuple[Argument, ...]
    outputs: tuple[Shape, ...]
    rows: int
    columns: int
    flat: bool
    precision: str
    numbers: frozenset[int]
    matrices: frozenset[int]

    @classmethod
    def of(
        cls, arguments: tuple[Any, ...], outs: tuple[Any, ...], matrices: Collection[int] = ()
    ) -> Call:
        """Describe the call; raises TypeError for a mix of precisions or a foreign type."""
        arrays = [a for a in (*arguments, *outs) if hasattr(a, "shape")]
        flat = all(len(out.shape) == 1 for out in outs)
        tables = [
            as_table(a.shape, flat)
            for i, a in enumerate((*arguments, *outs))
            if hasattr(a, "shape") and i not in matrices
        ]
        rows, columns = max(t[0] for t in tables), max(t[1] for t in tables)
        precisions = {str(a.dtype) for a in arrays if _kind(a) == FLOAT} or {"float32"}
        if len(precisions) > 1:
            raise TypeError(f"a kernel takes one precision, not {' and '.join(sorted(precisions))}")

        def width(m: int) -> int | str:
            return COLUMNS if m == columns > 1 else m

        def table(a: Any) -> Shape:
            r, m = as_table(a.shape, flat)
            return ROWS if r == rows else 1, width(m)

        def argument(i: int, a: Any) -> Argument:
            if not hasattr(a, "shape"):
                return Argument(FLOAT, (1, 1))
            return Argument(_kind(a), tuple(map(width, a.shape)) if i in matrices else table(a))

        return cls(
            tuple(argument(i, a) for i, a in enumerate(arguments)),
            tuple(map(table, outs)),
            rows,
            columns,
            flat,
            precisions.pop(),
            frozenset(i for i, a in enumerate(arguments) if not hasattr(a, "shape")),
            frozenset(matrices),
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


def parameters(call: Call, values: tuple[Any, ...]) -> list[Any]:
    """Return what a GPU's kernel takes: the table's size; each array with its strides, or number.

    ``values`` are the call's arguments, then its outputs.
    """
    number = np.dtype(call.precision).type
    found: list[Any] = [np.int64(call.rows), np.int64(call.columns)]
    for i, a in enumerate(values):
        if not hasattr(a, "shape"):
            found.append(number(a))
        elif i in call.matrices:
            found += [a, *(np.int64(s // a.itemsize) for s in a.strides)]
        else:
            found += [a, *strides(a, call)]
    return found


def strides(array: Any, call: Call) -> tuple[np.int64, np.int64]:
    """Return a table's (row, column) strides in elements, 0 along an axis it is broadcast on."""
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
        np.int64(by_column if columns > 1 else 0),
    )


def _kind(array: Any) -> str:
    # array_api_strict and torch print their types as "module.float32"
    name = str(array.dtype).rpartition(".")[2]
    if name in ("float32", "float64"):
        return FLOAT
    if name in (BOOL, UINT16, UINT32, UINT64):
        return name
    raise TypeError(f"kernels take float32, float64, bool, uint32 and uint64, not {name}")
