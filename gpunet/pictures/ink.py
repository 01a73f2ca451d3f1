"""Finding the ink in a picture: whatever the colours of paper and pen, and however it is lit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gpunet.errors import DataError
from gpunet.pictures.shape import DRAWN, Ink, parts

EDGE = 0.03  # of the shorter side: the strip along the edges that is taken for paper
FITS = 4  # of a plane to the paper, each without the pixels that fit worst
DROPPED = 0.2
LEAST_CONTRAST = 16.0  # of 255, between paper and ink
BINS = 256
LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as Pillow's conversion to grey
# A part of a drawing with less than this share of the largest part's ink is a speck of dust.
SPECK = 0.04


class Found(NamedTuple):
    """The ink (rows, columns) from 0 to 1, and whether it is darker than the paper."""

    ink: Ink
    dark_on_light: bool


def find_ink(rgb: NDArray, dark_on_light: bool | None = None) -> Found:
    """Return what is drawn in a picture.

    Paper is what lies along the edges; its colour may change evenly over the picture, as by a lamp
    at one side. Ink is what is of another colour, lighter or darker.

    Args:
        rgb: (rows, columns, 3), 0 to 255.
        dark_on_light: What it is, if that is known. Paper is then the lightest (or darkest) there
            is, whatever lies along the edges.

    Raises:
        DataError: All of it has about the same colour.
    """
    rgb = rgb.astype(np.float64)
    grey = rgb @ LUMA
    if dark_on_light is None:
        away = rgb - _paper(rgb)
        distance = np.sqrt((away**2).mean(axis=2))
    else:
        level = np.percentile(grey, 95 if dark_on_light else 5)
        distance = np.clip((level - grey) * (1 if dark_on_light else -1), 0, None)
    threshold = _otsu(distance)
    drawn = distance > threshold
    full = float(np.median(distance[drawn])) if drawn.any() else 0.0
    if full < LEAST_CONTRAST:
        raise DataError(
            f"nothing is drawn in it: paper and ink differ by {full:.0f} of 255; expected at least "
            f"{LEAST_CONTRAST:.0f}"
        )
    # Most of the paper is below this; the grain of the rest is faint.
    nothing = min(float(np.percentile(distance[~drawn], 75)), threshold / 2)
    ink = np.clip((distance - nothing) / (full - nothing), 0, 1)
    if dark_on_light is None:
        dark_on_light = bool(grey[drawn].mean() < grey[~drawn].mean())
    return Found(_without_specks(ink), dark_on_light)


def _paper(rgb: NDArray) -> NDArray:
    """Return the colour that the paper would have everywhere: a plane fitted to the edges."""
    rows, columns = rgb.shape[:2]
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    plane = np.stack([np.ones_like(x), x, y], axis=2)
    strip = max(1, round(EDGE * min(rows, columns)))
    edge = np.ones((rows, columns), bool)
    edge[strip : rows - strip, strip : columns - strip] = False
    A, B = plane[edge], rgb[edge]
    # From the commonest colour on, so that a drawing that runs over the edge does not tilt it.
    fitted = np.broadcast_to(np.median(B, axis=0), B.shape)
    coefficients = np.zeros((3, 3))
    for _ in range(FITS):
        misfit = np.abs(B - fitted).max(axis=1)
        kept = misfit <= np.quantile(misfit, 1 - DROPPED)
        coefficients = np.linalg.lstsq(A[kept], B[kept], rcond=None)[0]
        fitted = A @ coefficients
    return plane @ coefficients


def _otsu(values: NDArray) -> float:
    """Return the level that parts values into two classes best (Otsu 1979)."""
    counts, edges = np.histogram(values, BINS)
    centres = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(edges[1:][np.nanargmax(np.nan_to_num(between))])


def _without_specks(ink: Ink) -> Ink:
    """Return the ink without small parts that stand alone."""
    # Not all of a part's faint rim is drawn on: what is dilated by a pixel takes it along.
    padded = np.pad(ink > DRAWN, 1)
    wide = np.logical_or.reduce(
        [padded[y : y + ink.shape[0], x : x + ink.shape[1]] for y in range(3) for x in range(3)]
    )
    label = parts(wide)
    mass = np.bincount(label.ravel(), ink.ravel())
    mass[0] = 0.0
    return np.where((mass >= SPECK * mass.max())[label], ink, 0.0)
