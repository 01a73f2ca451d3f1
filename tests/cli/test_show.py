"""gpunet show."""

import json
from pathlib import Path

import numpy as np
import pytest
from running import Command

import gpunet as library


def test_a_run_is_told_of_with_its_figures(gpunet_here: Command, model: Path) -> None:
    run = json.loads((model / "history.json").read_text())["run"]
    network = library.load(model, device="cpu")
    done = gpunet_here("show", model)
    assert done.status == 0
    assert str(network.summary()).splitlines()[:3] == done.out.splitlines()[:3]
    assert "learnt from mnist58" in done.out
    assert f"test accuracy {run['test_accuracy']:.4f}" in done.out
    found = gpunet_here("show", model, "--json").json
    assert found["run"] == run
    assert found["parameters"] == sum(x.size for x in network.parameters.values())
    assert found["parameters"] == sum(layer["parameters"] for layer in found["layers"])
    assert found["architecture"]["sizes"] == list(network.architecture.sizes)


@pytest.mark.parametrize("beside", [None, "{", "[]", '{"run": 3}', '{"run": {"test_loss": "x"}}'])
def test_a_model_alone_or_beside_another_history_is_shown_all_the_same(
    gpunet_here: Command, tmp_path: Path, beside: str | None
) -> None:
    library.Network([2, 1], device="cpu").save(tmp_path / "alone.safetensors")
    if beside is not None:
        (tmp_path / "history.json").write_text(beside)
    done = gpunet_here("show", "alone.safetensors")
    assert done.status == 0
    assert "3 parameters" in done.out
    assert gpunet_here("show", "alone.safetensors", "--json").status == 0


def test_what_is_no_model_is_said(gpunet_here: Command, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.zeros(3))
    for path in ("rows.npy", "missing", "."):
        done = gpunet_here("show", path)
        assert (done.status, done.out) == (1, "")
        assert "Traceback" not in done.err
