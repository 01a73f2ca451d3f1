"""Data in NumPy's own files: .npz archives and .npy tables. Pickles are never loaded.

An .npy file too large to be read at once (mapped.MAPPED_FROM) is mapped and streamed. The members
of an .npz cannot be mapped: they are always read whole.
"""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpunet.datasets import mapped
from gpunet.datasets.columns import label_position
from gpunet.datasets.parts import Part
from gpunet.errors import DataError, FileError

_NPY_MAGIC = b"\x93NUMPY"
# Which names each array may have.
_KEYS = {
    "X": ("X", "X_train", "x_train", "x"),
    "y": ("y", "y_train"),
    "X_test": ("X_test", "x_test"),
    "y_test": ("y_test",),
}


def read_npz(path: str | os.PathLike[str]) -> tuple[Part, Part | None]:
    """Read X, y and, where they are there, X_test, y_test (or x_train, y_train, ...).

    X is (n, features) or (n, rows, columns), y is (n,) or (n, 1). Raises DataError
    for a missing key, an object array or a damaged file, FileError for an
    unreadable one.
    """
    path = Path(path)
    arrays = _load(path, "an .npz archive (numpy.savez) with X and y")
    if not isinstance(arrays, dict):
        raise DataError(f"{path} holds one array; expected an .npz archive: name it .npy instead")
    found = {role: next((key for key in keys if key in arrays), None)
             for role, keys in _KEYS.items()}  # fmt: skip
    needed = ["X", "y"]
    if found["X_test"] or found["y_test"]:  # one without the other is of no use
        needed += ["X_test", "y_test"]
    if missing := [role for role in needed if found[role] is None]:
        raise DataError(
            f"{path.name} has no array {' and no '.join(missing)}; expected X and y, and perhaps "
            f"X_test and y_test, but it holds {', '.join(arrays) or 'nothing'}. Rename them"
        )

    def part(features: str, labels: str) -> Part:
        X, y = arrays[found[features] or ""], arrays[found[labels] or ""]
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        label = f"{path.name}: {found[labels]}"
        return Part(X, y, f"{path.name}: {found[features]}", label, "label {} (from 0)".format)

    return part("X", "y"), part("X_test", "y_test") if len(needed) == 4 else None


def read_npz_features(path: str | os.PathLike[str]) -> NDArray:
    """Read X alone, flattened to rows (n, features); or the only array there is.

    Raises DataError and FileError as ``read_npz``.
    """
    path = Path(path)
    arrays = _load(path, "an .npz archive (numpy.savez) with X")
    if not isinstance(arrays, dict):
        raise DataError(f"{path} holds one array; expected an .npz archive: name it .npy instead")
    found = next((key for key in (*_KEYS["X"], *_KEYS["X_test"]) if key in arrays), None)
    if found is None and len(arrays) == 1:
        found = next(iter(arrays))
    if found is None:
        raise DataError(
            f"{path.name} has no array X; it holds {', '.join(arrays) or 'nothing'}. Rename one"
        )
    X = arrays[found]
    if X.ndim not in (2, 3) or X.dtype.kind not in "buif":
        raise DataError(
            f"{path.name}: expected numbers (n, features) or (n, rows, columns) in {found}, got "
            f"{X.dtype} of shape {X.shape}"
        )
    return X.reshape(len(X), -1)


def read_npy(path: str | os.PathLike[str], label_column: str | int | None = None) -> Part:
    """Read a numeric table (n, columns), one column of which holds the labels.

    ``label_column`` is a number from 0 (negative: from the end), by default the
    last; in a file too large to be read at once it must be the first or the last.
    Raises DataError, ArgumentError for an unknown column, FileError.
    """
    path = Path(path)
    table = _load(path, "an .npy file (numpy.save) with a table of numbers")
    if isinstance(table, dict):
        raise DataError(f"{path} is an archive; expected one array: name it .npz instead")
    if table.ndim != 2 or table.dtype.kind not in "buif" or table.size == 0:
        raise DataError(
            f"{path.name}: expected a table of numbers with at least one row, shape (n, columns), "
            f"got {table.dtype} of shape {table.shape}; to keep X and y apart use an .npz archive"
        )
    column = label_position(path.name, table.shape[1], label_column)
    X, labels = _without(table, column, path.name), np.array(table[:, column])
    return Part(X, labels, path.name, f"{path.name}, column {column}", "row {} (from 0)".format)


def _without(table: NDArray, column: int, name: str) -> NDArray:
    """Return the other columns; of a mapped table, as a view of it."""
    if mapped.file_map(table) is None:
        return np.delete(table, column, axis=1)
    if 0 < column < table.shape[1] - 1:
        raise DataError(
            f"{name} is too large to be read at once, and its labels are in column {column}; "
            f"expected them in the first or the last one, {table.shape[1] - 1}. Write it again so"
        )
    return table[:, 1:] if column == 0 else table[:, :-1]


def _load(path: Path, expected: str) -> NDArray | dict[str, NDArray]:
    """Read a whole .npy (an array) or .npz (a dictionary), whichever the content is.

    A large .npy is mapped instead.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise FileError(
            f"cannot read {path} ({error.strerror or error}); expected {expected}. Check the path"
        ) from error
    try:
        with file:
            is_npy = file.read(len(_NPY_MAGIC)) == _NPY_MAGIC
            if is_npy and os.fstat(file.fileno()).st_size >= mapped.MAPPED_FROM:
                return np.load(path, mmap_mode="r", allow_pickle=False)
            file.seek(0)
            content = np.load(file, allow_pickle=False)
            if isinstance(content, np.ndarray):
                return content
            return {key: content[key] for key in content.files}
    except Exception as error:  # NumPy, zipfile and zlib fail in a dozen different ways
        if "allow_pickle" in str(error) or "Object arrays" in str(error):
            reason = "it is, or holds, a pickle, which gpunet never loads"
        else:
            reason = str(error) or type(error).__name__
        raise DataError(
            f"cannot use {path}: {reason}; expected {expected}. Write it again, with plain "
            "numbers or text in every array"
        ) from error
