"""A drawing of any size, place and colours, brought to where and how a network has learnt it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet.pictures.ink import LUMA, Found, find_ink
from gpunet.pictures.placement import Placement
from gpunet.pictures.shape import Ink, box_of, mass_centre, stroke_width

# Strokes are made wider or narrower at this size of a drawing, in pixels, or up to twice of it.
WORKED_AT = 80
# Strokes of a width from ... to ... times that of training are left as they are.
THIN, THICK = 0.75, 1.4
# How far a picture of the right size may be off from training's to be taken as it stands: digits
# of MNIST are up to half a pixel.
SIDE_OFF, CENTRE_OFF = 1.5, 1.0


@dataclass(frozen=True)
class Drawn:
    """A drawing as a network is shown it.

    Attributes:
        ink: (rows, columns), from 0 to 1.
        dark_on_light: How it was drawn.
        as_it_stood: Whether nothing was moved, since it was as in training.
    """

    ink: Ink
    dark_on_light: bool
    as_it_stood: bool = False


def understand(
    rgb: NDArray[np.uint8],
    shape: tuple[int, int],
    placement: Placement,
    dark_on_light: bool | None = None,
) -> Drawn:
    """Return the drawing in a picture, as the network has learnt drawings.

    Args:
        rgb: (rows, columns, 3).
        shape: (rows, columns) of what the network takes.
        placement: How drawings lie there.
        dark_on_light: What it is, if that is known; else it is found out.

    Raises:
        DataError: Nothing is drawn there.
    """
    found = find_ink(rgb, dark_on_light)
    if rgb.shape[:2] == shape and _lies_as(found.ink, placement):
        grey = np.round(rgb @ LUMA) / 255.0
        return Drawn(1 - grey if found.dark_on_light else grey, found.dark_on_light, True)
    return Drawn(_placed(_sized(found, shape, placement), shape, placement), found.dark_on_light)


def levels(drawn: Drawn, placement: Placement, pixels: bool) -> NDArray:
    """Return the ink as the network's own levels, uint8 ``pixels`` or float32."""
    away = placement.ink - placement.paper
    if drawn.as_it_stood and pixels:
        ink = 255 * drawn.ink
        return np.round(255 - ink if placement.dark_on_light else ink).astype(np.uint8)
    found = placement.paper + drawn.ink * away
    return np.round(found).clip(0, 255).astype(np.uint8) if pixels else found.astype(np.float32)


def _centre(ink: Ink, placement: Placement) -> tuple[float, float]:
    box = box_of(ink)
    return mass_centre(ink) if placement.by_mass or box is None else box.middle


def _lies_as(ink: Ink, placement: Placement) -> bool:
    box = box_of(ink)
    if box is None or abs(box.longest - placement.side) > SIDE_OFF:
        return False
    row, column = _centre(ink, placement)
    return max(abs(row - placement.row), abs(column - placement.column)) <= CENTRE_OFF


def _sized(found: Found, shape: tuple[int, int], placement: Placement) -> Ink:
    """Return the drawing alone, in the size and with strokes as in training."""
    ink = _cut(found.ink)
    while max(ink.shape) > 2 * WORKED_AT:
        ink = _halved(ink)
    factor = WORKED_AT / max(ink.shape)
    if factor > 1:
        ink = _resized(ink, factor)
    ink = _cut(_stroked(ink, placement.stroke * max(ink.shape) / placement.side))
    fits = min(shape[0] / ink.shape[0], shape[1] / ink.shape[1])
    factor = min(placement.side / max(ink.shape), fits)
    small = _resized(ink, factor).clip(0, 1)
    return small / small.max()


def _cut(ink: Ink) -> Ink:
    box = box_of(ink)
    return ink if box is None else box.of(ink)


def _halved(ink: Ink) -> Ink:
    """Return the largest of each 2 by 2 pixels: thin strokes stay as dark as they are."""
    rows, columns = ink.shape
    ink = np.pad(ink, ((0, rows % 2), (0, columns % 2)))
    return ink.reshape(-(-rows // 2), 2, -(-columns // 2), 2).max(axis=(1, 3))


def _resized(ink: Ink, factor: float) -> Ink:
    from PIL import Image

    size = tuple(max(1, round(n * factor)) for n in ink.shape[::-1])
    image = Image.fromarray(ink.astype(np.float32))
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS), np.float64)


def _stroked(ink: Ink, wanted: float) -> Ink:
    """Return the drawing with strokes of about the wanted width, if they are far from it."""
    width = stroke_width(ink)
    if not width or THIN * wanted <= width <= THICK * wanted:
        return ink
    if width < wanted:
        return _spread(ink, round((wanted - width) / 2), np.maximum)
    narrower = _spread(ink, int((width - THICK * wanted) / 2), np.minimum)
    return narrower if stroke_width(narrower) else ink


def _spread(ink: Ink, radius: int, choose: Any) -> Ink:
    """Return the largest (or smallest) ink within a disc around each pixel."""
    rows, columns = (n + 2 * radius for n in ink.shape)
    around = np.pad(ink, 2 * radius)
    reach = range(-radius, radius + 1)
    disc = [(y, x) for y in reach for x in reach if y * y + x * x <= (radius + 0.5) ** 2]
    result = None
    for y, x in disc:
        shifted = around[radius + y : radius + y + rows, radius + x : radius + x + columns]
        result = shifted if result is None else choose(result, shifted)
    return ink if result is None else result


def _placed(ink: Ink, shape: tuple[int, int], placement: Placement) -> Ink:
    """Return the drawing on paper of that shape, its centre where it belongs."""
    frame = np.zeros(shape)
    corner = []
    for wanted, own, room, n in zip(
        (placement.row, placement.column), _centre(ink, placement), shape, ink.shape, strict=True
    ):
        corner.append(min(max(round(wanted - own), 0), max(room - n, 0)))
    top, left = corner
    part = ink[: shape[0] - top, : shape[1] - left]
    frame[top : top + part.shape[0], left : left + part.shape[1]] = part
    return frame
