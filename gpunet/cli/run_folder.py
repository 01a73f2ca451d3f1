"""The folder that a training run is saved in."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from gpunet.errors import ArgumentError, FileError
from gpunet.files import write_atomically
from gpunet.nn.model_file import FILE_NAME

# What stands beside the model.
HISTORY = "history.json"
PICTURES = ("loss.png", "errors.png")


@contextmanager
def prepared(out: str | None, force: bool, name: str) -> Iterator[Path]:
    """Provide the folder, created and known to be writable, before any time is spent on training.

    If the run fails before anything was written there, a folder that was new is removed again.

    Without --out, it is the first of runs/NAME-1, runs/NAME-2, ... that is new.

    Raises:
        ArgumentError: It holds a model already, and there is no --force.
        FileError: It cannot be created or written.
    """
    runs = Path("runs")
    wanted = [Path(out)] if out else [runs]
    new = [path for path in wanted if not path.exists()]
    folder = writable(Path(out)) if out else _new_folder(runs, name)
    new = new if out else [folder, *new]
    if (folder / FILE_NAME).exists() and not force:
        raise ArgumentError(
            f"{folder} already holds a model; choose another --out, or replace it with --force"
        )
    try:
        yield folder
    except BaseException:
        for path in new:
            with suppress(OSError):  # it holds something, so it stays
                path.rmdir()
        raise


def writable(folder: Path, option: str = "--out") -> Path:
    """Return the folder, created if need be and known to be writable; raises FileError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / f".writable-{os.getpid()}"
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise FileError(
            f"cannot write to the folder {folder} ({error.strerror}); choose another with {option}"
        ) from error
    return folder


def _new_folder(parent: Path, name: str) -> Path:
    writable(parent)
    for number in count(1):
        try:
            (parent / f"{name}-{number}").mkdir()
        except FileExistsError:
            continue
        return parent / f"{name}-{number}"
    raise AssertionError("count() has no end")


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON, all of it or nothing."""
    write_atomically(path, json.dumps(content, indent=1, allow_nan=False) + "\n")
