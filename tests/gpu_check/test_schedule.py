"""Parts one after the other: what is saved, what is left out, and what spoils nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from gpu_check_parts.part import Part
from gpu_check_parts.report import Report
from gpu_check_parts.schedule import RESERVE_SECONDS, check

FACTS = {"command": "gpu_check", "date": "today", "commit": "abc", "missing": {}}
SCRIPTS = Path(__file__).parents[2] / "scripts"
TELL = "import json; print(json.dumps({'name': 'it', 'value': 7}))"
Parts = Callable[..., Part]


def carry_out(
    parts: list[Part],
    folder: Path,
    left: Callable[[], float] = lambda: 1000.0,
    missing: Mapping[str, str] | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """Run parts; return what is in the file afterwards, and what was said."""
    said: list[str] = []
    report = Report(folder / "out", FACTS, said.append)
    check(
        parts, report,
        left=left, missing=missing or {}, environment=os.environ, folder=folder,
    )  # fmt: skip
    report.conclude({})
    found = json.loads((folder / "out" / "report.json").read_text())
    assert found["passed"] == report.passed
    return found, said


def statuses(report: dict[str, Any]) -> dict[str, str]:
    return {name: entry["status"] for name, entry in report["parts"].items()}


def test_what_fails_hangs_or_crashes_spoils_no_other(part: Parts, tmp_path: Path) -> None:
    found, said = carry_out(
        [
            part("good", TELL),
            part("failing", "import json; print(json.dumps({'name': 'sum', 'failure': 'is 5'}))"),
            part("hanging", "print('on my way', flush=True)\nimport time; time.sleep(60)",
                 seconds=0.5),
            part("crashing", "import os; os.abort()"),
            part("raising", "1 / 0"),
            part("last", TELL),
        ],
        tmp_path,
    )  # fmt: skip
    assert statuses(found) == {
        "good": "passed",
        "failing": "failed",
        "hanging": "past its time",
        "crashing": "failed",
        "raising": "failed",
        "last": "passed",
    }
    messages = {
        name: [(f["name"], f["message"]) for f in entry["failures"]]
        for name, entry in found["parts"].items()
    }
    assert messages["good"] == []
    assert messages["failing"] == [("sum", "is 5")]
    ((_, message),) = messages["hanging"]
    assert message.startswith("no end within")
    assert "on my way" in message
    assert "was ended by signal 6" in messages["crashing"][0][1]
    assert messages["raising"] == [
        ("raising", "ended with status 1: ZeroDivisionError: division by zero")
    ]
    assert found["parts"]["good"]["results"] == [{"name": "it", "value": 7}]
    assert not found["passed"]
    page = (tmp_path / "out" / "gpu.md").read_text()
    for text in ("is 5", "on my way", "signal 6", "ZeroDivisionError"):
        assert text in page
        assert any(text in line for line in said)
    assert said[-1].startswith("FAILED: failing, hanging, crashing, raising;")


def test_each_part_is_saved_before_the_next_begins(part: Parts, tmp_path: Path) -> None:
    look = (
        "import json; parts = json.load(open('out/report.json'))['parts']; "
        "print(json.dumps({'name': 'seen', **{n: p['status'] for n, p in parts.items()}}))"
    )
    found, _ = carry_out([part("first", TELL), part("second", look)], tmp_path)
    assert found["parts"]["second"]["results"] == [
        {"name": "seen", "first": "passed", "second": "running"}
    ]
    assert found["passed"]


def test_the_budget_shortens_a_part_and_then_leaves_parts_out(part: Parts, tmp_path: Path) -> None:
    clock = iter([100.0, RESERVE_SECONDS + 8, RESERVE_SECONDS + 8, RESERVE_SECONDS + 0.5])
    parts = [
        part("whole", TELL),
        part("shortened", TELL),
        part("left out", TELL, least=10.0),
        part("too late", TELL, least=1.0),
    ]
    found, said = carry_out(parts, tmp_path, left=lambda: next(clock))
    bounds = {name: entry.get("bound_s") for name, entry in found["parts"].items()}
    assert bounds == {"whole": 20, "shortened": 8, "left out": None, "too late": None}
    assert found["parts"]["left out"]["why"] == "8 s left of the budget, and it needs 10"
    assert found["passed"]  # what did not run has not failed, but it is named
    assert any("left out" in line and "budget" in line for line in said)


@pytest.mark.parametrize(
    ("told", "runs"), [("True", True), ("False", False), ("None", False)], ids=str
)
def test_without_a_usable_gpu_the_rest_is_left_out(
    part: Parts, tmp_path: Path, told: str, runs: bool
) -> None:
    probe = f"import json; print(json.dumps({{'name': 'device', 'usable': {told}}}))"
    parts = [
        part("smoke", probe, tells_usable=True),
        part("on the GPU", TELL, needs_gpu=True),
    ]
    found, _ = carry_out(parts, tmp_path)
    assert statuses(found)["on the GPU"] == ("passed" if runs else "left out")
    assert found["passed"] == runs


def test_a_second_opinion_that_the_gpu_is_usable_counts(part: Parts, tmp_path: Path) -> None:
    yes = "import json; print(json.dumps({'usable': True}))"
    parts = [
        part("smoke", "import os; os.abort()", tells_usable=True),
        part("doctor", yes, tells_usable=True),
        part("on the GPU", TELL, needs_gpu=True),
    ]
    assert statuses(carry_out(parts, tmp_path)[0])["on the GPU"] == "passed"


def test_a_missing_module_is_the_reason(part: Parts, tmp_path: Path) -> None:
    parts = [part("tests", TELL, modules=("sys", "pytest"))]
    found, said = carry_out(parts, tmp_path, missing={"pytest": "no tests"})
    assert found["parts"]["tests"] == {"status": "left out", "why": "pytest missing"}
    assert "left out (pytest missing): tests" in said
    assert not found["passed"]  # nothing ran


def test_logs_are_files_and_an_earlier_run_s_are_gone(part: Parts, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for name in ("junit.xml", "tests.log"):
        (tmp_path / "out" / name).write_text("of an earlier run")
    tests = part("tests", "print('5 passed')", log="tests.log", writes=("junit.xml",))
    carry_out([tests], tmp_path)
    found = {path.name: path for path in (tmp_path / "out").iterdir()}
    assert set(found) == {"report.json", "gpu.md", "tests.log"}
    assert found["tests.log"].read_text() == "5 passed\n"


# The command itself, with two parts of our own.
DRIVER = f"""
import sys
sys.path.insert(0, {str(SCRIPTS)!r})
import gpu_check
from gpu_check_parts import process
from gpu_check_parts.part import Part
process.PROGRESS_SECONDS = 0.1
gpu_check.all_parts = lambda *arguments: [
    Part("quick", [sys.executable, "-c", {TELL!r}], 20, needs_gpu=False),
    Part("second", [sys.executable, "-c", SECOND], 60, needs_gpu=False),
]
"""
HANGS = "import json, os, time; print(json.dumps({'pid': os.getpid()}), flush=True); time.sleep(60)"


def driver(second: str, before: str = "") -> list[str]:
    return [sys.executable, "-c", f"SECOND = {second!r}\n{DRIVER}\n{before}\ngpu_check.run()"]


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "terminated"])
def test_what_was_saved_before_the_end_is_whole(tmp_path: Path, ending: signal.Signals) -> None:
    command = [*driver(HANGS), "--out", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        pid = wait_for_pid(tmp_path / "report.json")
        process.send_signal(ending)
        out, _ = process.communicate(timeout=20)
    try:
        found = json.loads((tmp_path / "report.json").read_text())
        status = "running" if ending == signal.SIGKILL else "interrupted"
        assert statuses(found) == {"quick": "passed", "second": status}
        assert "did not get further than second" in (tmp_path / "gpu.md").read_text()
        if ending == signal.SIGTERM:
            assert process.returncode == 1
            assert "FAILED: second" in out
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
    finally:
        if ending == signal.SIGKILL:
            os.kill(pid, signal.SIGKILL)


def wait_for_pid(report: Path) -> int:
    """Wait until the second part has told its process number, and that is saved."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        time.sleep(0.05)
        # The file is there as a whole or not at all, so this needs no second try.
        parts = json.loads(report.read_text())["parts"] if report.exists() else {}
        if results := parts.get("second", {}).get("results"):
            return int(results[0]["pid"])
    raise AssertionError("the second part was not saved while it ran")


def test_a_reader_that_has_gone_ends_nothing(tmp_path: Path) -> None:
    command = [*driver(TELL), "--out", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert json.loads((tmp_path / "report.json").read_text())["passed"]


def test_a_full_disk_is_told_and_the_report_printed(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    # No file can be longer than 0 bytes: writing fails as it does where the disk is full.
    assert resource.RLIMIT_FSIZE is not None
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"
    (tmp_path / "report.json").write_text("what stood there before")
    done = subprocess.run(
        [*driver(TELL.replace("7", "8"), full), "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == 0  # the parts passed
    assert done.stdout.count("cannot write") == 1
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [(n, e["results"][0]["value"]) for t in told for n, e in t.items()] == [
        ("quick", 7),
        ("second", 8),
    ]
    assert "# The latest run on a GPU" in done.stdout
    assert "the report could not be written" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
    assert (tmp_path / "report.json").read_text() == "what stood there before"
