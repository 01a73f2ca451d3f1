"""Streams, events and graphs: ways to queue work, and to wait for it."""

import threading
import time
from typing import Any

from cupy import _devices
from cupy._errors import CUDARuntimeError, illegal_access, missing
from cupy._queues import (
    Capture,
    Queue,
    Work,
    legacy_queue,
    lock,
    new_queue,
    refuse_while_capturing,
)

_next_pointer = 0x5000_0000  # of a stream: an address that nobody reads


class Event:
    """A point in a stream, and when that was reached by the host's clock."""

    def __init__(
        self, block: bool = False, disable_timing: bool = False, interprocess: bool = False
    ) -> None:
        self._timed = not disable_timing
        self._at: tuple[Queue, int] | None = None
        self._reached_at: float | None = None

    def record(self, stream: "Stream | None" = None) -> None:
        queue = (stream or get_current_stream())._queue
        if queue.capture is not None:
            raise NotImplementedError("the stand-in captures no events")
        self._reached_at = None
        queue.add(Work("event", self._reach))
        self._at = queue, queue.issued

    def _reach(self) -> None:
        self._reached_at = time.perf_counter()

    @property
    def done(self) -> bool:
        if self._at is None:
            return True
        queue, number = self._at
        queue.reach(min(queue.reached + 1, number))  # a GPU gets on with it by itself
        return queue.reached >= number

    def synchronize(self) -> None:
        if self._at is not None:
            refuse_while_capturing(self._at[0].device, "an event was waited for")
            self._at[0].reach(self._at[1])

    def __getattr__(self, name: str) -> Any:
        raise missing("Event", name)


def get_elapsed_time(start_event: Event, end_event: Event) -> float:
    """Return the milliseconds between two events that have been reached."""
    for event in (start_event, end_event):
        if not event._timed or event._at is None:
            raise CUDARuntimeError("cudaErrorInvalidResourceHandle: invalid resource handle")
        if event._reached_at is None:
            raise CUDARuntimeError("cudaErrorNotReady: device not ready")
    return 1e3 * (end_event._reached_at - start_event._reached_at)


class Stream:
    """A stream of the device that is current when it is made."""

    null: "Stream"

    def __init__(self, null: bool = False, non_blocking: bool = False, ptds: bool = False) -> None:
        global _next_pointer  # noqa: PLW0603
        if ptds:
            raise NotImplementedError("the stand-in has no per-thread default stream")
        self._null = null
        self.device_id = -1 if null else _devices.current()
        self.ptr = 0
        if not null:
            with lock:
                _next_pointer += 0x100
                self.ptr = _next_pointer
                self._own = new_queue(self.device_id, blocking=not non_blocking)
                _streams_by_pointer[self.ptr] = self._own

    def __del__(self) -> None:
        if getattr(self, "ptr", 0) and hasattr(self, "_own"):
            self._own.abandoned = True  # what is queued still happens
            _streams_by_pointer.pop(self.ptr, None)

    @property
    def _queue(self) -> Queue:
        return legacy_queue(_devices.current()) if self._null else self._own

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and other.ptr == self.ptr

    def __hash__(self) -> int:
        return self.ptr

    def _check_device(self) -> int:
        device, current = self.device_id, _devices.current()
        if device not in (-1, current):
            raise RuntimeError(
                f"The device that the stream is created on ({device}) does not match with the "
                f"current device ({current})"
            )
        return current

    def __enter__(self) -> "Stream":
        _stack(self._check_device()).append(self)
        _entered().append(_devices.current())
        return self

    def __exit__(self, *error: object) -> None:
        _stack(_entered().pop()).pop()

    def use(self) -> "Stream":
        _stack(self._check_device())[-1] = self
        return self

    @property
    def done(self) -> bool:
        queue = self._queue
        queue.reach(queue.reached + 1)
        return not queue.pending

    @property
    def is_non_blocking(self) -> bool:
        return not self._queue.blocking

    def synchronize(self) -> None:
        queue = self._queue
        if queue.legacy or queue.capture is not None:
            refuse_while_capturing(queue.device, "a stream was waited for", others=True)
        if queue.legacy:
            queue.add(Work("wait", lambda: None))
        queue.wait()

    def record(self, event: Event | None = None) -> Event:
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        if self._queue.capture is not None:
            raise NotImplementedError("the stand-in captures no events")
        work = Work("wait for an event", lambda: None)
        if event._at is not None:
            work.after.append(event._at)
        self._queue.add(work)

    def begin_capture(self, mode: int | None = None) -> None:
        if self.ptr == 0:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        if self._own.capture is not None:
            raise CUDARuntimeError("cudaErrorIllegalState: the operation cannot be performed in "
                                   "the present state")  # fmt: skip
        self._own.capture = Capture()

    def is_capturing(self) -> bool:
        return self._queue.capture is not None

    def end_capture(self) -> "Graph":
        capture, self._own.capture = self._own.capture, None
        if capture is None:
            raise CUDARuntimeError("cudaErrorIllegalState: the operation cannot be performed in "
                                   "the present state")  # fmt: skip
        if capture.broken:
            raise CUDARuntimeError(
                "cudaErrorStreamCaptureInvalidated: operation failed due to a previous error "
                f"during capture ({capture.broken})"
            )
        return Graph._of(self.device_id, capture.nodes)

    def __getattr__(self, name: str) -> Any:
        raise missing("Stream", name)


_streams_by_pointer: dict[int, Queue] = {}
Stream.null = Stream(null=True)
_thread = threading.local()


def _stack(device: int) -> list[Stream]:
    stacks: dict[int, list[Stream]] = _thread.__dict__.setdefault("stacks", {})
    return stacks.setdefault(device, [Stream.null])


def _entered() -> list[int]:
    entered: list[int] = _thread.__dict__.setdefault("entered", [])
    return entered


def get_current_stream(device_id: int = -1) -> Stream:
    return _stack(_devices.current() if device_id == -1 else device_id)[-1]


def current_queue() -> Queue:
    return get_current_stream()._queue


def queue_at(pointer: int) -> Queue:
    """Return the queue of a cudaStream_t."""
    if not pointer:
        return legacy_queue(_devices.current())
    if pointer not in _streams_by_pointer:
        raise CUDARuntimeError("cudaErrorInvalidResourceHandle: invalid resource handle")
    return _streams_by_pointer[pointer]


class Graph:
    """Captured work. It knows which memory it uses and keeps none of it."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        raise NotImplementedError(
            "currently this class cannot be initiated by the user and must be created via stream "
            "capture"
        )

    @classmethod
    def _of(cls, device: int, nodes: list[Work]) -> "Graph":
        graph = cls.__new__(cls)
        graph._device, graph._nodes = device, nodes
        graph._kernels = tuple(dict.fromkeys(kernel for node in nodes for kernel in node.kernels))
        return graph

    def launch(self, stream: Stream | None = None) -> None:
        """Queue all of it as one; refuses to touch memory that has been freed."""
        queue = (stream or get_current_stream())._queue
        if queue.device != self._device:
            raise CUDARuntimeError("cudaErrorInvalidValue: invalid argument (another device)")
        if queue.capture is not None:
            raise NotImplementedError("the stand-in captures no graphs")
        nodes = self._nodes
        for number, node in enumerate(nodes):
            for block in node.blocks:
                if not block.alive:
                    raise illegal_access(
                        f"node {number} of a graph, {node.name}, uses {block.size} bytes that have "
                        "been freed since it was captured"
                    )

        def run() -> None:
            for node in nodes:
                node.run()

        queue.add(Work(f"graph of {len(nodes)} nodes", run, (), self._kernels))

    def upload(self, stream: Stream | None = None) -> None:
        """Do nothing: it lies where it is launched from."""

    def debug_dot_str(self, flags: int = 0) -> str:
        """Return the graph in DOT's language: a chain, as one stream makes it."""
        lines = [f'"node_{i}"[label="{node.name}"];' for i, node in enumerate(self._nodes)]
        lines += [f'"node_{i}" -> "node_{i + 1}";' for i in range(len(self._nodes) - 1)]
        return "\n".join(["digraph dot {", *lines, "}"]) + "\n"

    def __getattr__(self, name: str) -> Any:
        raise missing("Graph", name)
