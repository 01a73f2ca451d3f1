"""What is measured of training pictures."""

import json

import numpy as np
import pytest

from gpunet import datasets
from gpunet.pictures.placement import like_mnist, placement_of, remembered


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    return datasets.load("mnist58")[0].X[:500]


def test_mnist_is_drawn_as_its_authors_say(digits: np.ndarray) -> None:
    found, said = placement_of(digits, (28, 28)), like_mnist((28, 28))
    assert not found.dark_on_light
    assert found.by_mass
    assert found.side == said.side == 20
    # Their programme rounds the centre to a whole pixel, a draw of +-1/2 each: of the mean of 128,
    # sqrt(1/12/128) = 0.026.
    assert (found.row, found.column) == (
        pytest.approx(said.row, abs=0.1),
        pytest.approx(said.column, abs=0.1),
    )
    assert found.stroke == pytest.approx(said.stroke, rel=0.1)


@pytest.mark.parametrize("scale", [1.0, 1 / 255, 16 / 255])
def test_other_levels_and_polarities_are_the_same_drawings(
    digits: np.ndarray, scale: float
) -> None:
    expected = placement_of(digits, (28, 28))
    for X, dark in ((digits * scale, False), ((255 - digits.astype(float)) * scale, True)):
        found = placement_of(X, (28, 28))
        assert found.dark_on_light == dark
        assert abs(found.ink - found.paper) == pytest.approx(255 * scale)
        for name in ("side", "row", "column", "stroke", "by_mass"):
            assert getattr(found, name) == pytest.approx(getattr(expected, name))


def test_what_is_not_on_paper_is_no_drawing(digits: np.ndarray) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 784), np.uint8)
    assert placement_of(noise, (28, 28)) is None
    assert placement_of(np.full((5, 784), 7, np.uint8), (28, 28)) is None
    assert placement_of(np.full((5, 784), np.nan), (28, 28)) is None
    assert placement_of(digits[:0], (28, 28)) is None


def test_a_model_file_gives_back_what_was_kept(digits: np.ndarray) -> None:
    found = placement_of(digits, (28, 28))
    assert remembered(json.loads(json.dumps(found.to_dict()))) == found


@pytest.mark.parametrize("kept", [None, {}, [], "x", {"paper": 0.0}])
def test_what_is_nothing_of_the_kind_is_no_placement(kept: object) -> None:
    assert remembered(kept) is None


@pytest.mark.parametrize(
    "wrong", [{"side": 0.0}, {"ink": 0.0}, {"row": "x"}, {"column": float("nan")}, {"stroke": None}]
)
def test_nor_is_one_with_a_wrong_number(wrong: dict) -> None:
    sound = like_mnist((28, 28)).to_dict()
    assert remembered(sound) is not None
    assert remembered(sound | wrong) is None
