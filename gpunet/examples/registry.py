"""The examples by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gpunet.backends import Backend
from gpunet.examples import boundaries, mnist58, small
from gpunet.examples.report import Report


@dataclass(frozen=True)
class Example:
    """A worked example; ``in_all`` tells whether "all" includes it."""

    name: str
    title: str
    run: Callable[[Backend, str], Report]
    in_all: bool = True


EXAMPLES = {
    e.name: e
    for e in (
        Example("by-hand", "one step of 2-2-1 on paper", small.by_hand),
        Example("steps", "4-3-1 step by step", small.steps),
        Example("debug", "4-3-1 without biases, traced", small.debug),
        Example("xor", "3-4-1, sum of squares", small.xor),
        Example("functional", "any depth, written as functions", small.functional),
        Example("moons", "a decision boundary, 2-10-1", boundaries.moons),
        Example("blobs", "the same on blobs", boundaries.blobs),
        Example("mnist58", "784-196-1 on the digits 5 and 8", mnist58.mnist58),
        Example(
            "mnist58-deeper", "784-392-196-98-1 on the same, slow", mnist58.deeper, in_all=False
        ),
    )
}
