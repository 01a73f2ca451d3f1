"""gpunet bench, as a user runs it."""

import json
from pathlib import Path
from typing import Any

import pytest
from running import Command

from gpunet import errors
from gpunet.bench import machine, parts
from gpunet.bench.job import Job
from gpunet.bench.tables import figure, markdown
from gpunet.cli import bench

SMALL = (
    *("--network", "784-4-1", "--examples", "600", "--rounds", "2", "--seconds", "0.01"),
    *("--device", "cpu"),
)


@pytest.fixture(autouse=True)
def few_bytes_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "copy_bandwidth", lambda device, start: 10.0)


def test_json_is_one_object_and_has_everything(gpunet_here: Command) -> None:
    done = gpunet_here("bench", *SMALL, "--peers", "gpunet,tutorial", "--batch", "full", "--json")
    assert done.status == 0, done.err
    assert done.err == ""
    found = json.loads(done.out, parse_constant=pytest.fail)
    assert found["settings"]["networks"] == ["784-4-1"]
    assert found["settings"]["batches"] == ["full"]
    assert found["machine"].keys() >= {"cpu", "cores", "system", "python"}
    assert found["versions"].keys() >= {"gpunet", "numpy"}
    assert found["copy_gb_per_s"] > 0
    assert found["date"].endswith("UTC")
    (full,) = found["workloads"]
    assert [row["status"] for row in full["rows"]] == ["measured", "measured"]
    for row in (*full["rows"], full["products"]):
        assert len(row["rounds_ms"]) == 2
        assert row["ratio"]["median"] > 0
        assert row["of_limit"]["median"] > 0
    assert full["rows"][0]["ratio"]["median"] == 1
    text = markdown(found)
    assert "| gpunet |" in text
    assert "| tutorial |" in text
    assert "GFLOP/s" in text


def test_tables_for_people_and_a_picture(gpunet_here: Command, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    done = gpunet_here(
        *("bench", *SMALL, "--peers", "gpunet", "--batch", "full", "--out", "bench.png")
    )
    assert done.status == 0, done.err
    assert "784-4-1, batch full: 600 examples, 1 step an epoch" in done.out
    assert "\n products " in done.out
    assert "checking gpunet" in done.err
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_measured_is_a_failure(gpunet_here: Command) -> None:
    done = gpunet_here("bench", *SMALL, "--peers", "tutorial", "--batch", "32", "--quiet")
    assert done.status == 1
    assert "knows no mini-batches" in done.out
    assert done.err == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--peers", "pytorch"), "did you mean 'torch'?"),
        (("--peers", "gpunet,"), "unknown library ''"),
        (("--network", "784-196-2"), "784 pixels through hidden layers to 1 or 10 outputs"),
        (("--batch", "0"), "a number of examples above 0, or full; got '0'"),
        (("--batch", "32,all"), "got 'all'"),
        (("--batch", "20000"), "more than the 11272 examples"),
        (("--rounds", "0"), "0 is not in the range"),
        (("--examples", "40", "--batch", "50"), "more than the 40 examples"),
        (("--seconds", "nan"), "finite"),
        (("--to-accuracy", "98"), "98"),
        (("--scaling", "--out", "x.png"), "leave --out away"),
        (("--device", "gpu"), "expected auto, cpu, cuda or cuda:N"),
    ],
)
def test_wrong_usage_is_explained(
    gpunet_here: Command, arguments: tuple[str, ...], message: str
) -> None:
    done = gpunet_here("bench", *arguments)
    assert done.status == 2
    assert message in " ".join(done.err.split())
    assert done.out == ""


def test_the_way_to_an_accuracy(gpunet_here: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "LEARNING_RUNS", 1)
    done = gpunet_here("bench", "--to-accuracy", "0.9", "--peers", "gpunet", "--json",
                       "--device", "cpu")  # fmt: skip
    assert done.status == 0
    (row,) = done.json["to_accuracy"]
    assert row["accuracy"] >= 0.9
    assert len(row["runs_s"]) == 1
    assert done.json["workloads"] == []
    assert "of 90.0%" in markdown(done.json)


def test_scaling_has_a_point_for_each_setting(
    gpunet_here: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def two_points(device: str, seed: int) -> list[tuple[str, Job]]:
        return [
            ("batch", Job((784, 4, 1), 32, device, seed, examples=100)),
            ("examples", Job((784, 4, 1), None, device, seed, examples=200)),
        ]

    monkeypatch.setattr(parts, "sweep", two_points)
    done = gpunet_here(
        *("bench", "--scaling", "--json", "--rounds", "2", "--seconds", "0.01", "--device", "cpu")
    )
    assert done.status == 0
    found: list[dict[str, Any]] = done.json["scaling"]
    assert [(row["batch"], row["examples"]) for row in found] == [(32, 100), ("full", 200)]
    for row in found:
        assert row["status"] == "measured", row["message"]
        assert row["epoch_ms"]["median"] == pytest.approx(
            row["steps_per_epoch"] * row["ms"]["median"]
        )
        assert row["peak_mb"] > 0


def test_the_sweep_varies_one_thing_at_a_time() -> None:
    points = parts.sweep("cpu", 0)
    assert {varied for varied, _ in points} == {"batch", "width", "examples"}
    assert len({job for _, job in points}) == len(points) - 1  # two sweeps share their start


def test_quick_is_the_first_network_with_two_batch_sizes(
    gpunet_here: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Job] = []

    monkeypatch.setattr(parts, "workload", lambda job, *rest: done.append(job) or EMPTY)
    gpunet_here("bench", "--quick", "--network", "784-4-1,784-4-10", "--device", "cpu")
    assert [(job.name, job.batch) for job in done] == [("784-4-1", 32), ("784-4-1", 128)]


EMPTY = {
    "network": "784-4-1", "batch": 32, "examples": 1, "steps_per_epoch": 1, "rows": [],
    "products": {"peer": "products", "status": "failed", "message": "", "gflops_per_s": None,
                 "ms": None},
}  # fmt: skip


def test_the_commit_is_that_of_gpunet_s_own_checkout() -> None:
    found = machine.commit()
    assert found is None or found.removesuffix("-dirty").isalnum()


@pytest.mark.parametrize(
    ("value", "text"), [(0.12345, "0.123"), (12.345, "12.3"), (123.45, "123"), (12345.6, "12,346")]
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert figure(value) == text


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], {"networks": ["784-196-1"], "batches": [32, 128], "rounds": 3}),
        (["--rounds", "2"], {"rounds": 2, "batches": [32, 128]}),
        (["--batch", "64"], {"rounds": 3, "batches": [64]}),
    ],
)
def test_quick_overrules_nothing_that_was_said(
    gpunet_here: Command, monkeypatch: pytest.MonkeyPatch, options: list[str], expected: dict
) -> None:
    seen = []

    def run(settings: Any, backend: Any, say: Any) -> dict[str, Any]:
        seen.append(settings)
        raise errors.DataError("enough")

    monkeypatch.setattr(bench, "run", run)
    assert gpunet_here("bench", "--quick", "--device", "cpu", *options).err == "error: enough\n"
    (settings,) = seen
    found = {"networks": ["-".join(map(str, n)) for n in settings.networks],
             "batches": list(settings.batches), "rounds": settings.rounds}  # fmt: skip
    assert found | expected == found
