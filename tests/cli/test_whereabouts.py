"""evaluate finds the data of training again."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from running import Command

from gpunet import datasets

QUICK = ("--hidden", "2", "--epochs", "1", "--quiet")


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    """A folder with ten digits of one picture each, for training and for the test."""
    folder = tmp_path / "files" / "digits"
    folder.mkdir(parents=True)
    X = np.random.default_rng(0).integers(0, 256, (10, 28, 28), np.uint8)
    for part in ("train", "t10k"):
        datasets.write_idx(folder / f"{part}-images-idx3-ubyte", X)
        datasets.write_idx(folder / f"{part}-labels-idx1-ubyte", np.arange(10, dtype=np.uint8))
    return folder


def test_from_another_folder(
    gpunet_here: Command, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert gpunet_here("train", "--dataset", "points.csv", "--out", "a/run", *QUICK).status == 0
    expected = gpunet_here("evaluate", "--model", "a/run", "--json").json
    monkeypatch.chdir(tmp_path / "a")
    for model in ("run", tmp_path / "a" / "run", "run/model.safetensors"):
        found = gpunet_here("evaluate", "--model", model, "--json")
        assert found.status == 0, found.err
        assert found.json | {"model": ""} == expected | {"model": ""}


def test_after_data_and_model_have_been_moved_together(
    gpunet_here: Command, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    shutil.move(table, project / "points.csv")
    monkeypatch.chdir(project)
    assert gpunet_here("train", "--dataset", "points.csv", "--out", "run", *QUICK).status == 0
    monkeypatch.chdir(tmp_path)
    project.rename(tmp_path / "elsewhere")
    assert gpunet_here("evaluate", "--model", "elsewhere/run", "--json").json["same_data"]
    (tmp_path / "elsewhere" / "points.csv").unlink()
    done = gpunet_here("evaluate", "--model", "elsewhere/run")
    assert done.status == 2
    assert "say where it is with --dataset" in done.err


def test_the_model_alone_is_still_found_its_data_in_the_present_folder(
    gpunet_here: Command, table: Path, tmp_path: Path
) -> None:
    """As before: for models that do not say more, and for those that were moved alone."""
    assert gpunet_here("train", "--dataset", "points.csv", "--out", "run", *QUICK).status == 0
    (tmp_path / "far" / "away").mkdir(parents=True)
    shutil.move(tmp_path / "run", tmp_path / "far" / "away" / "run")
    done = gpunet_here("evaluate", "--model", "far/away/run", "--json")
    assert done.status == 0, done.err
    assert done.json["same_data"]


def test_the_folder_of_mnist(
    gpunet_here: Command, mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--dataset", "mnist", "--data-dir", "files/digits", "--out", "run")
    assert gpunet_here("train", *options, *QUICK).status == 0
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "else")
    for more in ((), ("--dataset", "mnist"), ("--data-dir", mnist)):
        done = gpunet_here("evaluate", "--model", "../run", "--json", *more)
        assert done.status == 0, done.err
        assert done.json["same_data"]
    mnist.rename(tmp_path / "moved")
    done = gpunet_here("evaluate", "--model", "../run")
    assert done.status == 2
    assert "say with --data-dir where the files are now" in done.err
    monkeypatch.setenv("GPUNET_DATA_DIR", str(tmp_path / "moved"))
    assert gpunet_here("evaluate", "--model", "../run").status == 0


def test_the_model_names_no_other_folder_and_is_the_same_wherever_it_is_made(
    gpunet_here: Command, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        shutil.copy(table, tmp_path / name)
        monkeypatch.chdir(tmp_path / name)
        options = ("--dataset", "points.csv", "--out", "run", *QUICK)
        assert gpunet_here("train", *options).status == 0
        contents.append((tmp_path / name / "run" / "model.safetensors").read_bytes())
    assert contents[0] == contents[1]
    assert str(tmp_path).encode() not in contents[0]
