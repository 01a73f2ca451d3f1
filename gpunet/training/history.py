"""What happened in each epoch of a training run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

LISTS = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")


@dataclass(repr=False)
class History:
    """One value an epoch in each list; lists that do not apply stay empty.

    Attributes:
        loss: The training loss seen by the epoch's forward passes, before their updates.
        accuracy: Likewise, for networks that classify.
        val_loss, val_accuracy: On the validation data, after the epoch.
        learning_rate: At the epoch's last step.
        metrics: {"val_NAME": [...], ...}: of ``fit``'s metrics, after the epoch.
        steps: Number of updates in all.
        seconds: Duration in all.
        stopped: Why training ended before its last epoch; "" if it did not.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_accuracy: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    steps: int = 0
    seconds: float = 0.0
    stopped: str = ""

    @property
    def epochs(self) -> int:
        """Number of epochs, the last one perhaps cut short."""
        return len(self.loss)

    def append(self, logs: dict[str, float]) -> None:
        """Add an epoch's values."""
        for name, value in logs.items():
            if name in LISTS:
                getattr(self, name).append(value)
            else:
                self.metrics.setdefault(name, []).append(value)

    def __repr__(self) -> str:
        """Return the last epoch's values: all of them would fill a notebook."""
        lists = {name: getattr(self, name) for name in LISTS} | self.metrics
        last = [f"{name}={values[-1]:.6g}" for name, values in lists.items() if values]
        stopped = [f"stopped={self.stopped!r}"] if self.stopped else []
        told = [f"epochs={self.epochs}", *last, f"seconds={self.seconds:.3g}", *stopped]
        return f"{type(self).__name__}({', '.join(told)})"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        return asdict(self) | {"epochs": self.epochs}
