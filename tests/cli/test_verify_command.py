"""gpunet verify, as a user and as CI run it."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from running import Command, environment

from gpunet import available_devices
from gpunet.backends import get_backend
from gpunet.cli import verify as command
from gpunet.nn.activations import ACTIVATIONS
from gpunet.optim import SGD
from gpunet.parity import verify
from gpunet.parity.bounds_backend import PRECISIONS

PARTS = {"derivatives", "formulas", "lockstep", "repetition", "control"}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """One device, a small network, two steps: for what is said, not for what is verified."""
    monkeypatch.setattr(verify, "STEPS", 2)
    monkeypatch.setattr(verify, "EXAMPLES", 128)
    small = {"small": ({"sizes": [784, 8, 1]}, SGD(0.1, momentum=0.9))}
    monkeypatch.setattr(verify, "NETWORKS", small)
    choose = command.choose_subjects

    def choose_first(device: str) -> Any:
        subjects, remark = choose(device)
        return subjects[:1], remark

    monkeypatch.setattr(command, "choose_subjects", choose_first)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A formula that is wrong in the same way on every device: gelu's derivative, by 1 %."""
    right = ACTIVATIONS["gelu"]
    wrong = replace(right, g_prime=lambda xp, Z, A: 1.01 * right.g_prime(xp, Z, A))
    monkeypatch.setitem(ACTIVATIONS, "gelu", wrong)


def test_as_it_is_everything_is_verified(gpunet: Command, tmp_path: Path) -> None:
    done = gpunet("verify", "--json", "--device", "cpu", "--junit", "report.xml")
    assert done.status == 0
    assert done.err == ""
    # A strict parser: JSON has no NaN and no Infinity.
    found = json.loads(done.out, parse_constant=pytest.fail)
    assert found["passed"] is True
    assert found["first_bad"] is None
    assert found["remark"] == "no GPU was tested: --device cpu"
    assert {finding["part"] for finding in found["findings"]} == PARTS
    assert all(finding["passed"] for finding in found["findings"])
    assert {finding["subject"] for finding in found["findings"]} == {
        "the formulas",
        "cpu (numpy) float32",
        "cpu (array_api_strict) float32",
        "cpu (array_api_strict) float64",
    }
    assert len(found["free_runs"]) == len(found["subjects"]) == 3
    assert found["versions"].keys() >= {"gpunet", "python", "numpy", "array-api-strict"}
    assert found["seed"] == 0
    assert found["seconds"] > 0

    suites = ElementTree.parse(tmp_path / "report.xml").getroot()  # noqa: S314 (our own file)
    cases = [
        (suite.get("name"), case.get("classname"), case.get("name"))
        for suite in suites
        for case in suite
    ]
    assert cases == [(f["subject"], f["part"], f["name"]) for f in found["findings"]]
    assert len(set(cases)) == len(cases)
    assert [int(suite.get("tests", "")) for suite in suites] == [len(suite) for suite in suites]
    assert not list(suites.iter("failure"))


def test_the_tables_say_what_was_not_tested(quick: None, gpunet_here: Command) -> None:
    done = gpunet_here("verify", "--device", "cpu")
    assert done.status == 0
    assert "no GPU was tested: --device cpu" in done.out
    assert "verified (" in done.out
    assert "cpu (numpy) float32" in done.out
    assert "WRONG" not in done.out
    assert "verifying cpu (numpy) float32" in done.err


def test_the_tables_of_a_precision_that_differs_in_products_only(
    quick: None, gpunet_here: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TF32 has no formulas of its own to verify, and so no row for them."""
    subjects = [(get_backend("cpu"), PRECISIONS["tf32"])]
    monkeypatch.setattr(command, "choose_subjects", lambda device: (subjects, "none"))
    done = gpunet_here("verify")
    assert (done.status, "verified (" in done.out) == (0, True), done.err
    assert "training, step by step" in done.out
    assert "every verb and formula" not in done.out


def test_quiet_leaves_standard_error_empty(quick: None, gpunet_here: Command) -> None:
    assert gpunet_here("verify", "--device", "cpu", "--quiet").err == ""


def test_a_broken_formula_is_named_to_people(
    quick: None, broken: None, gpunet_here: Command
) -> None:
    done = gpunet_here("verify", "--device", "cpu")
    assert done.status == 1
    assert "WRONG: the formulas, derivatives, gelu:" in " ".join(done.out.split())
    assert "1 of " in done.out
    assert "verified" not in done.out


def test_a_broken_formula_is_named_to_programs(
    quick: None, broken: None, gpunet_here: Command, tmp_path: Path
) -> None:
    done = gpunet_here("verify", "--device", "cpu", "--json", "--junit", "report.xml")
    assert done.status == 1
    assert done.err == ""
    assert done.json["passed"] is False
    assert done.json["first_bad"]["part"] == "derivatives"
    assert done.json["first_bad"]["name"] == "gelu"
    suites = ElementTree.parse(tmp_path / "report.xml").getroot()  # noqa: S314
    assert [suite.get("failures") for suite in suites] == ["1", "0"]
    (bad,) = (case for case in suites.iter("testcase") if case.find("failure") is not None)
    assert (bad.get("classname"), bad.get("name")) == ("derivatives", "gelu")
    failure = bad.find("failure")
    assert failure is not None
    assert "times its bound" in failure.get("message", "")


def test_a_broken_formula_is_the_status_of_the_process(tmp_path: Path) -> None:
    """The status that CI goes by, with nothing replaced but the formula and the subjects."""
    program = """
import sys
from dataclasses import replace
from gpunet.cli import main, verify
from gpunet.nn.activations import ACTIVATIONS
right = ACTIVATIONS["tanh"]
ACTIVATIONS["tanh"] = replace(right, g_prime=lambda xp, Z, A: 1.0 - A)
verify.choose_subjects = lambda device: ([], "none")
sys.exit(main.run(["verify", "--json", "--device", "cpu"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment(), capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert json.loads(done.stdout)["first_bad"]["name"] == "tanh"


def test_a_planted_error_that_nothing_sees_fails(
    quick: None, gpunet_here: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "CONTROLS", {"nothing": lambda subject: None})
    done = gpunet_here("verify", "--device", "cpu", "--json")
    assert done.status == 1
    bad = [finding for finding in done.json["findings"] if not finding["passed"]]
    assert [(f["part"], f["name"], f["detail"]) for f in bad] == [
        ("control", "nothing", "not caught")
    ]


def test_another_seed_is_another_run(quick: None, gpunet_here: Command) -> None:
    one, other, again = (
        gpunet_here("verify", "--device", "cpu", "--json", "--seed", seed).json
        for seed in (0, 1, 0)
    )
    assert one["passed"]
    assert other["passed"]
    assert other["seed"] == 1
    assert one["findings"] == again["findings"] != other["findings"]


def test_without_a_gpu_cuda_is_an_error_and_auto_a_remark(
    quick: None, gpunet_here: Command
) -> None:
    if any(device != "cpu" for device in available_devices()):
        pytest.skip("there is a GPU")
    done = gpunet_here("verify", "--device", "cuda")
    assert done.status == 1
    assert done.out == ""
    assert done.err.startswith("error: ")
    reason = done.err.removeprefix("error: ").strip()
    auto = gpunet_here("verify", "--json")
    assert auto.status == 0
    assert auto.json["remark"] == f"no GPU was tested: {reason}"


@pytest.mark.parametrize("cores", [False, True])
def test_a_gpu_is_verified_beside_the_cpu(monkeypatch: pytest.MonkeyPatch, cores: bool) -> None:
    """In both precisions, and in those of tensor cores if it has them.

    The CPU's findings say whether the formulas or the GPU are wrong.
    """
    without, _ = command.choose_subjects("cpu")

    class Gpu:
        tensor_cores = cores

        def describe(self) -> str:
            return "the GPU"

    gpu = Gpu()
    monkeypatch.setattr(
        command,
        "get_backend",
        lambda name="", **xp: gpu if name == "cuda" else get_backend(name or "auto", **xp),
    )
    subjects, remark = command.choose_subjects("auto")
    names = ["float32", "float64", *(["tf32", "split16"] if cores else [])]
    assert subjects[len(without) :] == [(gpu, PRECISIONS[name]) for name in names]
    assert remark == "testing the GPU"
