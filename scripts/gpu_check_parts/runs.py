"""Training runs on the GPU, and clocks for them: the device's own beside the host's."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from gpu_check_parts.telling import summary
from gpunet.backends import Backend
from gpunet.bench.job import LEARNING_RATE, Job, training_data
from gpunet.datasets import Dataset
from gpunet.nn.network import Network
from gpunet.optim import SGD
from gpunet.training import Training

# By which settings of Network and Training each is computed.
PRECISIONS = {
    "float32": ("float32", "float32"),
    "tf32": ("float32", "tf32"),
    "split16": ("float32", "split16"),
    "float64": ("float64", "float32"),  # as it is stored
}

load = cache(partial(training_data, data_dir=None))


def start(job: Job, backend: Backend, precision: str, **options: Any) -> Training:
    """Return a run of the benchmark's network, in a precision; ``advance`` trains it."""
    dtype, products = PRECISIONS[precision]
    output, loss = (
        ("sigmoid", "binary_crossentropy")
        if job.binary
        else ("softmax", "categorical_crossentropy")
    )
    network = Network(
        job.network, output=output, loss=loss, device=backend, dtype=dtype, seed=job.seed
    )
    data: Dataset = load(job.network[-1])
    if job.examples is not None:
        data = data.part(slice(0, job.examples))
    return Training(
        *(network, data),
        optimizer=SGD(LEARNING_RATE, job.momentum),
        epochs=10**6,
        batch_size=job.batch,
        seed=job.seed,
        precision=products,
        **options,
    )


class Graphs:
    """The graphs that CuPy's streams capture from now on."""

    def __init__(self) -> None:
        import cupy

        self.kept: list[Any] = []
        captured = cupy.cuda.Stream.end_capture

        def end_capture(stream: Any) -> Any:
            graph = captured(stream)
            self.kept.append(graph)
            return graph

        cupy.cuda.Stream.end_capture = end_capture


def nodes(graph: Any) -> int | str:
    """Return how many nodes a graph has, or why that can't be told."""
    try:
        text = graph.debug_dot_str()
    except Exception as error:
        return f"not told ({summary(error)})"
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    # A node is defined once, by its name and attributes: "graph_1_node_0"[...]; edges have none.
    names = set(re.findall(r'^\s*"?(\w*node\w*)"?\s*\[', text, re.MULTILINE))
    return len(names) or f"not told (its DOT text has {len(text)} characters and no node)"


def timed(backend: Any, number: int, work: Callable[[], None]) -> dict[str, Any]:
    """Return how long ``work`` takes: on the device, on the host until all is submitted, in all.

    Returns:
        {"device_us", "host_us", "wall_us"}; instead of the first, "events" says why there is none.
    """
    import cupy

    backend.synchronize()
    events: list[Any] = []
    found: dict[str, Any] = {}
    with cupy.cuda.Device(number):
        try:
            events = [cupy.cuda.Event(), cupy.cuda.Event()]
            events[0].record(backend._stream)  # where all of the backend's work is queued
        except Exception as error:
            found["events"], events = f"not told ({summary(error)})", []
        started = time.perf_counter()
        work()
        found["host_us"] = 1e6 * (time.perf_counter() - started)
        if events:
            events[1].record(backend._stream)
            events[1].synchronize()
        backend.synchronize()
        found["wall_us"] = 1e6 * (time.perf_counter() - started)
        if events:
            found["device_us"] = 1e3 * float(cupy.cuda.get_elapsed_time(*events))
    return found
