"""scikit-learn's MLPClassifier on gpunet."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn import neural_network
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data

from gpunet.interop.sklearn.parameters import OURS
from gpunet.interop.sklearn.perceptron import Perceptron, solver_takes_steps


class MLPClassifier(ClassifierMixin, Perceptron):
    """A multi-layer perceptron that learns classes: scikit-learn's, trained by gpunet.

    All of scikit-learn's parameters, methods and fitted attributes are there and mean the same
    (its documentation: https://scikit-learn.org/stable/modules/neural_networks_supervised.html).
    With an integer ``random_state`` and data of float64 it comes to the same model, to rounding.

    Beyond scikit-learn's:

    Args:
        activation: Also "gelu", "leaky_relu", or a list with a name for each hidden layer.
        class_weight: {class: weight}, or "balanced" for weights inversely proportional to how
            often a class occurs; multiplied with ``sample_weight``.
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
        **neural_network.MLPClassifier._parameter_constraints,
        **OURS,
        "class_weight": [dict, list, str, None],
    }

    def __init__(
        self,
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
        class_weight: Any = None,
        dropout: float = 0.0,
        callbacks: Any = None,
        device: str = "auto",
        dtype: str | None = None,
        precision: str = "float32",
    ) -> None:
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
        self.class_weight = class_weight
        self.dropout = dropout
        self.callbacks = callbacks
        self.device = device
        self.dtype = dtype
        self.precision = precision

    @property
    def loss(self) -> str:
        """What is minimised: always "log_loss"."""
        return "log_loss"

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation: Any = None) -> Self:
        """Learn from X (n, features) and y (n,) classes, or (n, labels) zeros and ones.

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
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Go through X and y once more; the first call needs all ``classes``.

        Raises:
            ValueError: The data cannot be used, or ``classes`` are missing at first.
        """
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all of the data at once, which partial_fit has not; "
                "give the weights as a dict (sklearn.utils.compute_class_weight computes them)"
            )
        if _check_partial_fit_first_call(self, classes):
            multilabel = type_of_target(y).startswith("multilabel")
            self._label_binarizer = LabelBinarizer().fit(y if multilabel else classes)
        return self._fit(X, y, sample_weight, incremental=True)

    def predict_proba(self, X: Any) -> NDArray:
        """Return the classes' probabilities, (n, classes) in the order of ``classes_``."""
        check_is_fitted(self)
        A = self._outputs(X)
        return np.hstack([1 - A, A]) if self.n_outputs_ == 1 else A

    def predict_log_proba(self, X: Any) -> NDArray:
        """Return the logarithms of ``predict_proba``."""
        A = self.predict_proba(X)
        log_A: NDArray = np.log(A, out=A)
        return log_A

    def _predict(self, X: Any, check: bool = True) -> NDArray:
        return self._labels(self._outputs(X, check))

    def _labels(self, A: NDArray) -> NDArray:
        """Return the classes of outputs, or of 0/1 targets, (n, outputs)."""
        return self._label_binarizer.inverse_transform(A.ravel() if self.n_outputs_ == 1 else A)

    def _score(self, y: NDArray, predicted: NDArray, sample_weight: NDArray | None) -> float:
        return accuracy_score(y, predicted, sample_weight=sample_weight)

    def _output(self) -> str:
        return "softmax" if self._label_binarizer.y_type_ == "multiclass" else "logistic"

    def _validate_input(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            dtype=(np.float64, np.float32),
            reset=reset,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
            return X, y
        classes = unique_labels(y)
        if self.warm_start and not incremental and set(classes) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {classes}"
            )
        if len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. "
                f"'y' has {classes}."
            )
        return X, y

    def _targets(self, y: NDArray) -> NDArray:
        Y = self._label_binarizer.transform(y)
        return np.asarray(Y.toarray() if hasattr(Y, "toarray") else Y).astype(bool)

    def _weigh_classes(
        self, y: NDArray, sample_weight: NDArray | None, incremental: bool
    ) -> NDArray | None:
        if self.class_weight is None:
            return sample_weight
        weights: NDArray = compute_sample_weight(self.class_weight, y)
        return weights if sample_weight is None else weights * sample_weight

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
