"""From a formula to one kernel: recording it, NumPy calls, CUDA source."""
