"""Queues: what is queued happens when somebody waits for it, and not before.

A GPU may run ahead of the host or fall behind. This one always falls behind as far as the rules of
CUDA allow, so that host code which forgets to wait is found out every time.
"""

import atexit
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from cupy._errors import CUDARuntimeError, refused_in_capture

# A launch blocks the host once so many are queued; CUDA's own number is 1024.
LONGEST_QUEUE = 1024

lock = threading.RLock()
# What has to be done before more work is queued. Python may run finalizers in the middle of
# anything, also of work, so all that they do is to leave it here.
leftovers: deque[Callable[[], None]] = deque()


def settle() -> None:
    """Do what finalizers have left to be done."""
    with lock:
        while leftovers:
            leftovers.popleft()()


class Work:
    """Something queued: a function, the memory that it uses, the kernel it needs compiled.

    It keeps no array alive: ``blocks`` are records of allocations that may have been freed since.
    """

    __slots__ = ("after", "blocks", "kernels", "name", "run")

    def __init__(
        self,
        name: str,
        run: Callable[[], None],
        blocks: Iterable[Any] = (),
        kernels: tuple[Any, ...] = (),
    ) -> None:
        self.name, self.run, self.blocks, self.kernels = name, run, tuple(blocks), kernels
        self.after: list[tuple[Queue, int]] = []


class Capture:
    """What a capturing stream has been given; ``broken`` says what made it useless."""

    def __init__(self) -> None:
        self.nodes: list[Work] = []
        self.thread = threading.get_ident()
        self.broken = ""


class Queue:
    """The work of one stream, in its order."""

    def __init__(self, device: int, legacy: bool = False, blocking: bool = True) -> None:
        self.device, self.legacy, self.blocking = device, legacy, blocking
        self.pending: deque[Work] = deque()
        self.issued = self.reached = 0
        self.capture: Capture | None = None
        self.abandoned = False

    def add(self, work: Work, even_in_capture: bool = False) -> None:
        """Queue the work, after all that the order of streams puts before it."""
        with lock:
            if not even_in_capture:
                settle()
                if self.capture is not None:
                    if not self.capture.broken:
                        self.capture.nodes.append(work)
                    return
                if self.legacy:
                    self._refuse_beside_a_capture()
            if self.legacy:
                others = [q for q in _queues[self.device] if q.blocking and not q.legacy]
            elif self.blocking:
                others = [legacy_queue(self.device)]
            else:
                others = []
            work.after += [(q, q.issued) for q in others if q.reached < q.issued]
            self.pending.append(work)
            self.issued += 1
            if len(self.pending) > LONGEST_QUEUE:
                self.reach(self.issued - LONGEST_QUEUE)

    def _refuse_beside_a_capture(self) -> None:
        for queue in _queues[self.device]:
            if queue.capture is not None and queue.blocking:
                queue.capture.broken = "work on the legacy stream"
                raise CUDARuntimeError(
                    "cudaErrorStreamCaptureImplicit: operation would make the legacy stream "
                    "depend on a capturing blocking stream"
                )

    def reach(self, number: int) -> None:
        """Run the work up to this number, and first what it has to come after."""
        with lock:
            while self.reached < number and self.pending:
                work = self.pending[0]
                for queue, before in work.after:
                    queue.reach(before)
                if any(kernel.is_new for kernel in work.kernels):
                    _compile_all()
                self.pending.popleft()
                self.reached += 1
                with np.errstate(all="ignore"):  # a GPU says nothing of infinities
                    work.run()

    def wait(self) -> None:
        """Run all that has been queued so far."""
        self.reach(self.issued)


_queues: dict[int, list[Queue]] = {}


def legacy_queue(device: int) -> Queue:
    """Return the default stream's queue, which waits for blocking streams and they for it."""
    with lock:
        if device not in _queues:
            _queues[device] = [Queue(device, legacy=True)]
        return _queues[device][0]


def new_queue(device: int, blocking: bool) -> Queue:
    """Return the queue of a new stream; those of streams that have ended are forgotten."""
    with lock:
        legacy_queue(device)
        _queues[device] = [q for q in _queues[device] if q.pending or not q.abandoned]
        queue = Queue(device, blocking=blocking)
        _queues[device].append(queue)
        return queue


def _compile_all() -> None:
    """Compile whatever is queued anywhere, as few compilations of many kernels are quicker."""
    from cupy._compiler import compile_kernels

    queued = (work for queues in _queues.values() for q in queues for work in q.pending)
    kernels = (kernel for work in queued for kernel in work.kernels)
    compile_kernels(dict.fromkeys(kernel for kernel in kernels if kernel.is_new))


def capturing(device: int) -> bool:
    """Return whether this thread captures a stream of the device."""
    captures = [queue.capture for queue in _queues.get(device, ())]
    return any(c is not None and c.thread == threading.get_ident() for c in captures)


def refuse_while_capturing(device: int, what: str, others: bool = False) -> None:
    """Raise CUDA's error if a stream of the device is captured, by this thread or by any other.

    The capture is lost.
    """
    for queue in _queues.get(device, ()):
        capture = queue.capture
        if capture is not None and (others or capture.thread == threading.get_ident()):
            capture.broken = capture.broken or what
            raise refused_in_capture(what)


def synchronize_device(device: int) -> None:
    refuse_while_capturing(device, "the device was waited for", others=True)
    with lock:
        for queue in list(_queues.get(device, ())):
            queue.wait()


@atexit.register
def _finish() -> None:
    """Run what nobody has waited for: a GPU would have, and its errors are errors."""
    try:
        for queue in [q for queues in _queues.values() for q in queues]:
            queue.wait()
    except Exception as error:
        print(f"cupy stand-in: in work that nobody waited for: {error}", file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(70)  # an exception here would leave the status as it is
