"""Every error gpunet raises on purpose.

A message says what was expected, what came, and what to do. ``exit_status`` is
what the command line ends with: 2 for wrong usage, 1 for a failure.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

T = TypeVar("T")


class GpunetError(Exception):
    """Base class: catch this to catch every error that gpunet raises on purpose."""

    exit_status = 1


class ArgumentError(GpunetError, ValueError):
    """An argument or option has a value that cannot be used."""

    exit_status = 2


class DataError(GpunetError, ValueError):
    """Data (features, labels, a data file) are not what they should be."""


class ModelFileError(GpunetError, ValueError):
    """A model file is damaged, or holds another kind of model."""


class DivergedError(GpunetError, ArithmeticError):
    """Training ended in a loss that is no finite number.

    ``history`` has the epochs before.
    """

    history: Any = None


class BusyError(GpunetError, RuntimeError):
    """A network is being trained, or used, already."""


class DeviceError(GpunetError, RuntimeError):
    """The device that was asked for cannot be used."""


class FileError(GpunetError, OSError):
    """A file or folder cannot be read, written or fetched."""


class ScaleWarning(UserWarning):
    """Features are on a scale that a network cannot learn from, or has not learnt from."""


class MissingExtraError(GpunetError, ImportError):
    """An optional package is needed and not installed."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the closest known name, or ``""``."""
    close = get_close_matches(str(name), list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def look_up(kind: str, name: str, table: Mapping[str, T]) -> T:
    """Return ``table[name]``; an unknown name raises ArgumentError with a suggestion."""
    if isinstance(name, str) and name in table:
        return table[name]
    raise ArgumentError(
        f"unknown {kind} {name!r}{did_you_mean(name, table)}; choose one of {', '.join(table)}"
    )
