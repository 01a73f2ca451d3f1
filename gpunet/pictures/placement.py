"""How the pictures that a network has learnt from are drawn, measured on some of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet.pictures.shape import box_of, mass_centre, stroke_width

LOOKED_AT = 128  # pictures, spread evenly
# Pictures are drawings if so much of what lies along their edges is paper, within this share of
# the contrast.
PAPER_AT_EDGE, LIKE_PAPER = 0.9, 0.15


@dataclass(frozen=True)
class Placement:
    """Drawings on paper of one colour; levels are as stored, lengths in pixels.

    Attributes:
        paper, ink: The level of paper, and that of full ink.
        side: The longer side of a drawing.
        row, column: Where its centre is, from the upper left corner.
        by_mass: Whether that is the centre of mass, or the middle of its box.
        stroke: How wide strokes are, as ``stroke_width`` measures them.
    """

    paper: float
    ink: float
    side: float
    row: float
    column: float
    by_mass: bool
    stroke: float

    @property
    def dark_on_light(self) -> bool:
        """Whether ink is darker than paper."""
        return self.ink < self.paper

    def to_dict(self) -> dict[str, Any]:
        """Return what a model file keeps."""
        return asdict(self)


def like_mnist(shape: tuple[int, int]) -> Placement:
    """Return how MNIST's digits are drawn, for pictures of another size in proportion.

    White on black, normalised to a box of 20 by 20 of 28 by 28 pixels and centred by mass (LeCun,
    Bottou, Bengio and Haffner 1998, section III A); the stroke is mnist58's median.
    """
    rows, columns = shape
    unit = min(shape) / 28
    centre = (rows / 2 + 0.5 * unit, columns / 2 + 0.5 * unit)
    return Placement(0.0, 255.0, 20 * unit, *centre, True, 1.86 * unit)


def placement_of(X: Any, shape: tuple[int, int]) -> Placement | None:
    """Return how pictures are drawn, or None if they are no drawings on paper of one colour.

    Args:
        X: (n, rows * columns), of which some are looked at.
        shape: (rows, columns).
    """
    n = len(X)
    chosen = np.linspace(0, n - 1, min(LOOKED_AT, n)).astype(np.int64)
    pictures = np.asarray(X[chosen], np.float64).reshape(-1, *shape)
    if not pictures.size or not np.isfinite(pictures).all():
        return None
    edges = [pictures[:, k, :] for k in (0, -1)] + [pictures[:, :, k] for k in (0, -1)]
    edge = np.concatenate([e.ravel() for e in edges])
    paper = float(np.median(edge))
    away = pictures.reshape(len(pictures), -1) - paper
    extreme = away[np.arange(len(away)), np.abs(away).argmax(axis=1)]
    contrast = float(np.median(extreme))
    if not contrast or not isfinite(contrast):
        return None
    if (np.abs(edge - paper) <= LIKE_PAPER * abs(contrast)).mean() < PAPER_AT_EDGE:
        return None
    return _measured(np.clip((pictures - paper) / contrast, 0, 1), paper, paper + contrast)


def _measured(pictures: NDArray, paper: float, ink: float) -> Placement | None:
    """Measure ink (n, rows, columns)."""
    boxes = [(box, picture) for picture in pictures if (box := box_of(picture)) is not None]
    if not boxes:
        return None
    masses = np.array([mass_centre(picture) for _, picture in boxes])
    middles = np.array([box.middle for box, _ in boxes])
    by_mass = bool(masses.std(axis=0).sum() <= middles.std(axis=0).sum())
    row, column = (masses if by_mass else middles).mean(axis=0).tolist()
    strokes = [w for picture in pictures if (w := stroke_width(picture)) > 0]
    return Placement(
        paper,
        ink,
        float(np.median([box.longest for box, _ in boxes])),
        row,
        column,
        by_mass,
        float(np.median(strokes)) if strokes else 1.0,
    )


def remembered(kept: Any) -> Placement | None:
    """Return what ``to_dict`` gave, read from a file; None if it is nothing of the kind."""
    try:
        found = Placement(**{k: kept[k] for k in Placement.__dataclass_fields__})
        numbers = [float(v) for v in asdict(found).values()]
    except (TypeError, KeyError, ValueError):
        return None
    sound = all(map(isfinite, numbers)) and found.side > 0 and found.stroke > 0
    return found if sound and found.paper != found.ink else None
