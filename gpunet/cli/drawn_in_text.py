"""A picture in the terminal."""

from __future__ import annotations

import sys

import numpy as np

SHADES, PLAIN_SHADES = " ░▒▓█", " .+#@"


def drawn_in_text(picture: list[list[float]]) -> str:
    """Return the picture as text, a character for two pixels below each other: as in a terminal."""
    shades = SHADES if _can_print(SHADES) else PLAIN_SHADES
    ink = np.asarray(picture)
    rows, columns = ink.shape
    pairs = np.pad(ink, ((0, rows % 2), (0, 0))).reshape(-1, 2, columns).mean(axis=1)
    chosen = np.ceil(pairs * (len(shades) - 1) - 0.25).astype(int).clip(0, len(shades) - 1)
    return "\n".join("|" + "".join(shades[k] for k in line) + "|" for line in chosen)


def _can_print(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True
