"""From a formula to what a device runs: tracing, NumPy calls, CUDA source."""
