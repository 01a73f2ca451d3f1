"""What can be measured of a drawing: where its ink is, and how thick its strokes are.

Ink is a float array (rows, columns) from 0, paper, to 1. Places are in pixels from the upper left
corner of the picture, so that the middle of the first pixel is at 0.5.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ink = NDArray[np.floating]
# From so much ink on a pixel counts as drawn on: a digit of MNIST that fills its box of 20 pixels
# does so at this level.
DRAWN = 0.25


class Box(NamedTuple):
    """The pixels from top to bottom - 1, and from left to right - 1."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def longest(self) -> int:
        """The longer side."""
        return max(self.bottom - self.top, self.right - self.left)

    @property
    def middle(self) -> tuple[float, float]:
        """(row, column) between the sides."""
        return (self.top + self.bottom) / 2, (self.left + self.right) / 2

    def of(self, ink: Ink) -> Ink:
        """Cut it out."""
        return ink[self.top : self.bottom, self.left : self.right]


def box_of(ink: Ink) -> Box | None:
    """Return the smallest box with all that is drawn, or None if nothing is."""
    drawn = ink > DRAWN
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    if not rows.size:
        return None
    return Box(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)


def mass_centre(ink: Ink) -> tuple[float, float]:
    """Return (row, column) of the centre of mass; some ink has to be there."""
    total = ink.sum()
    return tuple(
        float((ink.sum(axis=1 - axis) * (np.arange(n) + 0.5)).sum() / total)
        for axis, n in enumerate(ink.shape)
    )  # type: ignore[return-value]


def stroke_width(ink: Ink) -> float:
    """Return about how many pixels a stroke is wide, or 0 if nothing is drawn.

    A stroke of length l and width w has the area l w and an edge of 2 l.
    """
    drawn = np.pad(ink > 0.5, 1)
    edge = np.count_nonzero(drawn[1:] != drawn[:-1])
    edge += np.count_nonzero(drawn[:, 1:] != drawn[:, :-1])
    return 2 * np.count_nonzero(drawn) / edge if edge else 0.0


def parts(drawn: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the number of the connected part that each pixel belongs to, from 1; 0 elsewhere.

    Pixels that touch at a corner are connected. Runs of pixels in one row are joined with those
    that they touch in the next.
    """
    labels = np.zeros(drawn.shape, np.int64)
    parent = [0]

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    above: list[tuple[int, int, int]] = []
    for y, row in enumerate(drawn):
        ends = np.flatnonzero(np.diff(row, prepend=False, append=False)).tolist()
        here = []
        for start, stop in list(pairwise(ends))[::2]:
            label = len(parent)
            parent.append(label)
            for a, b, other in above:
                if a <= stop and start <= b:
                    parent[root(other)] = root(label)
            here.append((start, stop, label))
            labels[y, start:stop] = label
        above = here
    roots = np.array([root(k) for k in range(len(parent))])
    return np.unique(roots, return_inverse=True)[1].reshape(-1)[labels]
