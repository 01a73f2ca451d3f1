"""Makes the subprocess see this folder's CuPy alone, also on a machine that has a real one."""

import os
import sys
from importlib import metadata

FAKES = os.environ["FAKE_WHEELS"]
real = metadata.distributions


def distributions(**options):
    found = (d for d in real(**options) if not str(d.metadata["Name"]).lower().startswith("cupy"))
    return [*found, *real(path=[FAKES])]


metadata.distributions = distributions
if os.environ.get("FAKE_CUPY_AT") == "nowhere":
    sys.modules["cupy"] = None  # how Python marks a module that cannot be imported
