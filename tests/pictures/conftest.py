"""A drawing that every test looks at."""

import numpy as np
import pytest

pytest.importorskip("PIL")


@pytest.fixture(scope="session")
def stroke() -> np.ndarray:
    """The ink of an L, (60, 40), 0 or 1: strokes of 6 pixels."""
    ink = np.zeros((60, 40))
    ink[:, :6] = ink[-6:, :] = 1
    return ink
