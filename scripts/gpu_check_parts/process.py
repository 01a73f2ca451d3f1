"""One command within its time; whatever it has started ends with it.

A command may start processes in groups of their own (a benchmark its workers, PyTorch its
compilers), so that killing its group is not enough: each process inherits a mark in its
environment, and where there is /proc, all that have it are killed.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

POSIX = os.name == "posix"  # elsewhere there are no such signals, and a process is just ended
MARK = "GPU_CHECK_PROCESS"
POLL_SECONDS, PROGRESS_SECONDS, INTERRUPT_SECONDS = 0.05, 1.0, 3.0
# What a process that hangs is given to say where (PYTHONFAULTHANDLER); for killed ones to be gone.
LAST_WORDS_SECONDS, GONE_SECONDS = 1.0, 2.0
# How much of a command's output is kept: from its beginning, and of what is beyond, the last.
KEPT_CHARACTERS, LAST_LINES, TAIL_LINES, LINE_CHARACTERS = 8_000_000, 500, 25, 400
# Results; and of the stack that a hanging process leaves, what lies around it.
DULL = re.compile(
    r'\{|Extension modules: |  File "(<frozen runpy>|.*[/\\](pluggy|_pytest|pytest)[/\\])'
)
_numbers = itertools.count()


class Output:
    """What a command has printed so far, line by line as it came; threads may add to it."""

    def __init__(self) -> None:
        self._lines: list[tuple[bool, str]] = []  # (whether on standard output, line)
        self._last: deque[tuple[bool, str]] = deque(maxlen=LAST_LINES)
        self._kept = 0
        self.count = 0

    def add(self, on_stdout: bool, line: str) -> None:
        """Keep a line."""
        self.count += 1
        self._kept += len(line)
        (self._lines if self._kept <= KEPT_CHARACTERS else self._last).append((on_stdout, line))

    def _all(self) -> list[tuple[bool, str]]:
        return [*self._lines, *self._last]

    @property
    def out(self) -> str:
        """Standard output alone."""
        return "".join(line for on_stdout, line in self._all() if on_stdout)

    @property
    def text(self) -> str:
        """Everything."""
        return "".join(line for _, line in self._all())

    @property
    def tail(self) -> list[str]:
        """The last lines that say something to people: no JSON, nothing empty, nothing endless."""
        told = (line.rstrip() for _, line in self._all())
        said = [line[:LINE_CHARACTERS] for line in told if line and not DULL.match(line)]
        return said[-TAIL_LINES:]


@dataclass
class Run:
    """How a command went.

    Attributes:
        started: By time.monotonic().
        status: Its exit status; minus the signal's number if one ended it.
        late: Whether it was ended because it was past its time.
    """

    started: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    status: int | None = None
    late: bool = False
    output: Output = field(default_factory=Output)


def run(
    command: Sequence[str],
    seconds: float,
    environment: Mapping[str, str],
    folder: Path,
    *,
    interrupt: float = 0.0,
    progress: Callable[[Run], None] = lambda run: None,
) -> Run:
    """Run a command for at most so many seconds.

    Args:
        command: Program and arguments.
        seconds: Until it is killed, with all that it has started.
        environment: All of its environment variables.
        folder: To run it in.
        interrupt: So many seconds before that it gets what Ctrl-C sends, to end by itself.
        progress: Called about once a second if there was new output.
    """
    done = Run()
    bound = done.started + seconds
    mark = f"{os.getpid()}-{next(_numbers)}"
    try:
        process = subprocess.Popen(  # noqa: S603 (our own commands)
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**environment, MARK: mark},
            cwd=folder,
            start_new_session=True,
        )
    except OSError as error:
        done.status = 127
        done.output.add(False, f"cannot start {command[0]}: {error}\n")
        return done
    readers = [
        # Daemons, as a process that cannot be killed keeps its pipe open.
        threading.Thread(
            target=_read, args=(pipe, done.output, pipe is process.stdout), daemon=True
        )
        for pipe in (process.stdout, process.stderr)
    ]
    for reader in readers:
        reader.start()
    try:
        done.late = not _wait(process, done, bound - interrupt, progress)
        if done.late and POSIX:
            _ask_to_end(process, bound)
    finally:  # after Ctrl-C, too
        end(process, mark)
        for reader in readers:
            reader.join(GONE_SECONDS)
    done.status, done.seconds = process.poll(), time.monotonic() - done.started
    return done


def _wait(
    process: subprocess.Popen[bytes], done: Run, until: float, progress: Callable[[Run], None]
) -> bool:
    """Wait for the process's end; return False if it is too late."""
    told, seen = time.monotonic(), 0
    while (left := until - time.monotonic()) > 0:
        with suppress(subprocess.TimeoutExpired):
            process.wait(min(POLL_SECONDS, left))
            return True
        now = time.monotonic()
        if done.output.count > seen and now - told > PROGRESS_SECONDS:
            told, seen, done.seconds = now, done.output.count, now - done.started
            progress(done)
    return process.poll() is not None


def _ask_to_end(process: subprocess.Popen[bytes], bound: float) -> None:
    """Send what Ctrl-C does until the bound, and then what makes it say where it hangs.

    More than once: the first may end no more than a training run that is being tested.
    """
    while process.poll() is None and (left := bound - time.monotonic()) > 0:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(min(INTERRUPT_SECONDS, left))
    if process.poll() is None:
        process.send_signal(signal.SIGABRT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(LAST_WORDS_SECONDS)


def _read(pipe: IO[bytes], output: Output, on_stdout: bool) -> None:
    with suppress(OSError), pipe:
        for line in iter(lambda: pipe.readline(2**16), b""):
            output.add(on_stdout, line.decode(errors="replace"))


def end(process: subprocess.Popen[bytes], mark: str) -> None:
    """Kill the process, its group, and every other process that has its mark."""
    deadline = time.monotonic() + GONE_SECONDS
    looks = 0  # in a row that have found nothing; one that is just starting has no environment yet
    while looks < 2 and time.monotonic() < deadline:
        with suppress(OSError):
            if POSIX:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        others = marked(mark)
        for other in others:
            with suppress(OSError):
                os.kill(other, signal.SIGKILL)
        looks = looks + 1 if process.poll() is not None and not others else 0
        time.sleep(POLL_SECONDS)


def marked(mark: str) -> list[int]:
    """Return the processes whose environment has the mark; none where there is no /proc."""
    wanted, found = f"{MARK}={mark}".encode(), []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has ended, or belongs to somebody else
            if wanted in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found
