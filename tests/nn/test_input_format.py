"""What a network has learnt of its inputs holds for later ones, and can always be kept."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import gpunet
from gpunet.backends import Backend
from gpunet.datasets import Dataset
from gpunet.errors import DataError

N = 40
SCALE = 1 / 255


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (N, 4), np.uint8)


def digits(pixels: np.ndarray, **about: object) -> Dataset:
    given = {"scale": SCALE, "classes": ("5", "8"), "name": "digits", "image_shape": (2, 2)}
    return Dataset(pixels, np.arange(len(pixels)) % 2, **(given | about))  # type: ignore[arg-type]


def trained(backend: Backend, data: Dataset) -> gpunet.Network:
    net = gpunet.Network([4, 3, 1], device=backend)
    gpunet.fit(net, data, epochs=2, batch_size=8)
    return net


@pytest.mark.parametrize("stored", ["uint8", "int64", "uint16"])
def test_integers_are_scaled_as_in_training(
    backend: Backend, pixels: np.ndarray, tmp_path: Path, stored: str
) -> None:
    data = digits(pixels)
    net = trained(backend, data)
    net.save(tmp_path / "m")
    for network in (net, gpunet.load(tmp_path / "m", device=backend)):
        plain = pixels.astype(stored)
        np.testing.assert_array_equal(network.predict_proba(plain), network.predict_proba(data))
        assert network.evaluate(plain, data.y) == network.evaluate(data)
        assert network.loss_and_gradients(plain, data.y)[0] == network.loss_and_gradients(data)[0]


def test_floats_are_taken_as_they_are(backend: Backend, pixels: np.ndarray) -> None:
    data = digits(pixels)
    net = trained(backend, data)
    X, _ = data.arrays("float32")
    np.testing.assert_array_equal(net.predict_proba(X), net.predict_proba(data))


def test_bytes_without_a_data_set_have_no_scale(backend: Backend, pixels: np.ndarray) -> None:
    """Neither in training nor later: plain arrays are never rescaled on their own account."""
    net = gpunet.Network([4, 3, 1], device=backend)
    gpunet.fit(net, pixels, np.arange(N) % 2, epochs=1)
    A = net.predict_proba(pixels)
    np.testing.assert_array_equal(A, net.predict_proba(pixels.astype("float32")))


def test_validation_data_are_scaled_as_the_training_data(
    backend: Backend, pixels: np.ndarray
) -> None:
    data = digits(pixels)
    losses = [
        gpunet.fit(
            gpunet.Network([4, 3, 1], device=backend),
            *(data, None),
            epochs=2,
            batch_size=8,
            validation=validation,
        ).val_loss
        for validation in (data, (pixels, data.y))
    ]
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"scale": 0.0}, "scaled by 0.0"),
        ({"scale": -1.0}, "scaled by -1.0"),
        ({"scale": float("nan")}, "scaled by nan"),
        ({"scale": "1/255"}, "cannot be kept in a model file"),
        ({"image_shape": (2, 3)}, "pictures of \\(2, 3\\) for 4 features"),
        ({"image_shape": (4,)}, "cannot be kept in a model file"),
    ],
)
def test_what_a_model_file_cannot_keep_is_refused_before_the_first_step(
    pixels: np.ndarray, about: dict[str, object], said: str
) -> None:
    net = gpunet.Network([4, 3, 1], device="cpu")
    before = net.parameters["W1"].copy()
    with pytest.raises(DataError, match=said):
        gpunet.fit(net, digits(pixels, **about), epochs=1)
    np.testing.assert_array_equal(net.parameters["W1"], before)


@pytest.mark.parametrize(
    "about",
    [
        {"classes": (np.int64(5), np.int64(8))},
        {"classes": np.array(["5", "8"])},
        {"scale": np.float32(0.5)},
        {"image_shape": (np.int64(2), np.int32(2))},
        {"name": np.str_("digits")},
    ],
)
def test_what_numpy_makes_of_classes_and_scales_can_be_saved(
    pixels: np.ndarray, tmp_path: Path, about: dict[str, object]
) -> None:
    data = digits(pixels, **about)
    net = trained(gpunet.get_backend("cpu"), data)
    net.save(tmp_path / "m")
    again = gpunet.load(tmp_path / "m", device="cpu")
    assert again.input_format == net.input_format
    assert again.input_format.classes == ("5", "8")
    np.testing.assert_array_equal(again.predict(pixels), net.predict(data))


@pytest.mark.parametrize("number", [np.float64, np.float32, np.array], ids=lambda n: n.__name__)
def test_a_scale_of_numpys_is_as_good_as_pythons(
    backend: Backend, pixels: np.ndarray, number: Callable
) -> None:
    nets = [trained(backend, digits(pixels, scale=scale)) for scale in (0.5, number(0.5))]
    A, B = (net.predict_proba(digits(pixels, scale=number(0.5))) for net in nets)
    np.testing.assert_array_equal(A, B)


def test_a_scale_that_is_no_number_is_refused(pixels: np.ndarray) -> None:
    with pytest.raises(DataError, match="scale must be a number; got 'half'"):
        gpunet.Network([4, 3, 1], device="cpu").predict(digits(pixels, scale="half"))


def test_numbers_of_classes_that_do_not_fit_are_refused(pixels: np.ndarray) -> None:
    data = Dataset(pixels, np.arange(N) % 2, 1.0, ("a", "b"))
    net = gpunet.Network([4, 3, 3], output="softmax", loss="categorical_crossentropy", device="cpu")
    with pytest.raises(DataError, match="2 classes for 3 outputs"):
        gpunet.fit(net, data, epochs=1)


@pytest.mark.parametrize("then", ["float32", "uint8"])
def test_a_later_training_on_floats_keeps_the_scale_of_bytes(
    backend: Backend, pixels: np.ndarray, then: str
) -> None:
    """Floats are as they go in, so the network still takes bytes / 255; plain bytes replace it."""
    data = digits(pixels)
    net = trained(backend, data)
    X = data.arrays("float32")[0] if then == "float32" else pixels
    history = gpunet.fit(net, X, data.y, epochs=1, validation=(pixels, data.y))
    seen = X if then == "float32" else pixels.astype("float32")
    np.testing.assert_array_equal(net.predict_proba(pixels), net.predict_proba(seen))
    assert history.val_loss[0] == net.evaluate(seen, data.y)["loss"]
    assert net.input_format.classes == ()


def test_a_gradient_check_scales_bytes_as_all_else_does(pixels: np.ndarray) -> None:
    data = digits(pixels)
    net = trained(gpunet.get_backend("cpu"), data)
    plain, given = (gpunet.gradient_check(net, *x) for x in ((pixels, data.y), (data,)))
    assert (plain.analytic, plain.numeric) == (given.analytic, given.numeric)


def test_classes_in_another_order_are_refused(pixels: np.ndarray) -> None:
    """Each answer would count as the opposite of what it is."""
    data = digits(pixels)
    net = trained(gpunet.get_backend("cpu"), data)
    turned = digits(pixels, classes=("8", "5"))
    for call in (net.evaluate, net.loss_and_gradients):
        with pytest.raises(DataError, match=r"class '8' is number 0 .* learnt it as number 1"):
            call(turned)
    with pytest.raises(DataError, match="class '8' is number 0"):
        gpunet.fit(net, data, epochs=1, validation=turned)
    np.testing.assert_array_equal(net.predict(turned), net.predict(data))
    net.evaluate(digits(pixels, classes=("five", "eight")))
