"""What the estimators take besides scikit-learn's own parameters, and names in both tongues."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

from sklearn.utils._param_validation import Interval, StrOptions

from gpunet.errors import ArgumentError, look_up
from gpunet.nn.architecture import Architecture, describe

# scikit-learn's name, ours.
HIDDEN = {
    "identity": "identity",
    "logistic": "sigmoid",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "relu": "relu",
    "leaky_relu": "leaky_relu",
    "gelu": "gelu",
}
OUTPUTS = {"identity": "identity", "logistic": "sigmoid", "softmax": "softmax", "exp": "exp"}
LOSSES = {
    "identity": "half_squared_error",
    "logistic": "binary_crossentropy",
    "softmax": "categorical_crossentropy",
    "exp": "poisson",
}
OURS: dict[str, list[Any]] = {
    "activation": [StrOptions(set(HIDDEN)), "array-like"],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "callbacks": ["array-like", callable, None],
    "device": [str],
    "dtype": [StrOptions({"float32", "float64"}), None],
    "precision": [StrOptions({"float32", "tf32"})],
}


def hidden_sizes(sizes: Any) -> list[int]:
    """Return ``hidden_layer_sizes`` as a list; ValueError if a size is not positive."""
    checked = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
    if any(size <= 0 for size in checked):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {checked}.")
    return checked


def activations(activation: str | Sequence[str], layers: int) -> list[str]:
    """Return scikit-learn's names, one for each hidden layer.

    Raises:
        ArgumentError: An unknown name, or not as many as there are hidden layers.
    """
    names = [activation] * layers if isinstance(activation, str) else list(activation)
    if len(names) != layers:
        raise ArgumentError(
            f"activation has {len(names)} names for {layers} hidden layers; give one name for all, "
            "or one for each"
        )
    for name in names:
        look_up("activation", name, HIDDEN)
    return names


def architecture(
    sizes: Sequence[int], hidden: Sequence[str], output: str, dropout: float, dtype: str
) -> Architecture:
    """Return gpunet's description of a network; ``hidden`` and ``output`` in scikit-learn's words.

    Raises:
        ArgumentError: The values do not go together.
    """
    names = [HIDDEN[name] for name in hidden]
    return describe(
        [int(size) for size in sizes],
        *(names, OUTPUTS[output], LOSSES[output], True, "mean", dropout, dtype),
    )
