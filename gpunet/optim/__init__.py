"""Optimizers and learning-rate schedules over the flat parameter vector."""

from gpunet.optim import schedules
from gpunet.optim.optimizer import Optimizer
from gpunet.optim.rules import OPTIMIZERS, SGD, Adam, AdamW, RMSProp

__all__ = ["OPTIMIZERS", "SGD", "Adam", "AdamW", "Optimizer", "RMSProp", "schedules"]
