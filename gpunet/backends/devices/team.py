"""A few threads that share out pieces of work."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence

Task = Callable[[], None]


class Team:
    """The calling thread and ``size - 1`` helpers, which sleep between calls of ``run``.

    Whoever is free takes the next task, so a core that another program keeps busy holds up one
    task and not the whole of the work. While one thread has the helpers, another that calls ``run``
    works alone.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._helpers: list[_Helper] = []
        self._taken = threading.Lock()
        self._process = os.getpid()

    def run(self, tasks: Sequence[Task]) -> None:
        """Run all tasks, in any order and at the same time; returns when all are done.

        The first error that a task raises is raised here, after the others have come to an end.
        """
        left = deque(tasks)
        if not self._taken.acquire(blocking=False):
            _work_off(left)
            return
        try:
            self._share_out(left)
        finally:
            self._taken.release()

    def _share_out(self, left: deque[Task]) -> None:
        helpers = self._helpers_for(len(left))
        for helper in helpers:
            helper.begin(left)
        try:
            _work_off(left)
        finally:
            left.clear()  # after an error nothing new is begun
            errors = [error for helper in helpers if (error := helper.wait()) is not None]
        if errors:
            raise errors[0]

    def _helpers_for(self, tasks: int) -> list[_Helper]:
        wanted = min(self.size, tasks) - 1
        if self._process != os.getpid():  # a forked child has none of its parent's threads
            self._helpers, self._process = [], os.getpid()
        while len(self._helpers) < wanted:
            self._helpers.append(_Helper())
        return self._helpers[:wanted]


class _Helper:
    """A thread that waits for work. Two bare locks are the cheapest way to wake and be told."""

    def __init__(self) -> None:
        self._go, self._done = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._done.acquire()
        self._left: deque[Task] = deque()
        self._error: BaseException | None = None
        threading.Thread(target=self._serve, name="gpunet", daemon=True).start()

    def begin(self, left: deque[Task]) -> None:
        self._left = left
        self._go.release()

    def wait(self) -> BaseException | None:
        self._done.acquire()
        error, self._error = self._error, None
        self._left = deque()  # lets go of the tasks' arrays
        return error

    def _serve(self) -> None:
        while True:
            self._go.acquire()
            try:
                _work_off(self._left)
            except BaseException as error:
                self._left.clear()
                self._error = error
            self._done.release()


def _work_off(left: deque[Task]) -> None:
    while True:
        try:
            task = left.popleft()
        except IndexError:
            return
        task()
