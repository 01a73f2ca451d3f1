"""What every data set looks like: features, class numbers, and the scale of a feature."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gpunet.datasets.mapped import lazily


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples with their classes.

    Attributes:
        X: (n, features). Images stay uint8; a batch is scaled when it is gathered. A file that
            is too large to read at once stays on the disk: X is then a numpy.memmap or a
            datasets.mapped.MappedRows, and np.asarray(X) reads it.
        y: (n,) int64 class numbers, 0 up to len(classes) - 1.
        scale: What a stored feature is multiplied by before it enters a network.
        classes: The name of each class number, such as ("5", "8").
        name: What messages call it.
        image_shape: (rows, columns) where a row of X is a picture, else None.
    """

    X: NDArray
    y: NDArray
    scale: float = 1.0
    classes: tuple[str, ...] = ()
    name: str = "data"
    image_shape: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.X)

    @property
    def targets(self) -> NDArray:
        """What a network's outputs are compared with, uint8.

        (n, 1) of 0 and 1 for two classes, one-hot (n, classes) for more.
        """
        if len(self.classes) <= 2:
            return self.y[:, None].astype(np.uint8)
        one_hot: NDArray = self.y[:, None] == np.arange(len(self.classes))
        return one_hot.astype(np.uint8)

    def arrays(self, dtype: DTypeLike = "float32") -> tuple[NDArray, NDArray]:
        """Return (X, Y): scaled features (n, features) and targets, as floats of ``dtype``."""
        # A Python float does not promote: float32 features stay float32.
        return np.asarray(self.X).astype(dtype) * float(self.scale), self.targets.astype(dtype)

    def part(self, rows: NDArray | slice) -> "Dataset":
        """Return the data set with these rows only."""
        return replace(self, X=lazily(self.X)[rows], y=self.y[rows])
