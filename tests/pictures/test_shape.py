"""Boxes, centres, widths and connected parts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from gpunet.pictures.shape import Box, box_of, mass_centre, parts, stroke_width

DRAWINGS = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9))


@given(drawn=DRAWINGS)
def test_parts_are_what_can_be_walked_through(drawn: np.ndarray) -> None:
    found = parts(drawn)
    assert ((found > 0) == drawn).all()
    assert set(np.unique(found[drawn])) == set(range(1, found.max() + 1))
    left = {(int(y), int(x)) for y, x in np.argwhere(drawn)}
    seen = set()
    while left:  # a walk from each pixel that no walk has come to yet
        walk, reached = [left.pop()], set()
        while walk:
            y, x = walk.pop()
            reached.add((y, x))
            beside = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= beside
            walk += beside
        (label,) = {int(found[place]) for place in reached}
        assert label not in seen
        seen.add(label)


@given(drawn=DRAWINGS)
def test_the_box_is_the_smallest_with_all_that_is_drawn(drawn: np.ndarray) -> None:
    box = box_of(drawn.astype(float))
    if box is None:
        assert not drawn.any()
        return
    inside = box.of(drawn)
    assert inside.sum() == drawn.sum()
    for side in (inside[0], inside[-1], inside[:, 0], inside[:, -1]):
        assert side.any()


def test_places_are_measured_from_the_corner() -> None:
    ink = np.zeros((10, 20))
    ink[3:5, 6:9] = 0.7
    assert mass_centre(ink) == (pytest.approx(4.0), pytest.approx(7.5))
    box = box_of(ink)
    assert box == Box(3, 5, 6, 9)
    assert (box.middle, box.longest) == ((4.0, 7.5), 3)


@pytest.mark.parametrize("width", [1, 2, 5])
def test_a_long_stroke_has_about_its_width(width: int) -> None:
    ink = np.zeros((300, 20))
    ink[10:-10, 4 : 4 + width] = 1
    # Its two ends add 2 w to an edge of 2 l: w / l of the width.
    assert stroke_width(ink) == pytest.approx(width, rel=width / 280)


def test_nothing_has_no_box_and_no_width() -> None:
    assert box_of(np.zeros((3, 3))) is None
    assert stroke_width(np.zeros((3, 3))) == 0
