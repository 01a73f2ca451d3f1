"""gpunet: multi-layer perceptrons written from scratch, on NVIDIA GPUs and CPUs.

Names are imported when first used, so that ``import gpunet`` stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from gpunet import datasets
    from gpunet.backends import Backend, available_devices, get_backend
    from gpunet.errors import GpunetError
    from gpunet.interop.sklearn import MLPClassifier, MLPRegressor
    from gpunet.nn.class_report import ClassReport, class_report
    from gpunet.nn.network import Network, load
    from gpunet.optim import SGD, Adam, AdamW, RMSProp, schedules
    from gpunet.parity.gradient_check import gradient_check
    from gpunet.pictures.as_learnt import read_pictures
    from gpunet.training import (
        Callback,
        Checkpoint,
        EarlyStopping,
        History,
        Monitor,
        Progress,
        Run,
        fit,
    )

_HOMES = {
    "gpunet.backends": ("Backend", "available_devices", "get_backend"),
    "gpunet.errors": ("GpunetError",),
    "gpunet.interop.sklearn": ("MLPClassifier", "MLPRegressor"),
    "gpunet.nn.class_report": ("ClassReport", "class_report"),
    "gpunet.nn.network": ("Network", "load"),
    "gpunet.optim": ("SGD", "Adam", "AdamW", "RMSProp", "schedules"),
    "gpunet.parity.gradient_check": ("gradient_check",),
    "gpunet.pictures.as_learnt": ("read_pictures",),
    "gpunet.training": (
        "Callback",
        "Checkpoint",
        "EarlyStopping",
        "History",
        "Monitor",
        "Progress",
        "Run",
        "fit",
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Backend",
    "Callback",
    "Checkpoint",
    "ClassReport",
    "EarlyStopping",
    "GpunetError",
    "History",
    "MLPClassifier",
    "MLPRegressor",
    "Monitor",
    "Network",
    "Progress",
    "RMSProp",
    "Run",
    "available_devices",
    "class_report",
    "datasets",
    "fit",
    "get_backend",
    "gradient_check",
    "load",
    "read_pictures",
    "schedules",
]


def __getattr__(name: str) -> Any:
    if name == "datasets":
        return import_module("gpunet.datasets")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'gpunet' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
