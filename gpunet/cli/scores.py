"""A network's scores, for people."""

from __future__ import annotations

SCORES = ("accuracy", "r2", "mae", "rmse", "loss")


def spelled(scores: dict[str, float]) -> str:
    """Return the scores in words: ``accuracy 98.98%, loss 0.0350``."""
    texts = {
        "accuracy": "accuracy {:.2%}",
        "r2": "R2 {:.4f}",
        "mae": "MAE {:.4g}",
        "rmse": "RMSE {:.4g}",
        "loss": "loss {:.4f}",
    }
    return ", ".join(texts[name].format(scores[name]) for name in SCORES if name in scores)
