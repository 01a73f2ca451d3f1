"""What a network may look like, and what is said of one that may not."""

import numpy as np
import pytest

import gpunet
from gpunet.errors import ArgumentError
from gpunet.nn.activations import ACTIVATIONS
from gpunet.nn.losses import LOSSES


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sizes": [3]}, "at least two whole numbers"),
        ({"sizes": [3, 0]}, "at least two whole numbers"),
        ({"sizes": [3, -1, 1]}, "at least two whole numbers"),
        ({"sizes": [3, 1.5]}, "at least two whole numbers"),
        ({"sizes": [3, True]}, "at least two whole numbers"),
        ({"sizes": 3}, "at least two whole numbers"),
        ({"sizes": "31"}, "at least two whole numbers"),
        ({"hidden": "sigmod"}, "did you mean 'sigmoid'"),
        ({"hidden": "softmax"}, "output layer only"),
        ({"hidden": ["relu", "relu"]}, "2 hidden activations for 1 hidden layers"),
        ({"output": "relu"}, "binary_crossentropy goes with output='sigmoid'"),
        ({"output": "relu"}, "choose a squared error"),
        ({"sizes": [64, 10], "output": "softmax"}, "choose loss='categorical_crossentropy'"),
        ({"output": "softmax", "loss": "squared_error"}, "categorical_crossentropy"),
        ({"loss": "categorical_crossentropy"}, "goes with output='softmax'"),
        ({"output": "softmax", "loss": "categorical_crossentropy"}, "over one output"),
        ({"loss": "cross"}, "unknown loss 'cross'"),
        ({"init": "he_norm"}, "did you mean 'he_normal'"),
        ({"reduction": "none"}, "'mean' or 'sum'"),
        ({"dropout": 1.0}, "at least 0 and below 1"),
        ({"dropout": float("nan")}, "at least 0 and below 1"),
        ({"dtype": "float16"}, "'float32' or 'float64'"),
        ({"seed": -1}, "0 to 4294967295"),
        ({"seed": 2**32}, "0 to 4294967295"),
        ({"seed": 1.0}, "0 to 4294967295"),
    ],
)
def test_what_cannot_be_is_said(settings: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        gpunet.Network(**{"sizes": [3, 2, 1], "device": "cpu"} | settings)


@pytest.mark.parametrize("output", list(ACTIVATIONS))
@pytest.mark.parametrize("loss", list(LOSSES))
def test_a_loss_that_an_error_advises_is_taken(output: str, loss: str) -> None:
    try:
        gpunet.Network([3, 2], output=output, loss=loss, device="cpu")
    except ArgumentError as error:
        advised = [name for name in LOSSES if f"loss={name!r}" in str(error)]
        for name in advised or ["squared_error", "half_squared_error"]:
            gpunet.Network([3, 2], output=output, loss=name, device="cpu")


def test_numpy_numbers_are_numbers() -> None:
    network = gpunet.Network(np.array([3, 2, 1]), seed=np.int64(2), device="cpu")
    assert network.architecture.sizes == (3, 2, 1)
    assert type(network.architecture.sizes[0]) is int
    assert type(network.seed) is int


def test_one_name_serves_all_hidden_layers() -> None:
    network = gpunet.Network([3, 2, 2, 1], hidden="relu", device="cpu")
    assert network.architecture.hidden == ("relu", "relu")
