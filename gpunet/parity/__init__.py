"""Checks of the computation itself."""

from gpunet.parity.gradient_check import GradientCheck, gradient_check

__all__ = ["GradientCheck", "gradient_check"]
