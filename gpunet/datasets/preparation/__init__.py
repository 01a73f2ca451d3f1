"""From the columns of a table to a network's inputs: learnt from training rows, kept as JSON."""

from gpunet.datasets.preparation.column import Column, Target
from gpunet.datasets.preparation.fit import fit_columns, fit_target
from gpunet.datasets.preparation.preparation import Preparation

__all__ = ["Column", "Preparation", "Target", "fit_columns", "fit_target"]
