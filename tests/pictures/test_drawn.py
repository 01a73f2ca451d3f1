"""Drawings of every size, place and colour are one drawing."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpunet import datasets
from gpunet.errors import DataError
from gpunet.pictures.drawn import levels, understand
from gpunet.pictures.ink import find_ink
from gpunet.pictures.placement import like_mnist, placement_of
from gpunet.pictures.reading import read_picture
from gpunet.pictures.shape import box_of, mass_centre, stroke_width

SHAPE, MNIST = (28, 28), like_mnist((28, 28))
WHITE, BLACK, YELLOW, BLUE = (255, 255, 255), (0, 0, 0), (250, 220, 90), (20, 40, 160)
RED, GREEN = (200, 40, 40), (60, 130, 60)  # equally light


def painted(
    ink: np.ndarray,
    colours: tuple = (WHITE, BLACK),
    canvas: tuple[int, int] = (120, 100),
    corner: tuple[int, int] = (20, 30),
) -> np.ndarray:
    """The drawing on a canvas, (rows, columns, 3) uint8; colours are ink's and paper's."""
    share = np.zeros(canvas)
    (y, x), (rows, columns) = corner, ink.shape
    share[y : y + rows, x : x + columns] = ink
    pen, paper = (np.array(c, float) for c in colours)
    return np.round(share[..., None] * pen + (1 - share[..., None]) * paper).astype(np.uint8)


@given(y=st.integers(5, 55), x=st.integers(5, 55))
def test_where_it_is_drawn_does_not_matter(stroke: np.ndarray, y: int, x: int) -> None:
    expected = understand(painted(stroke), SHAPE, MNIST)
    found = understand(painted(stroke, corner=(y, x)), SHAPE, MNIST)
    np.testing.assert_allclose(found.ink, expected.ink, atol=1e-9)  # rounding of the plane's fit


@pytest.mark.parametrize(
    ("colours", "dark"),
    [((BLACK, WHITE), True), ((BLUE, YELLOW), True), ((YELLOW, BLUE), False),
     (((90, 90, 90), (150, 150, 150)), True)],
)  # fmt: skip
def test_colours_do_not_matter(stroke: np.ndarray, colours: tuple, dark: bool) -> None:
    expected = understand(painted(stroke), SHAPE, MNIST)
    found = understand(painted(stroke, colours), SHAPE, MNIST)
    assert (expected.dark_on_light, found.dark_on_light) == (False, dark)
    np.testing.assert_allclose(found.ink, expected.ink, atol=1e-9)


def test_colours_of_one_lightness_are_told_apart(stroke: np.ndarray) -> None:
    found = understand(painted(stroke, (RED, GREEN)), SHAPE, MNIST)
    np.testing.assert_allclose(found.ink, understand(painted(stroke), SHAPE, MNIST).ink, atol=1e-9)


@pytest.mark.parametrize("factor", [2, 5, 12])
def test_how_large_it_is_drawn_hardly_matters(stroke: np.ndarray, factor: int) -> None:
    large = np.kron(stroke, np.ones((factor, factor)))
    canvas = tuple(n * factor + 40 for n in stroke.shape)
    found = understand(painted(large, canvas=canvas), SHAPE, MNIST).ink
    expected = understand(painted(stroke), SHAPE, MNIST).ink
    # Halving rounds the edges to a pixel of some 100, a fifth of a pixel of 20.
    assert np.abs(found - expected).mean() < 0.02
    assert np.abs(found - expected).max() < 0.35


@pytest.mark.parametrize("pen", [1, 3, 14])
def test_strokes_of_every_width_are_made_those_of_training(pen: int) -> None:
    ink = np.zeros((200, 130))
    ink[:, :pen] = ink[-pen:, :] = 1
    found = understand(painted(ink, canvas=(300, 300), corner=(40, 60)), SHAPE, MNIST).ink
    assert 0.6 * MNIST.stroke < stroke_width(found) < 1.7 * MNIST.stroke
    assert found.max() == 1


@pytest.mark.parametrize("shape", [(28, 28), (8, 8), (20, 32)])
def test_it_lies_where_training_s_drawings_lie(stroke: np.ndarray, shape: tuple[int, int]) -> None:
    placement = like_mnist(shape)
    found = understand(painted(stroke), shape, placement).ink
    assert found.shape == shape
    # To a pixel, which the drawing is moved by; its faint rim makes the box up to two larger.
    assert mass_centre(found) == (
        pytest.approx(placement.row, abs=0.6),
        pytest.approx(placement.column, abs=0.6),
    )
    assert abs(box_of(found).longest - placement.side) <= 2


def test_dust_is_left_out_and_parts_of_a_digit_are_not(stroke: np.ndarray) -> None:
    clean = painted(stroke)
    dusty = clean.copy()
    dusty[110:112, 5:7] = 255
    expected = understand(clean, SHAPE, MNIST).ink
    np.testing.assert_allclose(understand(dusty, SHAPE, MNIST).ink, expected, atol=1e-9)
    apart = stroke.copy()
    apart[40:46, :6] = 0  # the L in two pieces
    found = understand(painted(apart), SHAPE, MNIST).ink
    assert box_of(found).longest >= 19


def test_light_from_one_side_does_not_matter(stroke: np.ndarray) -> None:
    """Here paper in the dark is as grey as ink in the light, but for a fifth."""
    picture = painted(stroke, ((90, 90, 90), (220, 220, 220))).astype(float)
    light = np.linspace(0.5, 1.0, picture.shape[1])[:, None]
    lit = np.round(picture * light).astype(np.uint8)
    expected = understand(painted(stroke), SHAPE, MNIST).ink
    # In the dark ink differs less from paper: it is fainter there, and lies where it does.
    found = understand(lit, SHAPE, MNIST).ink
    assert np.abs(found - expected).mean() < 0.04
    assert (found[expected > 0.5] > 0.25).all()
    assert (found[expected == 0] < 0.25).all()
    assert find_ink(lit).dark_on_light


def test_a_known_polarity_is_believed_against_the_edge(stroke: np.ndarray) -> None:
    """A white frame around a drawing in white on black, say."""
    framed = painted(stroke)
    for side in (framed[:4], framed[-4:], framed[:, :4], framed[:, -4:]):
        side[...] = 255
    assert find_ink(framed).dark_on_light  # the frame is taken for paper
    assert find_ink(painted(stroke), False).ink.sum() == pytest.approx(
        find_ink(painted(stroke)).ink.sum()
    )
    assert not find_ink(framed, False).dark_on_light


@pytest.mark.parametrize("level", [0, 128, 255])
def test_nothing_drawn_is_said(level: int) -> None:
    empty = np.full((50, 50, 3), level, np.uint8)
    for dark in (None, True, False):
        with pytest.raises(DataError, match="nothing is drawn"):
            understand(empty, SHAPE, MNIST, dark)
    grainy = empty + np.random.default_rng(0).integers(0, 4, empty.shape)
    with pytest.raises(DataError, match="nothing is drawn"):
        understand(grainy.clip(0, 255).astype(np.uint8), SHAPE, MNIST)


def test_training_s_own_pictures_are_taken_as_they_stand() -> None:
    X = datasets.load("mnist58")[1].X[:200]
    placement = placement_of(X, SHAPE)
    for row in X:
        pixels = row.reshape(SHAPE)
        for picture, dark in ((pixels, False), (255 - pixels, True)):
            drawn = understand(np.repeat(picture[..., None], 3, axis=2), SHAPE, placement)
            assert drawn.as_it_stood
            assert drawn.dark_on_light == dark
            np.testing.assert_array_equal(levels(drawn, placement, pixels=True), pixels)


def test_levels_are_those_of_the_training_pictures() -> None:
    X = datasets.load("mnist58")[1].X[:50].astype(float)
    rgb = np.repeat(X[0].reshape(28, 28, 1), 3, axis=2).astype(np.uint8)
    in_bytes, *in_floats = 255 - X, X / 255, 1 - X / 255, X / 16
    for stored, pixels in ((in_bytes, True), *((x, False) for x in in_floats)):
        placement = placement_of(stored, SHAPE)
        found = levels(understand(rgb, SHAPE, placement), placement, pixels)
        assert found.dtype == (np.uint8 if pixels else np.float32)
        # float32 has 24 bits
        np.testing.assert_allclose(found.reshape(-1), stored[0], rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("pen", [0, 60, 200, 255])
def test_transparent_parts_are_paper(tmp_path: Path, stroke: np.ndarray, pen: int) -> None:
    image_module = pytest.importorskip("PIL.Image")
    alpha = painted(stroke)[..., :1]
    for hidden in (0, 255):  # the colour stored in what nobody sees
        colours = np.where(alpha > 0, pen, hidden).astype(np.uint8).repeat(3, axis=2)
        image_module.fromarray(np.concatenate([colours, alpha], axis=2)).save(tmp_path / "t.png")
        found = understand(read_picture(tmp_path / "t.png"), SHAPE, MNIST)
        np.testing.assert_allclose(
            found.ink, understand(painted(stroke), SHAPE, MNIST).ink, atol=1e-9
        )
        assert found.dark_on_light == (pen < 128)


def test_paper_with_transparent_corners_stays_paper(tmp_path: Path, stroke: np.ndarray) -> None:
    image_module = pytest.importorskip("PIL.Image")
    picture = painted(stroke, (BLACK, YELLOW))
    alpha = np.full((*picture.shape[:2], 1), 255, np.uint8)
    alpha[:8, :8] = alpha[-8:, -8:] = 0
    image_module.fromarray(np.concatenate([picture, alpha], axis=2)).save(tmp_path / "t.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "t.png"), picture)


def test_a_picture_of_16_bits_or_turned_by_the_camera_is_the_same_picture(tmp_path: Path) -> None:
    image_module = pytest.importorskip("PIL.Image")
    pixels = np.arange(0, 120, 10, dtype=np.uint8).reshape(3, 4)
    image_module.fromarray(pixels.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    turned, exif = image_module.fromarray(np.rot90(pixels)), image_module.Exif()
    exif[0x0112] = 6  # to be shown turned by a quarter, clockwise
    turned.save(tmp_path / "turned.png", exif=exif)
    for name in ("deep.png", "turned.png"):
        found = read_picture(tmp_path / name)
        np.testing.assert_array_equal(found, np.repeat(pixels[..., None], 3, axis=2))


def test_a_huge_picture_is_reduced(tmp_path: Path, stroke: np.ndarray) -> None:
    image_module = pytest.importorskip("PIL.Image")
    large = np.kron(stroke, np.ones((20, 20)))
    image_module.fromarray(painted(large, canvas=(3000, 2400))).save(tmp_path / "huge.png")
    rgb = read_picture(tmp_path / "huge.png")
    assert max(rgb.shape) <= 2048
    found = understand(rgb, SHAPE, MNIST).ink
    assert np.abs(found - understand(painted(stroke), SHAPE, MNIST).ink).mean() < 0.02
