"""One download over HTTP, which goes on where an earlier one broke."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib import request
from urllib.error import HTTPError

from gpunet.datasets.checksums import SIZE_LIMIT
from gpunet.errors import FileError

_CHUNK = 1 << 16
_RANGE_NOT_SATISFIABLE = 416


class TransferError(Exception):
    """One mirror failed; another may do."""


def transfer(
    url: str, part: Path, timeout: float, report: Callable[[int, int | None], None]
) -> None:
    """Fetch ``url`` into ``part``, asking only for the bytes that ``part`` lacks.

    A server that doesn't know ranges sends everything, and ``part`` starts anew.
    ``report(bytes_done, bytes_total)`` is called after every block. Raises
    TransferError for the network's faults and FileError for the disk's; ``part``
    then keeps what has arrived.
    """
    have = part.stat().st_size if part.exists() else 0
    try:
        response = _open(url, have, timeout)
    except HTTPError as error:
        error.close()
        if error.code == _RANGE_NOT_SATISFIABLE and have:  # part is too long to be this file
            part.unlink()
            return transfer(url, part, timeout, report)
        raise TransferError(f"HTTP {error.code} {error.reason}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise TransferError(str(error) or type(error).__name__) from error
    with response:
        done = have if response.status == 206 else 0
        total = None if response.length is None else done + response.length
        with writing(part), part.open("ab" if done else "wb") as file:
            while block := _read(response):
                file.write(block)
                done += len(block)
                if done > SIZE_LIMIT:
                    raise TransferError(f"it sent more than {SIZE_LIMIT} bytes")
                report(done, total)
    if total is not None and done < total:  # http.client doesn't tell
        raise TransferError(f"the connection ended after {done} of {total} bytes")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the disk's errors into a FileError that names ``path``."""
    try:
        yield
    except FileError:
        raise
    except OSError as error:
        raise FileError(
            f"cannot write {path} ({error.strerror or error}); expected a folder with room for "
            "the download. Free some space, or set GPUNET_CACHE_DIR to another folder"
        ) from error


def _open(url: str, have: int, timeout: float) -> HTTPResponse:
    # Only these handlers: urllib's default opener also follows file: and ftp:.
    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler,
        request.HTTPHandler,
        request.HTTPSHandler,
        request.HTTPRedirectHandler,
        request.HTTPDefaultErrorHandler,
        request.HTTPErrorProcessor,
        request.UnknownHandler,
    ):
        opener.add_handler(handler())
    headers = {"User-Agent": "gpunet"} | ({"Range": f"bytes={have}-"} if have else {})
    response: HTTPResponse = opener.open(
        request.Request(url, headers=headers),  # noqa: S310 (see the handlers)
        timeout=timeout,
    )
    return response


def _read(response: HTTPResponse) -> bytes:
    try:
        return response.read(_CHUNK)
    except (OSError, HTTPException) as error:
        raise TransferError(str(error) or type(error).__name__) from error
