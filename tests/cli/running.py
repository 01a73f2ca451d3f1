"""What running a command gives, and in which environment it runs."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass
class Result:
    """What a finished command left."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.out)


Command = Callable[..., Result]


def environment() -> dict[str, str]:
    """The machine's, less what would change what these tests see."""
    unwanted = ("GPUNET_DATA_DIR", "GPUNET_CACHE_DIR", "GPUNET_MIRRORS", "COLUMNS")
    return {k: v for k, v in os.environ.items() if k not in unwanted} | {"PYTHONUNBUFFERED": "1"}
