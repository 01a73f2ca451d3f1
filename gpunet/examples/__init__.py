"""The worked examples: small published networks, each rebuilt here beside its figures."""

from gpunet.examples.registry import EXAMPLES, Example
from gpunet.examples.report import Figure, Report

__all__ = ["EXAMPLES", "Example", "Figure", "Report"]
