"""What an example reports: its figures beside the published ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPRODUCED = "reproduced"
DIFFERS = "differs"
NOT_REPRODUCIBLE = "not reproducible"
CORRECTED = "published is wrong"
AS_EXPECTED = "as expected"


@dataclass(frozen=True)
class Figure:
    """One number.

    Attributes:
        name: What it is.
        published: As printed; every digit of it counts. "" where nothing was published, "wrong"
            where it was and nobody needs to see it again.
        ours: What gpunet computed.
        within: How far ``ours`` may be from ``published``; half of its last digit by default.
        correct: What to compare with instead, where the published value is an error or missing.
        reproducible: False where the figure depends on the last bits of the arithmetic.
    """

    name: str
    published: str
    ours: float
    within: float | None = None
    correct: str = ""
    reproducible: bool = True

    @property
    def expected(self) -> str:
        """The printed value to compare with."""
        return self.correct or self.published

    @property
    def difference(self) -> float:
        """ours - expected; NaN where nothing was published."""
        return self.ours - float(self.expected) if self.expected else float("nan")

    @property
    def tolerance(self) -> float:
        """How large the difference may be."""
        if self.within is not None:
            return self.within
        decimals = len(self.expected.partition(".")[2])
        # The printed value was rounded; the hair more is for its own decimal fraction in binary.
        return 0.5 * 10.0**-decimals * (1 + 1e-6)

    @property
    def verdict(self) -> str:
        """One of the five above."""
        if not self.reproducible:
            return NOT_REPRODUCIBLE
        if not abs(self.difference) <= self.tolerance:
            return DIFFERS
        if not self.correct:
            return REPRODUCED
        return CORRECTED if self.published else AS_EXPECTED

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        return {
            "name": self.name,
            "published": self.published or None,
            "correct": self.correct or None,
            "ours": float(self.ours),
            "difference": float(self.difference) if self.expected else None,
            "tolerance": self.tolerance,
            "reproducible": self.reproducible,
            "verdict": self.verdict,
        }


@dataclass
class Report:
    """An example's figures, what is to be said about them, and its pictures.

    ``pictures`` maps a file name to a function that writes it; nothing is drawn before it is
    wanted.
    """

    figures: list[Figure]
    notes: list[str] = field(default_factory=list)
    pictures: dict[str, Callable[[Path], object]] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every reproducible figure was reproduced."""
        return all(figure.verdict != DIFFERS for figure in self.figures)
