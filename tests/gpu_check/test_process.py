"""A command within its time, and that nothing of it stays."""

import os
import sys
import time
from pathlib import Path

import pytest
from gpu_check_parts import process
from gpu_check_parts.process import Run, run

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="needs /proc, to find processes by their mark"
)
ENVIRONMENT = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}


def python(text: str, seconds: float = 20.0, **options: object) -> Run:
    return run([sys.executable, "-c", text], seconds, ENVIRONMENT, Path.cwd(), **options)


# As bench's workers and PyTorch's compilers do, the child leaves its parent's group.
CHILD = """
import subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
print(subprocess.Popen(sleep, start_new_session=True, stdout=subprocess.DEVNULL).pid)
"""


@needs_proc
@pytest.mark.parametrize("hangs", [True, False], ids=["hanging", "finished"])
def test_nothing_that_a_command_has_started_is_left(hangs: bool) -> None:
    done = python(CHILD + "time.sleep(60)" * hangs, 1.0 if hangs else 20.0)
    assert done.late == hangs
    child = int(done.output.out)
    assert not alive(child)


def alive(pid: int) -> bool:
    """Return whether it runs; killed ones that nobody has asked about stay as zombies."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_hangs_says_where() -> None:
    done = python("def stuck():\n  import time; time.sleep(60)\nprint('begun')\nstuck()", 0.5)
    assert done.late
    assert done.output.tail[0] == "begun"
    assert any("in stuck" in line for line in done.output.tail)
    assert not any("Extension modules" in line for line in done.output.tail)
    assert done.seconds < 20  # it would have slept for 60


@pytest.mark.parametrize("deaf", [0, 1], ids=["at once", "at the second time"])
def test_it_is_asked_to_end_by_itself_first(monkeypatch: pytest.MonkeyPatch, deaf: int) -> None:
    monkeypatch.setattr(process, "INTERRUPT_SECONDS", 0.2)
    sleep = "import time\ntry: time.sleep(60)\nexcept KeyboardInterrupt: print('saved')\n"
    done = python(sleep * (deaf + 1), 10.5, interrupt=10.0)
    assert (done.late, done.status, done.output.out) == (True, 0, "saved\n" * (deaf + 1))


def test_a_command_that_cannot_be_started_is_a_result() -> None:
    done = run(["./no-such-program"], 5, ENVIRONMENT, Path.cwd())
    assert done.status == 127
    assert "no-such-program" in done.output.text


def test_of_endless_output_the_beginning_and_the_end_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "KEPT_CHARACTERS", 10_000)
    done = python("for i in range(20_000): print(i)")
    assert len(done.output.out) < 20_000
    assert done.output.out.startswith("0\n1\n")
    assert done.output.tail[-1] == "19999"


def test_progress_is_told_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "PROGRESS_SECONDS", 0.0)
    seen: list[str] = []

    def look(run: Run) -> None:
        assert run.status is None
        seen.append(run.output.out)

    python("import time\nprint('first')\ntime.sleep(0.6)\nprint('second')", progress=look)
    assert "first\n" in seen


@needs_proc
def test_ctrl_c_ends_the_command_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "PROGRESS_SECONDS", 0.0)

    def interrupted(run: Run) -> None:
        pids.append(int(run.output.out))
        raise KeyboardInterrupt

    pids: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        python("import os, time\nprint(os.getpid())\ntime.sleep(60)", progress=interrupted)
    deadline = time.monotonic() + 10
    while alive(pids[0]) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(pids[0])
