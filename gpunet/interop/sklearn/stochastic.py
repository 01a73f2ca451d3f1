"""Fitting by mini-batches: the epochs, and when to stop."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import shuffle

from gpunet.interop.sklearn.callbacks import asks_to_stop
from gpunet.interop.sklearn.data import Data
from gpunet.interop.sklearn.descent import Descent
from gpunet.interop.sklearn.epochs import Epochs
from gpunet.interop.sklearn.rules import Adam, BatchDecay, Momentum

Held = tuple[Any, NDArray, NDArray | None]  # X, y, sample_weight


def fit_stochastic(
    estimator: Any,
    X: Any,
    Y: NDArray,
    sample_weight: NDArray | None,
    incremental: bool,
    validation: tuple[Any, NDArray] | None,
) -> None:
    """Train the estimator's network with "sgd" or "adam"."""
    if estimator.early_stopping and incremental:
        raise ValueError("partial_fit does not support early_stopping=True")
    descent = _descent(estimator, incremental)
    held: Held | None = None
    if validation is not None:
        held = (*validation, None)
        if estimator.validation_scores_ is None:
            estimator.validation_scores_ = []
    elif estimator.early_stopping:
        X, Y, sample_weight, held = _split(estimator, X, Y, sample_weight)
    n = X.shape[0]
    batch_size = estimator._clipped_batch_size(n)
    descent.load(estimator._weights)
    data = Data(descent.backend, descent.architecture.dtype, X, Y, sample_weight)
    epochs = Epochs(descent, data, batch_size)
    best = descent.read()
    estimator.n_iter_ = 0
    try:
        for _ in _epochs(estimator, epochs, n, 1 if incremental else estimator.max_iter):
            if held is not None or estimator.callbacks is not None:
                estimator._weights = descent.read()
            if _improved(estimator, held):
                best = estimator._weights
            if estimator.solver == "sgd" and estimator.learning_rate == "invscaling":
                rate = estimator.learning_rate_init / (estimator.t_ + 1) ** estimator.power_t
                descent.learning_rate = rate
            if _has_converged(estimator, descent) or asks_to_stop(estimator):
                break
            if not incremental and estimator.n_iter_ == estimator.max_iter:
                warnings.warn(
                    f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and "
                    "the optimization hasn't converged yet.",
                    ConvergenceWarning,
                    stacklevel=4,
                )
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=4)
    estimator._weights = best if estimator.early_stopping else descent.read()


def _epochs(estimator: Any, epochs: Epochs, n: int, most: int) -> Iterator[None]:
    """Train for up to ``most`` epochs, each noted in the estimator before it is yielded."""
    order = np.arange(n)
    for _ in range(most):
        if estimator.shuffle:
            order = shuffle(order, random_state=estimator._random_state)
        estimator.loss_ = epochs.run(order if estimator.shuffle else None)
        estimator.n_iter_ += 1
        estimator.t_ += n
        estimator.loss_curve_.append(estimator.loss_)
        if estimator.verbose:
            print(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
        yield


def _descent(estimator: Any, incremental: bool) -> Descent:
    """Return the network on the device; ``partial_fit`` goes on with the one it has."""
    known = getattr(estimator, "_optimizer", None)
    if incremental and known is not None and known.architecture == estimator._architecture:
        return known
    rule: BatchDecay
    alpha = float(estimator.alpha)
    if estimator.solver == "sgd":
        rule = Momentum(alpha, estimator.momentum, estimator.nesterovs_momentum)
    else:
        rule = Adam(alpha, estimator.beta_1, estimator.beta_2, estimator.epsilon)
    seed = 0
    if estimator.dropout:  # drawn only where it is wanted: scikit-learn's draws stay as they are
        seed = int(estimator._random_state.randint(np.iinfo(np.int32).max))
    estimator._optimizer = Descent(
        estimator.device,
        estimator._architecture,
        rule,
        estimator.learning_rate_init,
        estimator.precision,
        seed,
    )
    return estimator._optimizer


def _split(
    estimator: Any, X: Any, Y: NDArray, weights: NDArray | None
) -> tuple[Any, NDArray, NDArray | None, Held]:
    """Hold out a part for validation; several labels at once are not stratified."""
    by_class = is_classifier(estimator) and estimator.n_outputs_ == 1
    arrays = [X, Y] if weights is None else [X, Y, weights]
    parts = train_test_split(
        *arrays,
        random_state=estimator._random_state,
        test_size=estimator.validation_fraction,
        stratify=Y if by_class else None,
    )
    train, held = parts[::2], parts[1::2]
    if held[0].shape[0] < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' "
            "or the size of your dataset."
        )
    y_held = estimator._labels(held[1])
    return (
        *(train[0], train[1], train[2] if len(train) > 2 else None),
        (held[0], y_held, held[2] if len(held) > 2 else None),
    )


def _improved(estimator: Any, held: Held | None) -> bool:
    """Take stock of an epoch; return whether its weights are the best by validation."""
    score = None
    if held is not None:
        score = estimator._validation_score(*held)
        estimator.validation_scores_.append(score)
        if estimator.verbose:
            print(f"Validation score: {score:f}")
    if not estimator.early_stopping:
        slow = estimator.loss_ > estimator.best_loss_ - estimator.tol
        estimator.best_loss_ = min(estimator.best_loss_, estimator.loss_)
        estimator._no_improvement_count = estimator._no_improvement_count + 1 if slow else 0
        return False
    slow = score < estimator.best_validation_score_ + estimator.tol
    estimator._no_improvement_count = estimator._no_improvement_count + 1 if slow else 0
    best = bool(score > estimator.best_validation_score_)
    if best:
        estimator.best_validation_score_ = score
    return best


def _has_converged(estimator: Any, descent: Descent) -> bool:
    """Return whether nothing improves any more; "adaptive" learns more slowly first."""
    if estimator._no_improvement_count <= estimator.n_iter_no_change:
        return False
    what = "Validation score" if estimator.early_stopping else "Training loss"
    message = (
        f"{what} did not improve more than tol={estimator.tol:f} for "
        f"{estimator.n_iter_no_change} consecutive epochs."
    )
    slower = estimator.solver == "sgd" and estimator.learning_rate == "adaptive"
    stops = not slower or descent.learning_rate <= 1e-6
    if stops:
        message += (" Learning rate too small." if slower else "") + " Stopping."
    else:
        descent.learning_rate /= 5.0
        message += f" Setting learning rate to {descent.learning_rate:f}"
        estimator._no_improvement_count = 0
    if estimator.verbose:
        print(message)
    return stops
