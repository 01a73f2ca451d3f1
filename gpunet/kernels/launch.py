"""How many threads of a GPU run a kernel. Here, away from cupy, so that tests know it too."""

THREADS, WARP = 256, 32
# Enough blocks to fill any GPU; the kernels step through what is left.
MOST_BLOCKS = 4096
# A block that sums columns goes through at least as many rows, for which its warps take turns.
ROWS_SUMMED, MOST_CHUNKS = 64, 64


def blocks_for(threads: int) -> int:
    """Return the blocks of THREADS threads to launch where so many threads have work."""
    return min(MOST_BLOCKS, -(-threads // THREADS))


def chunks_of(rows: int) -> int:
    """Return the pieces in which a kernel of column sums adds up its rows."""
    return max(1, min(MOST_CHUNKS, rows // ROWS_SUMMED))
