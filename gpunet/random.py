"""Random numbers addressed by position: Philox4x32-10.

J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw, "Parallel random numbers: as easy as 1, 2,
3", SC 2011. A draw is a pure function of (seed, stream, position): it has no state, so it does not
depend on what was drawn before, and every device gets the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MULTIPLIER_0, MULTIPLIER_1 = 0xD2511F53, 0xCD9E8D57
WEYL_0, WEYL_1 = 0x9E3779B9, 0xBB67AE85
LOW = 0xFFFFFFFF
LARGEST_SEED = 2**32 - 1

# Streams: independent sequences under one seed. Layer numbers are added to DROPOUT and WEIGHTS.
SHUFFLE, SPLIT, DIRECTION, WEIGHTS, DROPOUT = 1, 2, 3, 1 << 16, 2 << 16


def philox(
    xp: Any, key: tuple[int, int], counter: tuple[Any, Any, Any, Any]
) -> tuple[Any, Any, Any, Any]:
    """Return four words of 32 random bits for each counter.

    Args:
        xp: The array namespace (a real one, or the one that records formulas).
        key: Two integers below 2**32.
        counter: Four uint32 arrays that broadcast together.

    Returns:
        Four uint32 arrays.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        low_0, high_0 = _multiply(xp, c0, MULTIPLIER_0)
        low_1, high_1 = _multiply(xp, c2, MULTIPLIER_1)
        c0, c1, c2, c3 = high_1 ^ c1 ^ k0, low_1, high_0 ^ c3 ^ k1, low_0
        k0, k1 = (k0 + WEYL_0) & LOW, (k1 + WEYL_1) & LOW
    return c0, c1, c2, c3


def _multiply(xp: Any, x: Any, constant: int) -> tuple[Any, Any]:
    """Return the low and the high 32 bits of ``x * constant``."""
    product = xp.astype(x, xp.uint64) * constant
    return xp.astype(product & LOW, xp.uint32), xp.astype(product >> 32, xp.uint32)


def bits(xp: Any, key: tuple[int, int], step: Any, shape: tuple[Any, int]) -> Any:
    """Return (rows, columns) uint32 words; one counter (column // 4, row, step) gives four.

    ``step`` is a uint32 array of one element. Where code is recorded, this is one operation.
    """
    if hasattr(xp, "random_bits"):
        return xp.random_bits(key, step, shape)
    rows, columns = shape
    groups = xp.arange(-(-columns // 4), dtype=xp.uint32)[None, :]
    row = xp.arange(rows, dtype=xp.uint32)[:, None]
    four = philox(xp, key, (groups, row, step, row ^ row))
    return xp.reshape(xp.stack(four, axis=-1), (rows, -1))[:, :columns]


def words(seed: int, stream: int, count: int) -> NDArray[np.uint32]:
    """Return the first ``count`` words (uint32) of a stream, on the host."""
    blocks = np.arange(-(-count // 4), dtype=np.uint64)
    zero = np.zeros_like(blocks, dtype=np.uint32)
    low, high = (blocks & LOW).astype(np.uint32), (blocks >> 32).astype(np.uint32)
    return np.stack(philox(np, (seed, stream), (low, high, zero, zero)), axis=1).reshape(-1)[:count]


def uniform(seed: int, stream: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return float64 numbers in [0, 1) with 53 random bits each."""
    count = int(np.prod(shape))
    pairs = words(seed, stream, 2 * count).reshape(-1, 2).astype(np.uint64)
    bits = (pairs[:, 0] >> 5 << 26) | (pairs[:, 1] >> 6)
    return (bits.astype(np.float64) * 2.0**-53).reshape(shape)


def normal(seed: int, stream: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return float64 numbers from N(0, 1), by the transform of Box and Muller (1958)."""
    count = int(np.prod(shape))
    u, v = uniform(seed, stream, (-(-count // 2), 2)).T
    radius = np.sqrt(-2.0 * np.log1p(-u))  # 1 - u is never 0
    pairs = np.stack([radius * np.cos(2 * np.pi * v), radius * np.sin(2 * np.pi * v)], axis=1)
    return pairs.reshape(-1)[:count].reshape(shape)


def permutation(seed: int, stream: int, epoch: int, n: int) -> NDArray[np.int64]:
    """Return a random order of 0 .. n-1: the order of n random keys, ties by index."""
    positions = np.arange(-(-n // 2), dtype=np.uint32)
    zero = np.zeros_like(positions)
    w = philox(np, (seed, stream), (positions, np.full_like(zero, epoch), zero, zero))
    halves = np.stack(w, axis=1).reshape(-1, 2).astype(np.uint64)
    keys = (halves[:, 0] << 32 | halves[:, 1])[:n]
    # The index takes the place of a key's last bits: sorting such words is many times faster than
    # finding the order of the keys.
    bits = max(n - 1, 1).bit_length()
    keys = np.sort(keys >> bits << bits | np.arange(n, dtype=np.uint64))
    return (keys & ((1 << bits) - 1)).astype(np.int64)
