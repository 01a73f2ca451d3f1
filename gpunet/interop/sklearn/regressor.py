"""scikit-learn's MLPRegressor on gpunet."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn import neural_network
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import validate_data

from gpunet.interop.sklearn.parameters import OURS
from gpunet.interop.sklearn.perceptron import Perceptron, solver_takes_steps


class MLPRegressor(RegressorMixin, Perceptron):
    """A multi-layer perceptron that learns numbers: scikit-learn's, trained by gpunet.

    All of scikit-learn's parameters, methods and fitted attributes are there and mean the same
    (its documentation: https://scikit-learn.org/stable/modules/neural_networks_supervised.html).
    With an integer ``random_state`` and data of float64 it comes to the same model, to rounding.

    Beyond scikit-learn's:

    Args:
        activation: Also "gelu", "leaky_relu", or a list with a name for each hidden layer.
        dropout: The probability with which each hidden activation is left out of a training step.
        callbacks: A function or a list of them, called with the estimator after each epoch
            (``coefs_`` are up to date); one that returns True ends the training.
        device: "auto" (a GPU if one is usable, else the CPU), "cpu", "cuda" or "cuda:N".
        dtype: "float32" or "float64"; None: that of X.
        precision: "float32", or "tf32" for a network of float32 on tensor cores.

    Raises:
        ValueError: Parameters or data that cannot be used (InvalidParameterError, ArgumentError).
        DeviceError: The device cannot be used.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **neural_network.MLPRegressor._parameter_constraints,
        **OURS,
    }

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: float = 0.0,
        callbacks: Any = None,
        device: str = "auto",
        dtype: str | None = None,
        precision: str = "float32",
    ) -> None:
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dropout = dropout
        self.callbacks = callbacks
        self.device = device
        self.dtype = dtype
        self.precision = precision

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation: Any = None) -> Self:
        """Learn from X (n, features) and y (n,) or (n, outputs) numbers.

        Args:
            X, y: Dense or sparse X, NumPy, pandas, polars, lists.
            sample_weight: (n,), what each example counts.
            validation: (X, y) of one's own: scored after each epoch, and what ``early_stopping``
                goes by in the place of a part of the training data.

        Raises:
            ValueError: The data cannot be used.
        """
        return self._fit(X, y, sample_weight, incremental=False, validation=validation)

    @available_if(solver_takes_steps)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Go through X and y once more.

        Raises:
            ValueError: The data cannot be used.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def _predict(self, X: Any, check: bool = True) -> NDArray:
        return self._labels(self._outputs(X, check))

    def _labels(self, A: NDArray) -> NDArray:
        """Return the values as y has them: (n,) for one output."""
        return A.ravel() if A.shape[1] == 1 else A

    def _score(self, y: NDArray, predicted: NDArray, sample_weight: NDArray | None) -> float:
        return r2_score(y, predicted, sample_weight=sample_weight)

    def _output(self) -> str:
        return "exp" if self.loss == "poisson" else "identity"

    def _validate_input(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=True,
            dtype=(np.float64, np.float32),
            reset=reset,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y

    def _targets(self, y: NDArray) -> NDArray:
        return y.reshape(-1, 1) if y.ndim == 1 else y

    def _weigh_classes(
        self, y: NDArray, sample_weight: NDArray | None, incremental: bool
    ) -> NDArray | None:
        return sample_weight
