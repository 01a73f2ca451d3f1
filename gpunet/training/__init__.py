"""The training loop, and what can look on."""

from gpunet.training.callbacks import Callback, Checkpoint, EarlyStopping, Monitor, Run
from gpunet.training.history import History
from gpunet.training.loop import Training, fit
from gpunet.training.progress import Progress

__all__ = [
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "History",
    "Monitor",
    "Progress",
    "Run",
    "Training",
    "fit",
]
