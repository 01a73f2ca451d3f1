"""gpunet train, as a user runs it."""

import json
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from running import Command, environment

import gpunet as library

KEYS = {
    *("test_accuracy", "train_accuracy", "test_loss", "train_loss"),
    *("seconds", "epochs", "steps", "device", "dtype", "seed"),
}
SCRIPT = Path(__file__).parents[2] / "scripts" / "train_mnist.py"
needs_script = pytest.mark.skipif(
    not SCRIPT.exists(), reason="scripts/ is not part of this installation"
)


def test_without_options_it_learns_mnist58(gpunet: Command, tmp_path: Path) -> None:
    done = gpunet("train", "--json", "--device", "cpu")
    assert done.status == 0
    assert done.err == ""
    assert done.json.keys() >= KEYS
    assert done.json["test_accuracy"] >= 0.985
    assert done.json["device"] == "cpu"
    folder = tmp_path / done.json["out"]
    assert {p.name for p in folder.iterdir()} == {
        "model.safetensors",
        "history.json",
        "loss.png",
        "errors.png",
    }
    # The saved model is the one that was measured.
    net = library.load(folder, device="cpu")
    test = library.datasets.load("mnist58")[1]
    assert net.evaluate(test)["accuracy"] == done.json["test_accuracy"]
    history = json.loads((folder / "history.json").read_text())
    assert len(history["history"]["loss"]) == done.json["epochs"]


def test_same_seed_same_bytes(gpunet: Command, table: Path, tmp_path: Path) -> None:
    def train(out: str, *options: str) -> bytes:
        done = gpunet("train", "--dataset", table, "--dropout", "0.2", "--out", out, *options)
        assert done.status == 0
        return (tmp_path / out / "model.safetensors").read_bytes()

    assert train("a", "--seed", "1") == train("b", "--seed", "1")
    assert train("c", "--seed", "2") != train("d", "--seed", "1")


def test_progress_goes_to_stderr_in_plain_lines(gpunet: Command, table: Path) -> None:
    done = gpunet("train", "--dataset", table, "--epochs", "3", "--device", "cpu")
    first, *lines = done.err.splitlines()
    assert first.startswith("device: cpu")
    epochs = [line for line in lines if line.startswith("epoch")]
    assert epochs[-1].startswith("epoch 3/3  loss ")
    assert all("examples/s" in line and "left" in line for line in epochs)
    assert "\x1b" not in done.err
    assert "accuracy" in done.out


def test_quiet_prints_results_only(gpunet: Command, table: Path) -> None:
    done = gpunet("train", "--dataset", table, "--quiet")
    assert done.err == ""
    assert "accuracy" in done.out


def test_auto_says_which_device_runs_and_why(gpunet: Command, table: Path) -> None:
    done = gpunet("train", "--dataset", table)
    line = done.err.splitlines()[0]
    assert line.startswith("device: ")
    assert " - " in line, "the reason is missing"


def test_without_out_each_run_gets_a_new_folder(gpunet: Command, table: Path) -> None:
    outs = [gpunet("train", "--dataset", table, "--json").json["out"] for _ in range(2)]
    assert outs[0] != outs[1]


def test_an_earlier_run_is_kept_unless_forced(gpunet: Command, table: Path, tmp_path: Path) -> None:
    def train(*options: object) -> tuple[int, str, bytes]:
        done = gpunet("train", "--dataset", table, "--out", "run", "--seed", *options)
        return done.status, done.err, (tmp_path / "run" / "model.safetensors").read_bytes()

    _, _, before = train(0)
    status, message, after = train(1)
    assert (status, after) == (2, before)
    assert "--force" in message
    status, _, after = train(1, "--force")
    assert status == 0
    assert after != before


def test_force_leaves_no_pictures_of_the_earlier_run(
    gpunet: Command, table: Path, model: Path, tmp_path: Path
) -> None:
    shutil.copytree(model, tmp_path / "run")
    assert (tmp_path / "run" / "errors.png").exists()
    gpunet("train", "--dataset", table, "--out", "run", "--force")
    assert not (tmp_path / "run" / "errors.png").exists()


def test_evaluate_holds_out_the_same_rows(gpunet: Command, table: Path) -> None:
    options = ("--seed", "5", "--test-fraction", "0.4", "--label-column", "label")
    trained = gpunet("train", "--dataset", table, *options, "--out", "run", "--json").json
    again = gpunet("evaluate", "--model", "run", "--json").json
    assert again["examples"] == 48
    assert again["accuracy"] == trained["test_accuracy"]
    assert again["loss"] == pytest.approx(trained["test_loss"], abs=1e-12)
    other = gpunet("evaluate", "--model", "run", "--json", "--seed", "6").json
    assert other["loss"] != again["loss"]


@pytest.mark.parametrize(
    "options",
    [
        ["--optimizer", "adam", "--schedule", "cosine", "--warm-up", "1"],
        ["--optimizer", "adamw", "--weight-decay", "0.1", "--schedule", "step"],
        ["--optimizer", "rmsprop", "--clip-norm", "1", "--schedule", "exponential"],
        ["--nesterov", "--momentum", "0.8", "--hidden", "8,4", "--activation", "gelu"],
        ["--hidden", "none", "--batch-size", "full", "--dtype", "float64"],
        ["--early-stopping", "2", "--init", "he_normal", "--activation", "relu"],
        ["--xp", "array_api_strict", "--validation", "0.3"],
    ],
    ids=" ".join,
)
def test_options_work_together(gpunet: Command, table: Path, options: list[str]) -> None:
    done = gpunet("train", "--dataset", table, "--json", *options)
    assert done.status == 0, done.err
    assert 0 <= done.json["test_accuracy"] <= 1
    assert done.json["test_loss"] < 10


def test_early_stopping_stops_early_and_says_so(gpunet: Command, table: Path) -> None:
    # A rate this small improves nothing that float32 can show.
    done = gpunet(
        *("train", "--dataset", table, "--epochs", "500", "--early-stopping", "3"),
        *("--learning-rate", "1e-12", "--json"),
    )
    assert done.json["epochs"] < 500
    assert "no improvement for 3 epochs" in done.json["stopped"]


def interrupted(
    folder: Path,
    *arguments: str,
    after: str,
    seconds: float = 0,
    command: tuple[str, ...] = ("-m", "gpunet"),
) -> tuple[int, str, str]:
    """Press Ctrl-C some seconds after a line on stderr; return the status and what followed."""
    with subprocess.Popen(
        [sys.executable, *command, *arguments],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(after):
                break
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_saves_what_was_learnt(tmp_path: Path) -> None:
    options = ("train", "--device", "cpu", "--epochs", "100000", "--out", "run")
    status, out, err = interrupted(tmp_path, *options, after="epoch")
    assert status == 130
    assert "interrupted" in err
    assert "saved in run" in out
    assert "Traceback" not in err
    test = library.datasets.load("mnist58")[1]
    # After an epoch or two of mnist58 anything that was learnt is far above chance, 0.52.
    assert library.load(tmp_path / "run", device="cpu").evaluate(test)["accuracy"] > 0.8
    assert json.loads((tmp_path / "run" / "history.json").read_text())["run"]["stopped"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_ends_reproduce_without_a_verdict(tmp_path: Path) -> None:
    options = ("reproduce", "mnist58", "--device", "cpu")
    status, out, err = interrupted(tmp_path, *options, after="running", seconds=2)
    assert status == 130
    assert (out, err.strip()) == ("", "interrupted")


@needs_script
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_in_the_one_page_script(tmp_path: Path) -> None:
    options = ("--device", "cpu", "--epochs", "100000", "--save", "m.safetensors")
    status, out, _ = interrupted(tmp_path, *options, after="epoch", command=(str(SCRIPT),))
    assert status == 130
    assert "test accuracy" in out
    assert (tmp_path / "m.safetensors").exists()


@needs_script
def test_the_one_page_script_trains_and_saves(tmp_path: Path) -> None:
    options = ["--json", "--epochs", "2", "--device", "cpu", "--save", "m.safetensors"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *options],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    result = json.loads(done.stdout)
    assert result["test_accuracy"] > 0.95
    assert (tmp_path / "m.safetensors").exists()

    (tmp_path / "file").touch()
    command = [sys.executable, str(SCRIPT), "--save", "file/m.safetensors"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "choose another with --save" in done.stderr
    assert "epoch" not in done.stderr, "found out only after training"


def test_more_epochs_mean_less_training_loss(gpunet: Command, table: Path) -> None:
    losses = [
        gpunet("train", "--dataset", table, "--json", "--epochs", n).json["train_loss"]
        for n in (1, 20, 200)
    ]
    assert all(later < earlier for earlier, later in pairwise(losses))


def test_test_data_that_cannot_be_measured_on_are_found_before_training(
    gpunet_here: Command, tmp_path: Path
) -> None:
    X, y = np.random.default_rng(0).normal(size=(20, 2)), np.arange(20) % 2
    too_large = np.full((4, 2), 1e39)  # finite as float64, as the file has it
    np.savez(tmp_path / "d.npz", X=X, y=y, X_test=too_large, y_test=y[:4])
    done = gpunet_here("train", "--dataset", "d.npz", "--epochs", "2", "--device", "cpu")
    assert done.status == 1
    assert "d.npz, test part: X is 1e+39 in row 0, column 0" in done.err
    assert "epoch" not in done.err
    assert not (tmp_path / "runs").exists()
    in_float64 = ("--dtype", "float64", "--json", "--device", "cpu")
    assert gpunet_here("train", "--dataset", "d.npz", "--epochs", "2", *in_float64).status == 0


@pytest.mark.parametrize("fault", [KeyboardInterrupt, MemoryError])
def test_a_finished_training_is_kept_when_measuring_it_fails(
    gpunet_here: Command,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    fault: type[BaseException],
) -> None:
    def fail(*arguments: object) -> None:
        raise fault

    monkeypatch.setattr(library.Network, "evaluate", fail)
    done = gpunet_here("train", "--dataset", "xor", "--epochs", "2", "--device", "cpu")
    assert done.status == {KeyboardInterrupt: 130, MemoryError: 1}[fault]
    assert "the trained network is saved in runs/xor-1" in done.err
    saved = library.load(tmp_path / "runs" / "xor-1", device="cpu")
    assert saved.input_format.source["dataset"] == "xor"
