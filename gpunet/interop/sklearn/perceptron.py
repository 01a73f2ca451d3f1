"""What both estimators are: scikit-learn's parameters and attributes around gpunet's passes."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from gpunet.interop.sklearn.devices import backend_of
from gpunet.interop.sklearn.forward import Forward
from gpunet.interop.sklearn.lbfgs import fit_lbfgs
from gpunet.interop.sklearn.parameters import activations, architecture, hidden_sizes
from gpunet.interop.sklearn.stochastic import fit_stochastic
from gpunet.interop.sklearn.weights import Weights, initial_weights
from gpunet.nn.architecture import Architecture

STOCHASTIC = ("sgd", "adam")


def solver_takes_steps(estimator: Any) -> bool:
    """Return True for a solver that ``partial_fit`` can use; else AttributeError."""
    if estimator.solver not in STOCHASTIC:
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{estimator.solver} is not stochastic."
        )
    return True


class Perceptron(BaseEstimator, ABC):
    """Base of MLPClassifier and MLPRegressor."""

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, incremental: bool, validation: Any = None
    ) -> Self:
        self._validate_params()
        hidden = hidden_sizes(self.hidden_layer_sizes)
        names = activations(self.activation, len(hidden))
        if not incremental:
            backend_of(self.device)  # its error comes now, not after the data has been looked at
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        X, y = self._validate_input(X, y, incremental, reset=first)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        sample_weight = self._weigh_classes(y, sample_weight, incremental)
        Y = self._targets(y)
        self.n_outputs_ = Y.shape[1]
        self._random_state = check_random_state(self.random_state)
        dtype = self.dtype or X.dtype.name
        sizes = [X.shape[1], *hidden, self.n_outputs_]
        if first:
            self._initialize(sizes, names, dtype)
        self._architecture = architecture(
            sizes, names, self.out_activation_, float(self.dropout), dtype
        )
        self._forward = Forward()
        if validation is not None:
            X_val, y_val = validation
            validation = self._validate_input(X_val, y_val, incremental=True, reset=False)
        if self.solver == "lbfgs":
            fit_lbfgs(self, X, Y, sample_weight)
        else:
            fit_stochastic(self, X, Y, sample_weight, incremental, validation)
        if not all(np.isfinite(w).all() for w in (*self.coefs_, *self.intercepts_)):
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may"
                " contain large values and need to be preprocessed."
            )
        return self

    def _initialize(self, sizes: list[int], names: list[str], dtype: str) -> None:
        """Draw the weights, and begin to count."""
        self.n_iter_ = self.t_ = 0
        self.n_layers_ = len(sizes)
        self.out_activation_ = self._output()
        # As scikit-learn does, the output layer's weights are drawn for the hidden activation.
        drawn_for = [*names, *(names[-1:] or ["identity"])]
        if isinstance(self.activation, str):
            drawn_for = [self.activation] * (len(sizes) - 1)
        logistic = [name in ("logistic", "sigmoid") for name in drawn_for]
        self._weights = initial_weights(sizes, logistic, self._random_state, dtype)
        if self.solver in STOCHASTIC:
            self.loss_curve_: list[float] = []
            self._no_improvement_count = 0
            self.validation_scores_: list[float] | None = [] if self.early_stopping else None
            self.best_validation_score_ = -np.inf if self.early_stopping else None
            self.best_loss_ = None if self.early_stopping else np.inf

    @property
    def _weights(self) -> Weights:
        return self.coefs_, self.intercepts_

    @_weights.setter
    def _weights(self, weights: Weights) -> None:
        self.coefs_, self.intercepts_ = weights

    def _outputs(self, X: Any, check: bool = True) -> NDArray:
        """Return the output layer's activations, (n, outputs)."""
        if check:
            X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        return self._forward(self.device, self._described(), self._weights, X)

    def _described(self) -> Architecture:
        """Return the network as its coefficients are now, which anyone may have replaced."""
        sizes = [W.shape[0] for W in self.coefs_] + [self.coefs_[-1].shape[1]]
        dtype = "float32" if self.coefs_[0].dtype == np.float32 else "float64"
        names = activations(self.activation, len(sizes) - 2)
        return architecture(sizes, names, self.out_activation_, 0.0, dtype)

    def predict(self, X: Any) -> NDArray:
        """Return the predicted classes or values.

        Args:
            X: (n, features), dense or sparse.

        Returns:
            (n,) or (n, outputs).

        Raises:
            NotFittedError: The model has not been fitted.
        """
        check_is_fitted(self)
        return self._predict(X)

    def _validation_score(self, X: Any, y: NDArray, sample_weight: NDArray | None) -> float:
        predicted = self._predict(X, check=False)
        if np.issubdtype(predicted.dtype, np.floating) and not np.isfinite(predicted).all():
            return float("nan")
        return self._score(y, predicted, sample_weight)

    def _clipped_batch_size(self, n: int) -> int:
        if isinstance(self.batch_size, str):
            return min(200, n)
        if self.batch_size > n:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                "clipped",
                stacklevel=2,
            )
        return int(min(self.batch_size, n))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @abstractmethod
    def _validate_input(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        """Return X and y checked; the classifier learns its classes."""

    @abstractmethod
    def _targets(self, y: NDArray) -> NDArray:
        """Return what the outputs should be, (n, outputs)."""

    @abstractmethod
    def _weigh_classes(
        self, y: NDArray, sample_weight: NDArray | None, incremental: bool
    ) -> NDArray | None:
        """Return the examples' weights with those of their classes in them."""

    @abstractmethod
    def _output(self) -> str:
        """Return scikit-learn's name of the output layer's activation."""

    @abstractmethod
    def _predict(self, X: Any, check: bool = True) -> NDArray:
        """Return predictions."""

    @abstractmethod
    def _score(self, y: NDArray, predicted: NDArray, sample_weight: NDArray | None) -> float:
        """Return accuracy or R2."""
