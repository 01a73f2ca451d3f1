"""The page, for every kind of result and at every stage."""

import re
from typing import Any

import pytest
from gpu_check_parts.page import page

FACTS = {"command": "gpu_check", "date": "2026-01-01", "commit": "abc", "seconds": 12.3}


def made(parts: dict[str, Any], passed: bool = False, **facts: Any) -> str:
    text = page({**FACTS, "passed": passed, "parts": parts, **facts})
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        columns = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(columns) == 1, table
    return text


def ran(*results: dict[str, Any], status: str = "passed", **more: Any) -> dict[str, Any]:
    return {"status": status, "seconds": 3.21, "results": list(results), "failures": [], **more}


def failure(name: str, message: str) -> dict[str, str]:
    return {"name": name, "message": message}


def test_nothing_yet() -> None:
    text = made({"versions": {"status": "running", "results": []}})
    assert "commit abc" in text
    assert "did not get further than versions" in text


def test_the_machine_is_told_by_whatever_could_tell_it() -> None:
    gpu = {"name": "NVIDIA H100", "driver_version": "580.1"}
    versions = ran(
        {"name": "system", "python": "3.12.1"},
        {"name": "packages", "numpy": "2.5"},
        {"name": "nvidia-smi", "gpus": [gpu]},
        {"name": "cuBLASLt", "file": "/lib/libcublasLt.so.13", "version": 130100},
    )
    smoke = ran({"name": "device", "usable": True, "settings": {"device": "cuda:0 (H100)"}})
    text = made({"versions": versions, "smoke": smoke}, True)
    for told in ("name NVIDIA H100, driver_version 580.1", "cuBLASLt 130100 (/lib/libcublasLt"):
        assert told in text
    assert "device cuda:0 (H100)" in text
    assert "python 3.12.1, numpy 2.5" in text
    nothing = ran({"name": "nvidia-smi", "message": "no such file"})
    assert "nvidia-smi: no such file" in made({"versions": nothing})


def test_what_failed_is_named_with_its_message_in_one_cell() -> None:
    tests = ran(
        status="failed",
        failures=[failure("test_a[x|y]", "first | line\nsecond"), failure("test_b", "m" * 5000)],
        counts={"passed": 5, "failed": 2},
    )
    text = made({"tests": tests, "alone": ran(status="past its time")})
    assert "| tests | FAILED (2): 5 passed, 2 failed | 3.2 |" in text
    assert "| alone | past its time | 3.2 |" in text
    assert r"| tests | test_a[x\|y] | first \| line / second |" in text
    assert "**FAILED**" in text
    assert len(text) < 2500


def test_what_did_not_run_is_listed_by_reason() -> None:
    out = {name: {"status": "left out", "why": "no usable GPU"} for name in ("verify", "tests")}
    text = made(out, missing={"jax": "no comparison with JAX"})
    assert "- left out (no usable GPU): verify, tests" in text
    assert "| jax | no comparison with JAX |" in text


def test_smoke_shows_losses_graphs_and_clocks_or_why_there_are_none() -> None:
    good = {
        "name": "float32", "losses": [0.5, 0.25, 0.125], "launches": "CUDA graphs",
        "nodes": [450, "not told (x)"], "device_us": 12.34, "host_us": 1.0, "wall_us": 13.0,
    }  # fmt: skip
    blind = {**good, "name": "tf32", "launches": "one by one: no cuBLASLt", "events": "not told"}
    del blind["device_us"]
    crashed = {"name": "float64", "failure": "OSError: x"}
    text = made({"smoke": ran(good, blind, crashed)})
    assert (
        "| float32 | 0.5000, 0.2500, 0.1250 | CUDA graphs | 450, not told (x) | 12.3 | 1.0 | 13.0 |"
        in text
    )
    assert "| one by one: no cuBLASLt | 450, not told (x) | not told | 1.0 | 13.0 |" in text


def test_figures_of_gpunet_alone() -> None:
    row = {"network": "784-196-1", "precision": "tf32", "batch": "full", "wall_us": 200.0}
    done = {**row, "device_us": 50.0, "host_us": 4.0}
    text = made({"alone": ran(done, {"name": "broken", "failure": "OSError"})})
    assert "| 784-196-1 | tf32 | full | 50.0 | 4.0 | 200.0 |" in text


def test_verified_checks_are_counted_and_the_largest_error_is_shown() -> None:
    def finding(part: str, ratio: Any, **more: str) -> dict[str, Any]:
        return {"name": "n", "subject": "cuda:0 float32", "part": part, "ratio": ratio, **more}

    text = made(
        {
            "verify": ran(
                finding("formulas", 0.5),
                finding("formulas", "inf", failure="out of bounds"),
                finding("control", 7.0),
                {"name": "cuda:0 float32: running free", "growth": [1e-7]},
            )
        }
    )
    assert "| cuda:0 float32 | formulas | 1 of 2 | 0.500 |" in text
    assert "| cuda:0 float32 | control | 1 of 1 |  |" in text


def peer(name: str, batch: str, ms: float | None) -> dict[str, Any]:
    row = {"name": name, "batch": batch, "row": {"ms": ms and {"median": ms}}}
    return ran(row if ms else {**row, "failure": "failed: ended with status 3"})


@pytest.mark.parametrize("ours", [0.02, None], ids=["measured", "failed"])
def test_each_library_is_shown_beside_gpunet_also_if_one_of_them_failed(
    ours: float | None,
) -> None:
    parts = {
        "peers/gpunet/128": peer("gpunet", "128", ours),
        "peers/torch/128": peer("torch", "128", 0.5),
        "peers/jax/128": peer("jax", "128", None),
        "peers/torch/full": peer("torch", "full", 2.0),
        "peers/torch-compile/128": {"status": "past its time", "results": [], "seconds": 90},
    }
    text = made(parts)
    ratio = "25.00" if ours else ""
    assert f"| 128 | torch | 500.0 | {ratio} |" in text
    assert "| 128 | jax | failed: ended with status 3 |  |" in text
    assert "| full | torch | 2000.0 |  |" in text
    said = "20.0 | 1.00" if ours else "failed: ended with status 3 | "
    assert f"| 128 | gpunet | {said} |" in text
