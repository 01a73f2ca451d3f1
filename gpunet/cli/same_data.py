"""Whether what a model is evaluated on was held out when it was trained.

The rows of a file are divided by their numbers, so that the shares are exact and a file of any size
need not be read for it. A model remembers how many rows there were and the hash of those that it
was trained on: rows that were added behind them change nothing, and of any other change is warned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gpunet.cli.same_scale import mean_size
from gpunet.datasets import Dataset
from gpunet.datasets.fingerprint import fingerprint


def record(training: Dataset, test: Dataset) -> dict[str, Any]:
    """Return what a model file keeps of its data, to know them again."""
    return {
        "rows": len(training) + len(test),
        "training_sha256": fingerprint(training),
        "mean_size": mean_size(training),
    }


def recorded_rows(source: dict[str, Any]) -> int | None:
    """Return how many rows the data had; None in the model files of earlier versions."""
    return source.get("rows")


@dataclass(frozen=True)
class Comparison:
    """How the data at hand compare with those of training.

    Attributes:
        same: Whether they are the same, to the hash; None where the model doesn't know.
        new_rows: How many more there are behind the same ones; None where the others differ.
        warning: What to tell about it, or None.
    """

    same: bool | None = None
    new_rows: int | None = None
    warning: str | None = None


def compare(source: dict[str, Any], training: Dataset, test: Dataset) -> Comparison:
    """Compare data, divided as ``source`` says, with the ones that it is the record of."""
    if (known := source.get("training_sha256")) is None:
        return Comparison()
    then, now = recorded_rows(source), len(training) + len(test)
    if fingerprint(training) != known:
        return Comparison(
            False,
            warning=f"the {len(training):,} training rows of {training.name} are not those that "
            f"the model was trained on (it has {now:,} rows, then {then:,}): they were changed, "
            "moved or divided in another way. So test rows may have been trained on, and the "
            "figures be too good",
        )
    new_rows = max(0, now - (then or 0))
    if not new_rows:
        return Comparison(True, 0)
    return Comparison(
        False,
        new_rows,
        f"{training.name} has {new_rows:,} rows more than when the model was trained; they "
        "belong to the test part, with those that were held out then",
    )
