"""Fitting by SciPy's L-BFGS, on the host, with the device's gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, minimize
from sklearn.utils.optimize import _check_optimize_result

from gpunet.interop.sklearn.callbacks import asks_to_stop
from gpunet.interop.sklearn.full_batch import FullBatch
from gpunet.interop.sklearn.weights import unpacked


def fit_lbfgs(estimator: Any, X: Any, Y: NDArray, sample_weight: NDArray | None) -> None:
    """Train the estimator's network with "lbfgs"."""
    start = estimator._weights
    objective = FullBatch(
        estimator.device,
        estimator._architecture,
        *(X, Y, sample_weight, float(estimator.alpha), estimator.precision),
    )

    def after_iteration(intermediate_result: OptimizeResult) -> None:
        estimator.n_iter_ += 1
        estimator.loss_ = intermediate_result.fun
        estimator._weights = unpacked(intermediate_result.x, start)
        if asks_to_stop(estimator):
            raise StopIteration

    estimator.n_iter_ = 0
    found = minimize(
        objective,
        np.concatenate([array.ravel() for array in (*start[0], *start[1])]),
        method="L-BFGS-B",
        jac=True,
        callback=after_iteration if estimator.callbacks is not None else None,
        options={"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol},
    )
    estimator.n_iter_ = _check_optimize_result("lbfgs", found, estimator.max_iter)
    estimator.loss_ = found.fun
    estimator._weights = unpacked(found.x, start)
