"""Checks, turns and failures, with workers that pretend and with real ones."""

import sys
import time
from collections.abc import Callable

import pytest

from gpunet.bench import measure
from gpunet.bench.job import Job
from gpunet.bench.measure import FAILED, IMPOSSIBLE, MEASURED, WRONG, Comparison, Timing
from gpunet.bench.process import Worker, WorkerError

Rows = dict[str, dict]
PEERS = ("gpunet", "sklearn")


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
