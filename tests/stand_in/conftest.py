"""What the files in here share: they run where ``cupy`` is the stand-in, see test_stand_in.py."""

import numpy as np
import pytest


@pytest.fixture
def queued():
    """A stream that waits for nobody and that nobody waits for."""
    import cupy

    return cupy.cuda.Stream(non_blocking=True)


@pytest.fixture
def seen():
    """Read an array's memory as it is now, which no host could do."""
    return lambda array: np.array(array._view)
