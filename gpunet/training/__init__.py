"""The training loop, and what can look on."""

from gpunet.training.callbacks import Callback, Checkpoint, EarlyStopping
from gpunet.training.history import History
from gpunet.training.loop import Training, fit

__all__ = ["Callback", "Checkpoint", "EarlyStopping", "History", "Training", "fit"]
