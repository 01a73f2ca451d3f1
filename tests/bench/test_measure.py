"""Checks, turns and failures, with workers that pretend and with real ones."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gpunet.bench import measure
from gpunet.bench.job import Job
from gpunet.bench.measure import FAILED, IMPOSSIBLE, MEASURED, WRONG, Comparison, Timing
from gpunet.bench.process import Worker, WorkerError

Rows = dict[str, dict]
PEERS = ("gpunet", "sklearn")
PS = shutil.which("ps")


def rows(report: dict) -> Rows:
    return {row["peer"]: row for row in report["rows"]}


def compare(job: Job, start: Callable[[str], Worker], said: list[str] | None = None) -> Rows:
    say = (lambda text: None) if said is None else said.append
    return rows(Comparison(job, 200, PEERS, Timing(3, 0.01), say, start).run())


def test_every_library_has_its_turn_in_every_round(job: Job, fakes: Callable) -> None:
    pytest.importorskip("sklearn")
    said: list[str] = []
    found = compare(job, fakes(), said)
    for row in found.values():
        assert row["status"] == MEASURED
        assert row["rounds_ms"] == pytest.approx([1e3 * 0.5 / 7] * 3)  # 7 steps an epoch
        assert row["ratio"]["median"] == row["of_limit"]["median"] == 1
        assert row["peak_mb"] == 20
    turns = [text.rpartition(" ")[2] for text in said if "round" in text]
    assert turns == ["gpunet", "sklearn", "products"] * 3


def test_what_computes_something_else_is_not_timed(job: Job, fakes: Callable) -> None:
    pytest.importorskip("sklearn")
    found = compare(job, fakes(sklearn="wrong"))
    assert found["gpunet"]["status"] == MEASURED
    assert found["sklearn"]["status"] == WRONG
    assert found["sklearn"]["rounds_ms"] is None
    assert found["sklearn"]["ms"] is None
    assert found["sklearn"]["disagreement"] == pytest.approx(1e-3)
    assert "are not the reference's" in found["sklearn"]["message"]


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ("crash", "ended with status 3: something terrible happened"),
        ("crash later", "ended with status 4"),
        ("hang", "no answer for"),
        ("refuse", "ValueError: no"),
    ],
)
def test_a_failing_worker_is_a_row_and_the_others_go_on(
    job: Job, fakes: Callable, behaviour: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    if behaviour == "hang":
        monkeypatch.setattr(measure, "BUSY_SECONDS", 1.0)
    found = compare(job, fakes(sklearn=behaviour))
    assert found["gpunet"]["status"] == MEASURED
    assert found["sklearn"]["status"] == FAILED
    assert message in found["sklearn"]["message"]
    assert found["sklearn"]["ms"] is None


def test_without_gpunet_there_is_no_ratio_and_without_products_no_limit(
    job: Job, fakes: Callable
) -> None:
    found = compare(job, fakes(gpunet="crash", products="crash"))
    assert found["sklearn"]["ratio"] is None
    assert found["sklearn"]["of_limit"] is None
    assert found["sklearn"]["status"] == MEASURED


@pytest.mark.parametrize(("peers", "limit"), [(("gpunet",), False), ((), True)])
def test_each_can_be_measured_by_itself(
    job: Job, fakes: Callable, peers: tuple[str, ...], limit: bool
) -> None:
    report = Comparison(job, 200, peers, Timing(3, 0.01), start=fakes(), limit=limit).run()
    assert [row["peer"] for row in report["rows"]] == list(peers)
    assert (report["products"].get("ms") is not None) == limit
    assert (report["products"]["gflops_per_s"] is not None) == limit


def test_real_workers_agree_and_are_timed(job: Job) -> None:
    found = rows(Comparison(job, 200, ("gpunet", "tutorial"), Timing(2, 0.01)).run())
    assert found["gpunet"]["status"] == MEASURED, found["gpunet"]["message"]
    assert found["gpunet"]["ms"]["median"] > 0
    assert found["gpunet"]["of_limit"]["median"] > 0
    assert found["tutorial"]["status"] == IMPOSSIBLE
    assert "--batch full" in found["tutorial"]["message"]


def test_a_worker_ends_when_an_error_ends_the_parent_s_block(fakes: Callable) -> None:
    worker = fakes(gpunet="hang")("gpunet")
    began = time.perf_counter()

    def interrupted() -> None:
        with worker:
            worker.tell("round")
            raise KeyboardInterrupt  # as Ctrl-C does

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert worker._process.poll() is not None
    assert time.perf_counter() - began < 30  # it would have slept for 60


PRINTING = """
import sys
from gpunet.bench import worker
def memory(self):
    print("noise")
    return {"peak_mb": 1.0, "device_mb": None}
worker.Actions.memory = memory
worker.main(sys.argv[1:])
"""


def test_what_a_library_prints_is_no_answer() -> None:
    with Worker("gpunet", (sys.executable, "-c", PRINTING)) as worker:
        with pytest.raises(WorkerError, match=r"AttributeError: .* 'print_something'"):
            worker.ask("print_something", 60)
        assert worker.ask("memory", 60)["device_mb"] is None


LONG_REQUEST = """
import subprocess, sys, time
from gpunet.bench import worker
worker.ENDING_SECONDS = 0.1
def memory(self):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    open(sys.argv[2], "w").write(str(child.pid))
    time.sleep(60)
worker.Actions.memory = memory
worker.main(sys.argv[1:])
"""
BENCH = """
import sys
from gpunet.bench.process import Worker
command = (sys.executable, "-c", sys.argv[1], "gpunet", sys.argv[2])
worker = Worker("gpunet", command)
print(worker._process.pid, flush=True)
worker.ask("memory", 60)
"""


@pytest.mark.skipif(PS is None, reason="the command ps, which tells who is alive, is not there")
def test_a_worker_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    told = tmp_path / "child"
    arguments = [sys.executable, "-c", BENCH, LONG_REQUEST, str(told)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as bench:
        assert bench.stdout is not None
        worker = int(bench.stdout.readline())
        wait_until(lambda: told.exists() and told.read_text() != "")
        bench.send_signal(signal.SIGKILL)
    processes = worker, int(told.read_text())
    try:
        wait_until(lambda: not any(map(alive, processes)))
    finally:
        for process in filter(alive, processes):
            os.kill(process, signal.SIGKILL)


def wait_until(happened: Callable[[], bool]) -> None:
    """Wait; the request, and the worker's child, would have lasted for 60 s."""
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(process: int) -> bool:
    """Return whether it runs; one that has ended may stay as a zombie until somebody asks."""
    state = subprocess.run(
        [PS, "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False
    ).stdout
    return bool(state.strip()) and not state.startswith("Z")
