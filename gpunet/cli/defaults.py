"""What ``gpunet train`` chooses where nobody else has: by the data."""

from __future__ import annotations

from typing import Any

from gpunet.cli.text import printable
from gpunet.datasets import Dataset

RATES = {"sgd": 0.1, "adam": 0.001, "adamw": 0.001, "rmsprop": 0.001}
MOMENTUM = 0.9
EPOCHS = 8
# An epoch of a small table is a few updates; nothing is learnt from a few dozen.
FEWEST_UPDATES, OF_EXAMPLES = 1000, 32


def optimizer_for(training: Dataset, options: dict[str, Any]) -> str:
    """Return the optimizer's name: Adam for a table, whose scales and values differ the more."""
    if options["optimizer"] is not None:
        return str(options["optimizer"])
    for_sgd = options["momentum"] is not None or options["nesterov"]
    return "adam" if training.preparation is not None and not for_sgd else "sgd"


def epochs_for(examples: int, options: dict[str, Any]) -> int:
    """Return the number of epochs: 8, or as many more as make 1,000 updates of 32 examples."""
    if options["epochs"] is not None:
        return int(options["epochs"])
    updates = -(-examples // OF_EXAMPLES)
    return max(EPOCHS, -(-FEWEST_UPDATES // updates))


def told_task(training: Dataset, target: str | None) -> str:
    """Return the line that says what is learnt, and why."""
    preparation = training.preparation
    column = (preparation.target_name if preparation else "") or target
    where = f"in the column {printable(repr(column))}" if column else "in the labels"
    if training.classes:
        few = training.classes[:5]
        names = printable(", ".join(few)) + ", ..." * (len(training.classes) > len(few))
        return f"task: classification - {len(training.classes)} classes {where}: {names}"
    low, high = float(training.y.min()), float(training.y.max())
    kind = "numbers with fractions" if (training.y % 1 != 0).any() else "numbers"
    return f"task: regression - {kind} {where}, from {low:g} to {high:g}"
