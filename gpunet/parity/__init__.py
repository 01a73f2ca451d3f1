"""Checks of the computation itself: error bounds, the gradient check, a pytest plugin.

Names are imported when first used: pytest loads ``gpunet.parity.plugin`` in every run of an
environment that has gpunet, and that must not cost an import of NumPy. The function
``gradient_check`` is in ``gpunet``; here that name is the module.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gpunet.parity.gradient_check import GradientCheck
    from gpunet.parity.within import (
        UNIT_ROUNDOFF,
        assert_within_bound,
        gamma,
        product_bound,
        sum_bound,
    )

# No name here may be that of a submodule: importing that would hide it.
_HOME_OF = {
    "GradientCheck": "gpunet.parity.gradient_check",
    "UNIT_ROUNDOFF": "gpunet.parity.within",
    "assert_within_bound": "gpunet.parity.within",
    "gamma": "gpunet.parity.within",
    "product_bound": "gpunet.parity.within",
    "sum_bound": "gpunet.parity.within",
}

__all__ = [
    "UNIT_ROUNDOFF",
    "GradientCheck",
    "assert_within_bound",
    "gamma",
    "product_bound",
    "sum_bound",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'gpunet.parity' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
