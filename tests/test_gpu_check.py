"""The one-shot GPU check, as far as it goes without a GPU."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from gpunet.backends import available_devices

SCRIPT = Path(__file__).parents[1] / "scripts" / "gpu_check.py"
pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="scripts/ is not part of this copy")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("gpu_check", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif("cuda:0" in available_devices(), reason="this machine has a usable GPU")
def test_without_a_gpu_it_fails_and_reports_why(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--out", str(out), "--no-docs"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    report = json.loads(out.read_text())
    assert report["passed"] is False
    assert report["doctor"]["usable"] is False
    assert report["commit"]
    assert "bench" not in report


def test_the_page_shows_what_the_parts_report(script: ModuleType) -> None:
    # The parts in their own words, but with the CPU in the GPU's place.
    doctor = script.json_part("doctor", "doctor")
    verify = {"passed": True, "findings": [1, 2, 3]}
    measured = {"peer": "gpunet", "ms": {"median": 0.21}, "ratio": {"median": 1.0}}
    missing = {"peer": "jax", "ms": None, "status": "not installed", "message": "pip install jax"}
    bench = {"workloads": [{"batch": 128, "rows": [measured, missing]}]}
    report = {
        "device": "cpu",
        "date": "2026-01-01",
        "commit": "abc",
        "seconds": 1.0,
        "doctor": doctor,
        "tests": {"status": 0, "summary": "5 passed"},
        "verify": verify,
        "bench": bench,
    }
    page = script.page(report)
    assert "commit abc" in page
    assert doctor["verdict"] in page
    assert "passed, 3 checks" in page
    assert "| 128 | gpunet | 210.0 | 1.00 |" in page
    assert "| 128 | jax | not installed: pip install jax | |" in page


def test_a_part_that_prints_no_json_is_reported(script: ModuleType) -> None:
    part = script.json_part("doctor", "train", "--dataset", "no-such-data")
    assert part["status"] == 2
    assert "unknown data set" in part["message"]


def test_a_part_past_its_time_is_reported(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(script.MINUTES, "bench", 0.001)
    assert script.run_module("bench", "gpunet", "reproduce", "moons")[0] == 124
