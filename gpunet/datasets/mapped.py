"""Tables larger than memory: rows of a memory-mapped file, read when they are needed."""

from __future__ import annotations

import mmap
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gpunet.errors import FileError

# Files below this many bytes are read at once: they fit, and need not be read at each epoch.
MAPPED_FROM = 256 << 20
# What is read at a time where all rows are gone through in order.
PIECE_BYTES = 16 << 20
# Seconds for a row from which rows are taken to come from the disk and not from its cache.
SLOW_ROW = 5e-6


class MappedRows:
    """Rows of a memory-mapped array, in a type that they are converted to when they are read.

    Stands for the array: it has its ``shape``, ``dtype``, ``ndim``, ``size`` and ``len``, a row is
    ``X[i]``, and ``np.asarray`` reads all of it. ``X[rows]``, of a slice or an array, reads
    nothing and is a MappedRows again.

    A disk that fails while it is read through a map ends the process (SIGBUS), which no program
    can prevent; that the file was cut short is found out before each reading.

    Args:
        file: The array, or a view of it; any layout and byte order.
        rows: Which of its rows, all by default.
        dtype: By default the array's.
    """

    def __init__(
        self, file: NDArray, rows: NDArray | None = None, dtype: DTypeLike | None = None
    ) -> None:
        self._file, self._rows, self._map = file, rows, file_map(file)
        self.dtype = (file.dtype if dtype is None else np.dtype(dtype)).newbyteorder("=")
        self.shape = (len(file) if rows is None else len(rows), *file.shape[1:])
        self.ndim = file.ndim
        self.size = int(np.prod(self.shape))
        self._bytes = 0 if self._map is None else self._map.size()
        self._from_disk = True  # until a reading shows that it is in the cache
        flags = file.flags
        # Of any other layout np.take would first copy the whole.
        self._takes = flags.c_contiguous and flags.aligned and self.dtype == file.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        """Return the row of a number, as an array; or the rows of a slice or an array, unread."""
        if isinstance(key, int | np.integer):
            return np.asarray(self[key : key + 1 or None])[0]
        if isinstance(key, slice) and self._rows is None:
            return MappedRows(self._file[key], None, self.dtype)
        rows = np.arange(len(self._file)) if self._rows is None else self._rows
        return MappedRows(self._file, rows[key], self.dtype)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray:
        """Read all of it; always a copy."""
        out = np.empty(self.shape, self.dtype)
        for rows in self.pieces():
            self.read(rows, out[rows])
        return out if dtype is None else out.astype(dtype, copy=False)

    def converted(self, dtype: DTypeLike) -> MappedRows:
        """Return the same rows, to be read as ``dtype``."""
        return MappedRows(self._file, self._rows, dtype)

    def pieces(self) -> Iterator[slice]:
        """Return all row numbers in order, as slices of a moderate size."""
        row_bytes = max(1, self.size // max(1, len(self))) * self.dtype.itemsize
        step = max(1, PIECE_BYTES // row_bytes)
        for start in range(0, len(self), step):
            yield slice(start, min(start + step, len(self)))

    def read(self, rows: slice | NDArray, out: NDArray) -> None:
        """Read these rows into ``out``.

        Raises:
            FileError: The file is shorter than when it was opened.
        """
        self._check_file()
        chosen = rows if self._rows is None else self._rows[rows]
        with np.errstate(over="ignore"):
            if isinstance(chosen, slice):
                np.copyto(out, self._file[chosen], "unsafe")
                return
            started = time.perf_counter()
            if self._from_disk:
                self._ask_for(chosen)
            if self._takes:
                np.take(self._file, chosen, 0, out, "clip")
            else:
                np.copyto(out, self._file[chosen], "unsafe")
            self._from_disk = time.perf_counter() - started > SLOW_ROW * len(chosen)

    def _ask_for(self, rows: NDArray) -> None:
        """Have the system fetch these rows all at once; else each would wait for the one before."""
        if self._map is None or not hasattr(mmap, "MADV_WILLNEED"):
            return
        origin = np.frombuffer(self._map, np.uint8).ctypes.data
        row_bytes = abs(self._file.strides[0])
        first = self._file.ctypes.data - origin + rows * self._file.strides[0]
        for start in np.unique(first // mmap.PAGESIZE * mmap.PAGESIZE).tolist():
            length = min(row_bytes + mmap.PAGESIZE, len(self._map) - start)
            self._map.madvise(mmap.MADV_WILLNEED, start, length)

    def _check_file(self) -> None:
        try:
            held = self._bytes if self._map is None else self._map.size()
        except OSError as error:
            raise FileError(
                f"cannot read {self._name()} any more ({error.strerror or error}); check the disk"
            ) from error
        if held < self._bytes:
            raise FileError(
                f"{self._name()} was cut short while it was in use: expected {self._bytes} bytes, "
                f"but it holds {held}. Write it again, and leave it alone while it is trained on"
            )

    def _name(self) -> str:
        array: Any = self._file
        while array is not None and getattr(array, "filename", None) is None:
            array = getattr(array, "base", None)
        return "the memory-mapped file" if array is None else str(array.filename)


def file_map(array: Any) -> mmap.mmap | None:
    """Return the memory map that an array, or what it is a view of, lies in; None if in none."""
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None) if isinstance(array, np.ndarray) else None
    return array


def lazily(X: Any) -> Any:
    """Return X as MappedRows if it is memory-mapped, else X itself."""
    return X if file_map(X) is None else MappedRows(X)


def in_memory_if_small(array: NDArray) -> NDArray:
    """Return the memory-mapped array, or a copy of it in memory below ``MAPPED_FROM`` bytes."""
    return array if array.nbytes >= MAPPED_FROM else np.array(array)
