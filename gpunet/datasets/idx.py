"""The IDX format, in which MNIST and its relatives come.

A file is: two zero bytes, a type code, the number of dimensions, each dimension
as a big-endian uint32, then the elements, big-endian, last index fastest.
"""

import gzip
import io
import math
import os
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpunet.errors import ArgumentError, DataError, FileError
from gpunet.files import write_atomically

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_CODES = {np.dtype(text): code for code, text in TYPES.items()}
_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 20
_MAX_DIMENSIONS = 64  # NumPy's own limit

Layout = tuple[np.dtype, tuple[int, ...]]


def read_idx(path: str | os.PathLike[str]) -> NDArray:
    """Read one IDX file, plain or gzip (told by its content, not by its name).

    Returns a read-only array of the file's shape and type, in the file's byte
    order (big-endian). A plain file is memory-mapped: nothing is read before it
    is used. Raises DataError for a damaged file, FileError for an unreadable one.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            is_gzip = file.read(2) == _GZIP_MAGIC
            file.seek(0)
            return _read_gzip(file, str(path)) if is_gzip else _map_plain(file, str(path))
    except FileError:
        raise
    except OSError as error:
        raise FileError(
            f"cannot read {path} ({error.strerror or error}); expected an IDX file. "
            "Check the path and its permissions"
        ) from error


def parse_idx(buffer: bytes, name: str) -> list[NDArray]:
    """Return the IDX arrays that lie one behind the other in ``buffer``, without a copy.

    ``name`` is what messages call the buffer. Raises DataError.
    """
    stream = io.BytesIO(buffer)
    arrays: list[NDArray] = []
    while not arrays or stream.tell() < len(buffer):
        dtype, shape = _read_header(stream.read, name)
        start, size = stream.tell(), _byte_count(dtype, shape)
        if size > len(buffer) - start:
            raise _wrong_size(name, dtype, shape, f"only {len(buffer) - start}")
        flat = np.frombuffer(buffer, dtype, math.prod(shape), start) if size else np.empty(0, dtype)
        arrays.append(flat.reshape(shape))
        stream.seek(start + size)
    return arrays


def encode_idx(array: ArrayLike) -> bytes:
    """Return ``array`` as the bytes of an IDX file.

    Its type must be uint8, int8, int16, int32, float32 or float64, of either
    byte order; else ArgumentError.
    """
    array = np.asarray(array)
    code = _CODES.get(array.dtype.newbyteorder(">"))
    if code is None:
        raise ArgumentError(
            f"IDX holds uint8, int8, int16, int32, float32 or float64, not {array.dtype}; "
            "convert it with .astype(...)"
        )
    if max(array.shape, default=0) >= 2**32:
        raise ArgumentError(f"an IDX dimension must be below 2**32, but the shape is {array.shape}")
    header = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
    return header + array.astype(TYPES[code]).tobytes()


def write_idx(path: str | os.PathLike[str], array: ArrayLike) -> None:
    """Write ``array`` as a plain IDX file. Raises ArgumentError (type) or FileError."""
    write_atomically(path, encode_idx(array))


def _map_plain(file: IO[bytes], name: str) -> NDArray:
    dtype, shape = _read_header(file.read, name)
    start = file.tell()
    held = os.fstat(file.fileno()).st_size - start
    if held != _byte_count(dtype, shape):
        raise _wrong_size(name, dtype, shape, str(held))
    return np.memmap(file, dtype, "r", start, shape)


def _read_gzip(file: IO[bytes], name: str) -> NDArray:
    content = bytearray()
    try:
        with gzip.GzipFile(fileobj=file) as stream:
            dtype, shape = _read_header(stream.read, name)
            size = _byte_count(dtype, shape)
            # Block by block, because the header may promise more than memory holds;
            # one byte past the promise is enough to know that the file is too long.
            while block := stream.read(min(_CHUNK, size + 1 - len(content))):
                content += block
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{name} is a damaged gzip file ({error}); expected a complete one. "
            "Copy or download it again"
        ) from error
    if len(content) != size:
        held = "more" if len(content) > size else str(len(content))
        raise _wrong_size(name, dtype, shape, held)
    array = np.frombuffer(content, dtype).reshape(shape)
    array.flags.writeable = False  # as a mapped file is
    return array


def _read_header(read: Callable[[int], bytes], name: str) -> Layout:
    """Read the type and the shape, leaving the stream at the first element."""
    magic = read(4)
    if not magic:
        raise DataError(f"{name} is empty; expected an IDX file. Copy or download it again")
    if magic[:2] != b"\0\0":
        raise DataError(
            f"{name} is not an IDX file: expected it to start with the bytes 00 00, "
            f"but it starts with {magic[:2].hex(' ')}. Is it another kind of file?"
        )
    if len(magic) == 4 and magic[2] not in TYPES:
        known = ", ".join(f"0x{code:02x} ({np.dtype(t).name})" for code, t in TYPES.items())
        raise DataError(
            f"{name} has the IDX type code 0x{magic[2]:02x}; expected one of {known}. "
            "Copy or download it again"
        )
    sizes = read(4 * magic[3]) if len(magic) == 4 else b""
    if len(magic) < 4 or len(sizes) < 4 * magic[3]:
        raise DataError(
            f"{name} ends inside its header, after {len(magic) + len(sizes)} bytes; expected "
            "4 bytes and 4 more for each dimension. Copy or download it again"
        )
    dtype, shape = np.dtype(TYPES[magic[2]]), struct.unpack(f">{magic[3]}I", sizes)
    # Even an array with no element has to have a shape that NumPy can index.
    addressed = math.prod(float(max(1, length)) for length in shape) * dtype.itemsize
    if len(shape) > _MAX_DIMENSIONS or addressed > sys.maxsize:
        raise DataError(
            f"{name}: its header promises {len(shape)} dimensions and {addressed:.1e} bytes; "
            f"expected at most {_MAX_DIMENSIONS} dimensions and what a memory can hold. It is "
            "damaged or of another kind; copy or download it again"
        )
    return dtype, shape


def _byte_count(dtype: np.dtype, shape: tuple[int, ...]) -> int:
    return math.prod(shape) * dtype.itemsize  # Python integers: no overflow


def _wrong_size(name: str, dtype: np.dtype, shape: tuple[int, ...], held: str) -> DataError:
    return DataError(
        f"{name}: its header promises {dtype.name} of shape {shape}, so expected "
        f"{_byte_count(dtype, shape)} bytes of elements, but it holds {held}. It is damaged or of "
        "another kind; copy or download it again"
    )
