"""Whole training runs and all kinds of gathers, to launch every kernel that the package has."""

from collections.abc import Callable
from typing import Any

import numpy as np
from pieces import kernel

import gpunet
from gpunet.backends import Backend
from gpunet.kernels.expression import FLOAT, UINT16
from gpunet.program.rewrites.precision import parts_of_8_bits

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


def train(
    backend: Backend, dtype: str, kind: str, optimizer: str, precision: str = "float32"
) -> dict[str, np.ndarray]:
    """Return the parameters after an epoch of three batches of bytes, the last one smaller."""
    network = NETWORKS[kind](backend, dtype)
    generator = np.random.default_rng(0)
    X = generator.integers(0, 4, (11, 5), np.uint8)
    Y = generator.integers(0, network.architecture.sizes[-1] if "deep" in kind else 2, 11)
    options = {"batch_size": 4, "optimizer": TRAINING[optimizer], "precision": precision}
    gpunet.fit(network, X, Y, epochs=1, **options)
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


def bfloat16_words(backend: Backend) -> list[np.ndarray]:
    """Return what is written to arrays of bfloat16 numbers: a split, and gathers of bytes.

    As float32 numbers, however the backend keeps them.
    """
    x = np.random.default_rng(0).normal(size=(9, 5)).astype("float32")
    x[0] = [0.0, -0.0, 1.0, 2.0**-100, -(2.0**90)]
    outs = [backend.zeros(x.shape, backend.bfloat16) for _ in range(3)]
    dtype = UINT16 if backend.bfloat16 == UINT16 else FLOAT

    def split(xp: Any, x: Any) -> Any:
        parts = parts_of_8_bits(x * (1 / 255))
        return parts if dtype == FLOAT else tuple(xp.astype(part, dtype) for part in parts)

    kernel(backend, split)(backend.array(x, "float32"), out=tuple(outs))
    X = backend.array(np.arange(256).reshape(32, 8), "uint8")
    for rows in (slice(3, 32), backend.array([31, 0, 7, 31], "int64")):
        outs.append(backend.zeros((29 if isinstance(rows, slice) else 4, 8), backend.bfloat16))
        backend.take(X, rows, 1.0, out=outs[-1])
    return [as_float32(backend.to_numpy(out)) for out in outs]


def as_float32(x: np.ndarray) -> np.ndarray:
    """Return the bfloat16 numbers in words of 16 bits as float32; others as they are."""
    return (x.astype("uint32") << 16).view("float32") if x.dtype == "uint16" else x
