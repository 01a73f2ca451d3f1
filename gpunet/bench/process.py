"""The parent's end of a worker: start it, ask it, end it."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from typing import Any

WORKER = (sys.executable, "-m", "gpunet.bench.worker")
ENDING_SECONDS = 3.0


class WorkerError(Exception):
    """A worker crashed, took too long, or reported an error."""


class Worker:
    """A worker process; ends with the ``with`` block.

    It gets a process group of its own: Ctrl-C reaches the parent alone, which then ends the worker
    and whatever that has started (compilers, say). If the parent is killed itself, the worker
    notices (worker.end_with_parent).

    Args:
        name: A key of registry.ENTRIES.
        command: What to run; the name is added.
    """

    def __init__(self, name: str, command: tuple[str, ...] = WORKER) -> None:
        self.name = name
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the worker)
        self._process = subprocess.Popen(  # noqa: S603 (our own module)
            [*command, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
        )
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as answers:
            for line in answers:
                self._answers.put(line)
        self._answers.put(None)

    def tell(self, action: str, **arguments: Any) -> None:
        """Send a request without waiting; ``answer`` has to follow."""
        assert self._process.stdin is not None
        # A worker that has died is told of by ``answer``.
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(json.dumps({"do": action, **arguments}) + "\n")
            self._process.stdin.flush()

    def answer(self, timeout: float) -> dict[str, Any]:
        """Return the answer to the oldest open request.

        Raises:
            WorkerError: It says so, has died, or says nothing for ``timeout`` seconds.
        """
        try:
            line = self._answers.get(timeout=timeout)
        except queue.Empty:
            self.close(at_once=True)
            raise WorkerError(f"no answer for {timeout:.0f} s") from None
        if line is None:
            raise WorkerError(self._last_words())
        found: dict[str, Any] = json.loads(line)
        if "error" in found:
            raise WorkerError(found["error"])
        return found

    def ask(self, action: str, timeout: float, **arguments: Any) -> dict[str, Any]:
        """Send a request and return its answer; raises WorkerError."""
        self.tell(action, **arguments)
        return self.answer(timeout)

    def _last_words(self) -> str:
        status = self._process.wait(ENDING_SECONDS)
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return f"ended with status {status}" + (f": {said[-1]}" if said else "")

    def close(self, at_once: bool = False) -> None:
        """End the process; let it finish by itself unless ``at_once``."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        if not at_once:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(ENDING_SECONDS)
        self._kill()
        self._process.wait()
        self._listener.join(ENDING_SECONDS)
        self._errors.close()

    def _kill(self) -> None:
        with contextlib.suppress(OSError):  # it may have ended meanwhile
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self.close(at_once=kind is not None)
