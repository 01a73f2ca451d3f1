"""Writing a file so that a reader sees the old content or the new, never half of it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from gpunet.errors import FileError


def write_atomically(path: str | os.PathLike[str], content: bytes | str) -> None:
    """Write ``content`` to ``path`` through a temporary file beside it.

    A full disk or an interruption leaves whatever stood there before, and no
    temporary file. Raises FileError.
    """
    with written_atomically(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def written_atomically(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Provide a file whose content stands in ``path`` once this context has ended well.

    However else it ends, what stood there before does so still. Raises FileError.
    """
    path = Path(path)
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except FileError:
        raise
    except OSError as error:
        raise FileError(
            f"cannot write {path} ({error.strerror or error}); what stood there before is "
            "unchanged. Free some space or choose another folder"
        ) from error
    finally:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)


def _umask() -> int:
    """Return the process's umask, which mkstemp ignores (there is no call that only reads it)."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
