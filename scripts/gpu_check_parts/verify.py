"""`gpunet verify` of the GPU alone, telling each finding as it has it.

python -m gpu_check_parts.verify DEVICE
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

from gpu_check_parts.telling import attempt, summary, tell
from gpunet import get_backend
from gpunet.backends import Backend
from gpunet.parity.bounds_backend import PRECISIONS, Precision
from gpunet.parity.lockstep import PRECISION_CONTROLS
from gpunet.parity.verify import (
    Finding,
    free_run,
    subject_name,
    verify_derivatives,
    verify_subject,
)


def tell_finding(finding: Finding) -> None:
    """Print it; one that did not pass is a failure."""
    failure = {}
    if not finding.passed:
        said = f"{finding.detail}; {finding.ratio:.3g} times its bound"
        failure = {"failure": said}
    tell(
        f"{finding.subject}: {finding.part}: {finding.name}",
        subject=finding.subject,
        part=finding.part,
        ratio=finding.ratio,
        **failure,
    )


def running_free(backend: Backend, precision: Precision) -> dict[str, Any]:
    """Return how far a run of some epochs gets from float64's."""
    found = free_run(backend, precision, 0)
    return {"growth": list(found.growth), "accuracy": found.accuracy}


def main(device: str) -> None:
    """Verify every precision of the device, and the formulas."""
    backend = get_backend(device)
    names = ["float32", *(PRECISION_CONTROLS if backend.tensor_cores else ()), "float64"]
    for name in names:
        precision = PRECISIONS[name]
        subject = subject_name(backend, precision)
        print(f"verifying {subject} ...", file=sys.stderr, flush=True)
        try:
            for finding in verify_subject(backend, precision, 0):
                tell_finding(finding)
        except Exception as error:
            tell(f"{subject}: unfinished", subject=subject, failure=summary(error))
        attempt(f"{subject}: running free", partial(running_free, backend, precision))
    for finding in verify_derivatives(0):
        tell_finding(finding)


if __name__ == "__main__":
    main(sys.argv[1])
