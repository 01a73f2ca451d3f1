"""How many threads of a GPU run a kernel. Here, away from cupy, so that tests know it too."""

THREADS, WARP, SUM_THREADS = 256, 32, 256
# Beside a wider table, so many columns lie in the registers of each thread. More would leave some
# kernel less than 80 registers for each, which is what three blocks of a multiprocessor have.
NARROW = {"float32": 16, "float64": 8}
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
