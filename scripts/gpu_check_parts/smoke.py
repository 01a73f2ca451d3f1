"""Three epochs in each precision: does it learn, as graphs, and how long does a replay take?

python -m gpu_check_parts.smoke DEVICE [EXAMPLES]
"""

from __future__ import annotations

import sys
from functools import partial
from itertools import pairwise
from math import isfinite
from typing import Any

from gpu_check_parts.runs import PRECISIONS, Graphs, nodes, start, timed
from gpu_check_parts.telling import attempt, number, summary, tell
from gpunet import get_backend
from gpunet.bench.job import Job

EPOCHS = 3
REPLAY_SECONDS, MOST_REPLAYS = 0.1, 100


def smoke(job: Job, backend: Any, precision: str, graphs: Graphs) -> dict[str, Any]:
    """Train, and return the losses and what became of the graphs."""
    graphs.kept.clear()
    run = start(job, backend, precision)
    for _ in range(EPOCHS):  # launched one by one, then captured, then replayed
        run.advance(1)
    losses = list(run.history.loss)
    launches = backend.settings().get("launches", "")
    found = {
        "losses": losses,
        "launches": launches,
        "graphs": len(graphs.kept),
        "nodes": [nodes(graph) for graph in graphs.kept],
        "steps": run.steps_per_epoch,
    }
    if graphs.kept:
        found |= replays(backend, job, graphs.kept, run.steps_per_epoch)
    if failure := wrong(losses, launches):
        found["failure"] = failure
    return found


def replays(backend: Any, job: Job, graphs: list[Any], steps: int) -> dict[str, Any]:
    """Return microseconds a step of replaying an epoch's graphs."""

    def replay(times: int) -> dict[str, Any]:
        def work() -> None:
            for _ in range(times):
                for graph in graphs:
                    graph.launch(backend._stream)

        return timed(backend, job.device_number, work)

    try:
        once = replay(1)["wall_us"] / 1e6
        times = max(1, min(MOST_REPLAYS, int(REPLAY_SECONDS / once)))
        clocks = replay(times)
    except Exception as error:
        return {"replays": f"not timed ({summary(error)})"}
    return {
        name: value / (times * steps) if isinstance(value, float) else value
        for name, value in clocks.items()
    }


def wrong(losses: list[float], launches: str) -> str:
    """Return what is not as it should be; "" if all is well."""
    if len(losses) != EPOCHS or not all(map(isfinite, losses)):
        return f"the losses are not finite: {losses}"
    if not all(later < earlier for earlier, later in pairwise(losses)):
        return f"the losses do not fall: {losses}"
    if launches != "CUDA graphs":
        return f"no CUDA graph was captured: {launches}"
    return ""


def main(device: str, examples: str = "") -> None:
    """Tell of the device, and of each precision."""
    try:
        backend = get_backend(device)
    except Exception as error:
        tell("device", usable=False, failure=summary(error))
        return
    tell("device", usable=True, device=backend.describe(), settings=backend.settings())
    graphs, job = Graphs(), Job((784, 196, 1), 128, backend.device, examples=number(examples))
    for precision in PRECISIONS:
        attempt(precision, partial(smoke, job, backend, precision, graphs))


if __name__ == "__main__":
    main(*sys.argv[1:])
