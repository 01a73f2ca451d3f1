"""A few threads that share out pieces of work."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue

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
        begun: list[_Round] = []
        try:
            for helper in helpers:
                begun.append(helper.begin(left))
            _work_off(left)
        finally:
            left.clear()  # after an error nothing new is begun
            _wait_for(begun)
        for round_ in begun:
            if round_.error is not None:
                raise round_.error

    def _helpers_for(self, tasks: int) -> list[_Helper]:
        wanted = min(self.size, tasks) - 1
        if self._process != os.getpid():  # a forked child has none of its parent's threads
            self._helpers, self._process = [], os.getpid()
        while len(self._helpers) < wanted:
            self._helpers.append(_Helper())
        return self._helpers[:wanted]


class _Round:
    """One call of ``run`` as a helper sees it; ``working`` is held until the helper is done.

    Each call has its own, so that one which was interrupted leaves nothing behind for the next.
    """

    def __init__(self, left: deque[Task]) -> None:
        self.left, self.working = left, threading.Lock()
        self.error: BaseException | None = None
        self.working.acquire()


class _Helper:
    """A thread that waits for work."""

    def __init__(self) -> None:
        self._rounds: SimpleQueue[_Round] = SimpleQueue()
        threading.Thread(target=self._serve, name="gpunet", daemon=True).start()

    def begin(self, left: deque[Task]) -> _Round:
        round_ = _Round(left)
        self._rounds.put(round_)
        return round_

    def _serve(self) -> None:
        while True:
            round_ = self._rounds.get()
            try:
                _work_off(round_.left)
            except BaseException as error:
                round_.left.clear()
                round_.error = error
            round_.working.release()
            del round_  # lets go of the tasks' arrays


def _wait_for(rounds: Sequence[_Round]) -> None:
    """Wait until the helpers are done; Ctrl-C is raised after that, for they write into arrays."""
    interrupted: KeyboardInterrupt | None = None
    for round_ in rounds:
        while round_.working.locked():
            try:
                with round_.working:
                    pass
            except KeyboardInterrupt as error:
                interrupted = error
    if interrupted is not None:
        raise interrupted


def _work_off(left: deque[Task]) -> None:
    while True:
        try:
            task = left.popleft()
        except IndexError:
            return
        task()
