"""The worked examples reproduce their published figures, on every backend.

mnist58 takes minutes and is left to ``gpunet reproduce mnist58``, which CI runs after the tests.
"""

import math
from typing import Any

import pytest
from running import Command

from gpunet.backends import Backend
from gpunet.examples import EXAMPLES, Figure

QUICK = [name for name in EXAMPLES if not name.startswith("mnist58")]


@pytest.mark.parametrize("name", QUICK)
def test_every_reproducible_figure_is_reproduced(name: str, backend: Backend) -> None:
    if name in ("steps", "moons", "blobs", "xor") and backend.name == "array_api_strict":
        pytest.skip("10 s to a minute on array_api_strict: `gpunet reproduce all --xp` runs it")
    if backend.name == "strict-device":
        pytest.skip("it computes with NumPy, which has its turn")
    if name in ("moons", "blobs") and "stand-in" in backend.describe():
        pytest.skip("10,000 epochs take minutes on the stand-in for CuPy")
    report = EXAMPLES[name].run(backend, "float64")
    assert report.figures
    assert [f.name for f in report.figures if f.verdict == "differs"] == []


def test_json_is_keyed_by_the_examples_names(gpunet: Command) -> None:
    done = gpunet("reproduce", "by-hand", "--json", "--device", "cpu")
    assert (done.status, done.err) == (0, "")
    (figures,) = (done.json[name]["figures"] for name in ("by-hand",))
    assert len(done.json) == 1
    by_name = {f["name"]: f for f in figures}
    assert by_name["output"]["ours"] == pytest.approx(0.2171, abs=1e-12)
    assert by_name["new W1[0,0]"]["verdict"] == "published is wrong"


def test_the_table_and_the_picture(gpunet: Command, tmp_path: Any) -> None:
    pytest.importorskip("matplotlib")
    done = gpunet("reproduce", "blobs", "--out", "pictures", env={"COLUMNS": "120"})
    assert done.status == 0
    for column in ("published", "ours", "difference", "verdict"):
        assert column in done.out
    assert (tmp_path / "pictures" / "blobs.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("columns", ["80", "40"])
def test_no_terminal_is_too_narrow_for_figures_and_verdicts(
    gpunet_here: Command, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    done = gpunet_here("reproduce", "by-hand", "--device", "cpu", "--quiet")
    for word in ("reproduced", "wrong", "0.306466205", "0.07117435", "difference", "+2.8e-09"):
        assert word in done.out
    assert "…" not in done.out


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [
        (Figure("", "0.25", 0.2549), "reproduced"),
        (Figure("", "0.25", 0.2551), "differs"),
        (Figure("", "0.25", math.nan), "differs"),
        (Figure("", "0.250", 0.2506), "differs"),
        (Figure("", "1", 1.4, within=0.5), "reproduced"),
        (Figure("", "0.94", 1.07, correct="1.07"), "published is wrong"),
        (Figure("", "0.94", 0.94, correct="1.07"), "differs"),
        (Figure("", "", 1.0, correct="1.0"), "as expected"),
        (Figure("", "0.1", 0.9, reproducible=False), "not reproducible"),
    ],
)
def test_the_verdict_counts_the_printed_digits(figure: Figure, verdict: str) -> None:
    assert figure.verdict == verdict


def test_a_figure_that_differs_is_status_1(gpunet: Command) -> None:
    # float32 cannot hold the nine digits of by-hand's error.
    done = gpunet("reproduce", "by-hand", "--dtype", "float32", "--json")
    verdicts = [f["verdict"] for f in done.json["by-hand"]["figures"]]
    assert "differs" in verdicts
    assert done.status == 1
