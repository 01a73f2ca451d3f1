"""scripts/gpu_check.py and its parts, which are no package that is installed."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))
pytest.importorskip("gpu_check_parts", reason="scripts/ is not part of this copy")

from gpu_check_parts.part import Part  # noqa: E402 (found in scripts/)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Skip all of this folder where the check cannot end what hangs as it should."""
    if os.name != "posix" and Path(__file__).parent in item.path.parents:
        item.add_marker(pytest.mark.skip("the check ends what hangs by POSIX signals"))


@pytest.fixture
def part() -> Callable[..., Part]:
    """Return a function: a name and Python text -> a part that runs it, for at most 20 s."""

    def make(name: str, text: str, **settings: Any) -> Part:
        settings = {"seconds": 20.0, "least": 0.0, "needs_gpu": False} | settings
        return Part(name, [sys.executable, "-c", text], **settings)

    return make
