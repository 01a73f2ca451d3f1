"""Whole training runs and all kinds of gathers, to launch every kernel that the package has."""

from collections.abc import Callable

import numpy as np

import gpunet
from gpunet.backends import Backend

NETWORKS: dict[str, Callable[[Backend, str], gpunet.Network]] = {
    "deep, with dropout": lambda backend, dtype: gpunet.Network(
        [5, 7, 6, 3],
        hidden=["gelu", "relu"],
        output="softmax",
        loss="categorical_crossentropy",
        dropout=0.4,
        device=backend,
        dtype=dtype,
    ),
    "one output": lambda backend, dtype: gpunet.Network(
        [5, 4, 1], bias=False, reduction="sum", device=backend, dtype=dtype
    ),
}
TRAINING = {"clipped": gpunet.SGD(0.1, clip_norm=0.1), "adamw": gpunet.AdamW(0.01)}


def train(backend: Backend, dtype: str, kind: str, optimizer: str) -> dict[str, np.ndarray]:
    """Return the parameters after an epoch of three batches of bytes, the last one smaller."""
    network = NETWORKS[kind](backend, dtype)
    generator = np.random.default_rng(0)
    X = generator.integers(0, 4, (11, 5), np.uint8)
    Y = generator.integers(0, network.architecture.sizes[-1] if "deep" in kind else 2, 11)
    gpunet.fit(network, X, Y, epochs=1, batch_size=4, optimizer=TRAINING[optimizer])
    network.evaluate(X.astype(dtype) / 7, Y)
    return {name: np.array(value) for name, value in network.parameters.items()}


def gather_all(backend: Backend, dtype: str) -> list[np.ndarray]:
    """Return what `take` makes of bytes and floats, of slices and lists of rows."""
    results = []
    for source in ("uint8", "float32", "float64"):
        X = backend.array(np.random.default_rng(0).integers(0, 256, (6, 5)), source)
        chosen = backend.array([5, 0, 5], "int64")
        for rows, n in ((slice(1, 4), 3), (slice(0, 6), 6), (chosen, 3)):
            for columns in (5, 4):  # whole rows, and rows with something between them
                out = backend.zeros((n, columns), dtype)
                backend.take(X[:, :columns], rows, 1 / 255, out=out)
                results.append(out)
    return results
