"""A finished training is kept, whatever happens between its last step and its last word."""

import errno
import json
import os
import shutil
import tempfile
from pathlib import Path

import click
import numpy as np
import pytest
from running import Command

import gpunet as library
from gpunet.errors import FileError
from gpunet.report import plots

TRAIN = ("train", "--dataset", "xor", "--device", "cpu", "--hidden", "2", "--epochs", "3")


@pytest.mark.parametrize("fault", [KeyboardInterrupt, MemoryError, FileError("the disk is full")])
def test_the_history_is_kept_too_when_drawing_fails(
    gpunet_here: Command,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    fault: BaseException | type[BaseException],
) -> None:
    def fail(*arguments: object) -> None:
        raise fault

    monkeypatch.setattr(plots, "loss_curve", fail)
    done = gpunet_here(*TRAIN, "--out", "run")
    assert done.status == (130 if fault is KeyboardInterrupt else 1)
    assert "the trained network is saved in run" in done.err
    content = json.loads((tmp_path / "run" / "history.json").read_text())
    assert len(content["history"]["loss"]) == 3
    assert content["run"]["test_accuracy"] in (0, 0.25, 0.5, 0.75, 1)


def test_nothing_of_an_earlier_run_stays_beside_a_network_that_was_not_measured(
    gpunet_here: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*arguments: object) -> None:
        raise KeyboardInterrupt

    assert gpunet_here(*TRAIN, "--out", "run").status == 0
    monkeypatch.setattr(library.Network, "evaluate", fail)
    assert gpunet_here(*TRAIN, "--out", "run", "--seed", "1", "--force").status == 130
    assert os.listdir(tmp_path / "run") == ["model.safetensors"]


@pytest.mark.parametrize("replaced", [False, True])
def test_a_folder_that_is_gone_after_training(
    gpunet_here: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, replaced: bool
) -> None:
    """It is made again; and where that can't be, the network goes to the temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    evaluate = library.Network.evaluate

    def remove_the_folder(*arguments: object) -> object:
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        if replaced:
            (tmp_path / "run").touch()
        return evaluate(*arguments)

    monkeypatch.setattr(library.Network, "evaluate", remove_the_folder)
    done = gpunet_here(*TRAIN, "--out", "run")
    if not replaced:
        assert done.status == 0
        assert (tmp_path / "run" / "history.json").exists()
        return
    assert done.status == 1
    assert "cannot write run" in done.err
    (saved,) = tmp_path.glob("gpunet-*/model.safetensors")
    assert f"The trained network is in {saved} instead" in done.err
    assert library.load(saved, device="cpu").input_format.source["dataset"] == "xor"


def test_results_that_cannot_be_printed_leave_word_of_where_the_network_is(
    gpunet_here: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    echo = click.echo

    def full(message: object, err: bool = False) -> None:
        if not err:
            raise OSError(errno.ENOSPC, "No space left on device")
        echo(message, err=err)

    monkeypatch.setattr(click, "echo", full)
    done = gpunet_here(*TRAIN, "--out", "run", "--json")
    assert done.status == 1
    assert "the trained network is saved in run: model.safetensors" in done.err


def test_a_class_called_like_a_formula_does_not_end_the_drawing(
    gpunet_here: Command, tmp_path: Path
) -> None:
    k = np.arange(20) % 2
    X = np.random.default_rng(0).integers(0, 256, (20, 4, 4), np.uint8)  # nothing to learn
    np.savez(tmp_path / "d.npz", X=X, y=np.array([r"$\nothing$", "b"])[k])
    done = gpunet_here("train", "--dataset", "d.npz", "--epochs", "1", "--out", "run", "--quiet")
    assert done.status == 0, done.err
    assert "errors.png" in done.out
