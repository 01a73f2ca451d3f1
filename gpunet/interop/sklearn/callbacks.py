"""What a user wants to be told after each epoch."""

from __future__ import annotations

from typing import Any


def asks_to_stop(estimator: Any) -> bool:
    """Call each of the estimator's callbacks with it; return whether one of them returned True."""
    callbacks = estimator.callbacks
    if callbacks is None:
        return False
    if callable(callbacks):
        callbacks = [callbacks]
    answers = [callback(estimator) for callback in callbacks]
    return any(answer is True for answer in answers)
