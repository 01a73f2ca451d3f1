"""The published SHA-256 of the original MNIST files, taken over the inflated bytes.

Mirrors wrap the same four files in gzip each in its own way, so the hash of the
.gz says nothing; the hash of what is inside serves every one of them.
"""

import gzip
import hashlib
import zlib
from pathlib import Path
from typing import IO

MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
SIZE_LIMIT = 64 << 20  # bytes; the largest of the four has 47 million

_CHUNK = 1 << 20


def checksum_problem(path: Path, sha256: str) -> str | None:
    """Say what is wrong with a file, plain or gzip, or None where its content is right.

    Never inflates more than SIZE_LIMIT bytes. An unreadable file raises OSError.
    """
    with path.open("rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            actual = _sha256(gzip.GzipFile(fileobj=file) if is_gzip else file)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            return f"it is a damaged gzip file ({error})"
    if actual == sha256:
        return None
    return f"its content has the SHA-256 {actual}, expected {sha256}"


def _sha256(stream: IO[bytes] | gzip.GzipFile) -> str:
    digest, done = hashlib.sha256(), 0
    while done < SIZE_LIMIT and (block := stream.read(_CHUNK)):
        digest.update(block)
        done += len(block)
    return digest.hexdigest()
