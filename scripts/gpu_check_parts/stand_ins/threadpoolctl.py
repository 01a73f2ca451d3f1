"""Where threadpoolctl is missing: no BLAS is found, and all keep their threads.

gpunet's CPU backend asks threadpoolctl for one thread where products are small. That is a matter of
speed, and beside a GPU the CPU only computes references.
"""

from contextlib import nullcontext
from typing import Any


class ThreadpoolController:
    """One that finds no libraries."""

    lib_controllers: tuple[Any, ...] = ()

    def select(self, **wanted: Any) -> "ThreadpoolController":
        """Return what there is: nothing."""
        return self


def threadpool_limits(*limits: Any, **options: Any) -> Any:
    """Limit nothing."""
    return nullcontext()
