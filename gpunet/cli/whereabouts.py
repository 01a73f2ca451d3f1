"""Where the data of training are, seen from the model: so that evaluate finds them again.

A model file says how one gets from its folder to them, which holds from whatever folder a command
is run in, and still does after both have been moved together. It names no other folder of the
machine, and is the same, byte for byte, wherever it is made.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from gpunet.datasets.registry import names
from gpunet.errors import ArgumentError


def whereabouts(options: dict[str, Any], folder: Path) -> dict[str, str]:
    """Return what a model in ``folder`` keeps of where its data were found.

    "path" is of data that have no name, and "data_dir" of --data-dir, if it was given.
    """
    kept = {}
    if options["dataset"] not in names():
        kept["path"] = _seen_from(folder, options["dataset"])
    if options["data_dir"] is not None:
        kept["data_dir"] = _seen_from(folder, options["data_dir"])
    return kept


def found_again(source: dict[str, Any], model: str) -> str | None:
    """Return the path of the training data if they are still where they were, else None."""
    path = source.get("path")
    found = _from(model, path) if isinstance(path, str) else None
    return None if found is None or not found.exists() else str(found)


def data_dir_again(source: dict[str, Any], model: str) -> str | None:
    """Return the --data-dir of training, or None if there was none or GPUNET_DATA_DIR is set.

    Raises:
        ArgumentError: It is no longer there.
    """
    kept = source.get("data_dir")
    if not isinstance(kept, str) or os.environ.get("GPUNET_DATA_DIR"):
        return None
    folder = _from(model, kept)
    if not folder.is_dir():
        raise ArgumentError(
            f"{model} was trained with --data-dir {folder}, which is not there; say with "
            "--data-dir where the files are now"
        )
    return str(folder)


def _seen_from(folder: Path, path: str) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # on another drive
        return str(Path(path).absolute())


def _from(model: str, path: str) -> Path:
    folder = Path(model) if Path(model).is_dir() else Path(model).parent
    return Path(os.path.normpath(folder / path))
