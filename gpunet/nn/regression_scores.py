"""How near the values of a regression are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def regression_scores(A: NDArray, Y: NDArray, scale: float = 1.0) -> dict[str, float]:
    """Return {"r2", "mae", "rmse"} of outputs A for targets Y, both (n, outputs).

        r2   = 1 - sum((Y - A)^2) / sum((Y - mean(Y))^2), the mean over the outputs
        mae  = mean(|Y - A|)
        rmse = sqrt(mean((Y - A)^2))

    Of targets that are all the same, r2 is 1 if they are met, else 0 (as scikit-learn has it).

    ``scale`` is what a unit of Y and A stands for, in mae and rmse.
    """
    A, Y = np.asarray(A, np.float64), np.asarray(Y, np.float64)
    squares, around_mean = ((Y - A) ** 2).sum(axis=0), ((Y - Y.mean(axis=0)) ** 2).sum(axis=0)
    constant = around_mean == 0
    r2 = 1 - squares / np.where(constant, 1.0, around_mean)
    r2 = np.where(constant, (squares == 0).astype(float), r2)
    return {
        "r2": float(r2.mean()),
        "mae": scale * float(np.abs(Y - A).mean()),
        "rmse": scale * float(np.sqrt(((Y - A) ** 2).mean())),
    }
