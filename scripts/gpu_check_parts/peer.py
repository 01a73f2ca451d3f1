"""One library and one batch size of `gpunet bench`, by itself.

python -m gpu_check_parts.peer DEVICE NAME BATCH [EXAMPLES]

NAME is one of gpunet bench's, or products.
"""

from __future__ import annotations

import sys

from gpu_check_parts.telling import number, tell
from gpunet.bench.job import Job, training_data
from gpunet.bench.measure import MEASURED, Comparison, Timing
from gpunet.bench.registry import PRODUCTS

NETWORK, TIMING = (784, 196, 1), Timing(rounds=5, seconds=0.2)


def main(device: str, name: str, batch: str, examples: str = "") -> None:
    """Measure, and tell the row."""
    size = None if batch == "full" else int(batch)
    job = Job(NETWORK, size, device, examples=number(examples))
    found = Comparison(
        *(job, job.examples or len(training_data(NETWORK[-1], None))),
        *((() if name == PRODUCTS else (name,)), TIMING),
        say=lambda text: print(text, file=sys.stderr, flush=True),
        limit=name == PRODUCTS,
    ).run()
    row = found["products"] if name == PRODUCTS else found["rows"][0]
    failure = {}
    if row["status"] != MEASURED:
        failure = {"failure": f"{row['status']}: {row['message']}"}
    tell(name, batch=batch, network=found["network"], row=row, **failure)


if __name__ == "__main__":
    main(*sys.argv[1:])
