"""Fetching the four MNIST files."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from gpunet.datasets.cache import cache_folder
from gpunet.datasets.checksums import MNIST_SHA256, checksum_problem
from gpunet.datasets.idx_folder import find_idx
from gpunet.errors import ArgumentError, FileError

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
Report = Callable[[str, int, int | None], None]


def fetch_mnist(
    folder: str | os.PathLike[str] | None = None,
    mirrors: Sequence[str] | None = None,
    report: Report | None = None,
    *,
    hashes: Mapping[str, str] = MNIST_SHA256,
    timeout: float = 30.0,
) -> Path:
    """Download the four MNIST files and return the folder that holds them.

    Files that are there and right are kept; a broken download goes on where it
    stopped. Several processes may do this at once.

    Args:
        folder: Where they go; by default ``mnist`` in the user's cache folder.
        mirrors: http(s) folders to try in turn; by default GPUNET_MIRRORS
            (separated by spaces or commas), else the public ones.
        report: Called as ``report(file_name, bytes_done, bytes_total)``; the
            total is None where a server doesn't tell it.
        hashes: File name (without .gz) to the SHA-256 of the inflated file.
        timeout: Seconds without an answer after which a mirror counts as dead.

    Raises ArgumentError for a mirror that isn't http(s), FileError where no
    mirror has the right file or the folder cannot be written.
    """
    # Only here: the HTTP modules take longer to import than all the rest.
    from gpunet.datasets.mirrors import fetch_file
    from gpunet.datasets.transfer import writing

    folder = cache_folder() / "mnist" if folder is None else Path(folder)
    mirrors = _checked_mirrors(mirrors)
    report = report or (lambda name, done, total: None)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, sha256 in hashes.items():
            file_name = f"{name}.gz"
            if (size := _size_if_valid(folder, name, sha256)) is not None:
                report(file_name, size, size)
                continue
            fetch_file(
                folder, file_name, mirrors=mirrors, sha256=sha256, report=report, timeout=timeout
            )
    return folder


def _checked_mirrors(mirrors: Sequence[str] | None) -> Sequence[str]:
    if mirrors is None:
        mirrors = os.environ.get("GPUNET_MIRRORS", "").replace(",", " ").split() or MIRRORS
    for mirror in mirrors:
        address = urlsplit(mirror)
        if address.scheme not in ("http", "https") or not address.netloc:
            raise ArgumentError(
                f"expected mirrors such as https://example.org/mnist/, got {mirror!r}; "
                "correct the argument or GPUNET_MIRRORS"
            )
    return mirrors


def _size_if_valid(folder: Path, name: str, sha256: str) -> int | None:
    """Return the size of the file that a loader would read, or None where it must be fetched."""
    path = find_idx(folder, name.partition("-idx")[0])
    if path is None:
        return None
    problem = checksum_problem(path, sha256)
    if problem is None:
        return path.stat().st_size
    if path.name == f"{name}.gz":
        return None  # a download takes its place
    raise FileError(
        f"{path} is not MNIST's file: {problem}. It would hide the downloaded one; "
        "move it away and try again"
    )
