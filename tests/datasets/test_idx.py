"""IDX files: what is written is read again, and every kind of damage is named."""

import contextlib
import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gpunet.datasets.idx import TYPES, encode_idx, parse_idx, read_idx, write_idx
from gpunet.errors import ArgumentError, DataError, FileError

arrays = hnp.arrays(
    st.sampled_from([np.dtype(text) for text in TYPES.values()]),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
)
# tmp_path is shared between examples: each writes the file anew.
shared_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def header(code: int, *shape: int) -> bytes:
    return struct.pack(f">HBB{len(shape)}I", 0, code, len(shape), *shape)


@shared_folder
@given(array=arrays, native=st.booleans(), packed=st.booleans())
def test_what_is_written_is_read_again(
    tmp_path: Path, array: np.ndarray, native: bool, packed: bool
) -> None:
    path = tmp_path / "data.bin"
    if native:
        array = array.astype(array.dtype.newbyteorder("="))
    content = encode_idx(array)
    path.write_bytes(gzip.compress(content, 1) if packed else content)
    read = read_idx(path)
    assert read.dtype == array.dtype.newbyteorder(">")
    np.testing.assert_array_equal(read, array)
    assert read.shape == array.shape
    assert not read.flags.writeable


@given(st.lists(arrays, min_size=1, max_size=4))
def test_consecutive_arrays_are_told_apart(several: list[np.ndarray]) -> None:
    parsed = parse_idx(b"".join(map(encode_idx, several)), "a buffer")
    assert len(parsed) == len(several)
    for read, written in zip(parsed, several, strict=True):
        np.testing.assert_array_equal(read, written)


def test_the_bytes_are_those_of_the_format(tmp_path: Path) -> None:
    write_idx(tmp_path / "a", np.array([[1, -2]], np.int16))
    assert (tmp_path / "a").read_bytes() == bytes.fromhex("00000b02 00000001 00000002 0001 fffe")


def test_a_plain_file_is_mapped_and_a_transposed_array_written_in_order(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.int32).reshape(2, 3).T
    write_idx(tmp_path / "a", array)
    read = read_idx(tmp_path / "a")
    assert isinstance(read, np.memmap)
    np.testing.assert_array_equal(read, array)


@shared_folder
@given(data=st.data(), packed=st.booleans())
def test_every_cut_is_noticed(tmp_path: Path, data: st.DataObject, packed: bool) -> None:
    content = encode_idx(np.arange(40, dtype=np.int32).reshape(5, 8))
    content = gzip.compress(content) if packed else content
    kept = data.draw(st.integers(0, len(content) - 1))
    path = tmp_path / "cut"
    path.write_bytes(content[:kept])
    with pytest.raises(DataError, match=r"cut.*expected"):
        read_idx(path)


@shared_folder
@given(content=st.binary(max_size=40))
def test_any_bytes_are_an_array_or_a_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "noise"
    for prefix in (b"", b"\0\0", b"\x1f\x8b\x08"):
        path.write_bytes(prefix + content)
        with contextlib.suppress(DataError):
            read_idx(path)


BAD = {
    "empty": (b"", "is empty; expected an IDX file"),
    "magic": (b"PK\3\4 zip", "expected it to start with the bytes 00 00, .* 50 4b"),
    "type": (header(0x0A, 1) + b"\0", "type code 0x0a; expected one of 0x08 .uint8."),
    "header": (b"\0\0\x08", "ends inside its header, after 3 bytes"),
    "sizes": (header(0x08, 2, 2)[:9], "ends inside its header, after 9 bytes"),
    "short": (header(0x08, 2, 2) + b"abc", r"shape \(2, 2\), so expected 4 bytes .* holds 3"),
    "long": (header(0x0B, 2) + b"abcde", "expected 4 bytes .* holds (5|more)"),
    "absurd": (header(0x0E, 2**32 - 1, 2**31), "expected 73786976277658337280 bytes|7.4e.19 bytes"),
    "absurd-empty": (header(0x08, 0, *[2**32 - 1] * 4), "at most 64 dimensions"),
    "dimensions": (header(0x08, *[1] * 65) + b"a", "65 dimensions"),
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_named_with_the_remedy(tmp_path: Path, kind: str, packed: bool) -> None:
    content, message = BAD[kind]
    path = tmp_path / "some-file"
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(DataError, match=message) as caught:
        read_idx(path)
    assert "some-file" in str(caught.value)
    assert "again" in str(caught.value) or "another kind" in str(caught.value)


def test_a_gzip_file_with_flipped_bits_is_refused(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(encode_idx(np.arange(200, dtype=np.uint8))))
    content[-6] ^= 1  # in the checksum
    (tmp_path / "f.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"f\.gz is a damaged gzip file"):
        read_idx(tmp_path / "f.gz")


def test_a_gzip_bomb_is_not_inflated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inflated = 0
    real_read = gzip.GzipFile.read

    def counting_read(stream: gzip.GzipFile, size: int = -1) -> bytes:
        nonlocal inflated
        block = real_read(stream, size)
        inflated += len(block)
        return block

    monkeypatch.setattr(gzip.GzipFile, "read", counting_read)
    start = header(0x08, 10)
    (tmp_path / "bomb").write_bytes(gzip.compress(start + bytes(50_000_000), 1))
    with pytest.raises(DataError, match=r"expected 10 bytes .* holds more"):
        read_idx(tmp_path / "bomb")
    assert inflated == len(start) + 10 + 1


def test_a_missing_file_and_a_folder_are_file_errors(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"cannot read .*nothing-here.*Check the path"):
        read_idx(tmp_path / "nothing-here")
    with pytest.raises(FileError, match="cannot read"):
        read_idx(tmp_path)


@pytest.mark.parametrize("dtype", ["int64", "bool", "complex64", "U1", "object", "uint16"])
def test_other_types_are_refused(dtype: str) -> None:
    with pytest.raises(ArgumentError, match=r"IDX holds uint8.*astype"):
        encode_idx(np.zeros(2, dtype))


def test_a_cut_buffer_is_refused() -> None:
    two = encode_idx(np.zeros(3, np.uint8)) * 2
    with pytest.raises(DataError, match=r"the buffer.*holds only 2"):
        parse_idx(two[:-1], "the buffer")
    with pytest.raises(DataError, match="the buffer is empty"):
        parse_idx(b"", "the buffer")
