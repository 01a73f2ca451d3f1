"""One file from the first mirror that has it, into a folder that never holds half of it."""

import os
import secrets
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from gpunet.datasets.checksums import checksum_problem
from gpunet.datasets.transfer import TransferError, transfer
from gpunet.errors import FileError

_ATTEMPTS = 3  # at each mirror, as long as each brings something
_ABANDONED = 600  # seconds; a living download writes far more often


def fetch_file(
    folder: Path,
    file_name: str,
    *,
    mirrors: Sequence[str],
    sha256: str,
    report: Callable[[str, int, int | None], None],
    timeout: float,
) -> None:
    """Download ``file_name`` into ``folder`` from the first mirror that has the right one.

    Raises FileError where none has; what has arrived then stays, for the next try.
    """
    failures = []
    part = _claim_part(folder, file_name)
    progress = partial(report, file_name)
    try:
        for mirror in mirrors:
            url = f"{mirror.rstrip('/')}/{file_name}"
            try:
                _fetch_from(url, part, sha256, progress, timeout)
            except TransferError as error:
                failures.append(f"  {url}: {error}")
            else:
                os.replace(part, folder / file_name)
                return
    finally:
        if part.exists():
            os.replace(part, folder / f"{file_name}.part")
    raise FileError(
        "\n".join([f"could not download {file_name}:", *failures])
        + "\nCheck the network and try again (it goes on where it stopped), or put the four "
        f"MNIST files into {folder} by hand, or set GPUNET_DATA_DIR to a folder that has them"
    )


def _fetch_from(
    url: str, part: Path, sha256: str, progress: Callable[[int, int | None], None], timeout: float
) -> None:
    problem: str | None = None
    for attempt in range(1, _ATTEMPTS + 1):
        before = _size(part)
        try:
            transfer(url, part, timeout, progress)
        except TransferError:
            if attempt == _ATTEMPTS or _size(part) <= before:
                raise
            continue  # it was cut off: go on from there
        problem = checksum_problem(part, sha256)
        if problem is None:
            return
        part.unlink()
        if before == 0:
            break
        # The beginning may have come from another mirror's file: once more from the start.
    raise TransferError(f"not the expected file: {problem}")


def _claim_part(folder: Path, file_name: str) -> Path:
    """Return a name no other process writes to, holding what a broken download left, if any.

    Renaming is atomic: of two processes that want the same remainder one gets it,
    and the other starts from nothing.
    """
    own = folder / f"{file_name}.{secrets.token_hex(4)}.part"
    stale = time.time() - _ABANDONED
    for left in sorted(folder.glob(f"{file_name}*.part")):
        try:
            if left.name == f"{file_name}.part" or left.stat().st_mtime < stale:
                os.utime(left)  # no longer abandoned
                os.rename(left, own)
                return own
        except OSError:  # another process was faster
            continue
    return own


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
