"""What the parts that run in processes of their own have in common: they tell as they go."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import isfinite
from typing import Any


def tell(name: str, **found: Any) -> None:
    """Print a result as one line of JSON, at once; with a key "failure" it is one."""
    print(json.dumps({"name": name, **_plain(found)}), flush=True)


def attempt(name: str, work: Callable[[], dict[str, Any]], **known: Any) -> None:
    """Tell what ``work`` returns; an error of whatever kind is its failure."""
    try:
        found = work()
    except Exception as error:
        found = {"failure": summary(error)}
    tell(name, **known, **found)


def number(text: str) -> int | None:
    """Return how many examples a command line asks for; None for all."""
    return int(text) if text else None


def summary(error: Exception) -> str:
    """Return an error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _plain(value: Any) -> Any:
    """Return the value as JSON knows it, which has no infinity and no NaN."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    return value
