"""Bad input ends in a sentence that says what to do, in status 1 or 2, and with nothing lost."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from running import Command

import gpunet as library
from gpunet import datasets
from gpunet.backends import available_devices

USAGE = {
    "unknown command": (["trian"], "did you mean 'train'"),
    "unknown option": (["train", "--epoch", "3"], "--epochs"),
    "unknown data set": (["train", "--dataset", "mnst58"], "did you mean 'mnist58'"),
    "unknown activation": (["train", "--activation", "relo"], "relu"),
    "unknown optimizer": (["train", "--optimizer", "adma"], "adam"),
    "unknown example": (["reproduce", "mons"], "did you mean 'moons'"),
    "unknown device": (["train", "--device", "cuda0"], "cuda:N"),
    "unknown array module": (["train", "--xp", "no_such_module"], "installed array-API module"),
    "not an array module": (["train", "--xp", "json"], "array-API"),
    "empty array module": (["train", "--xp", ""], "array-API"),
    "array module and GPU": (["train", "--xp", "array_api_strict", "--device", "cuda"], "leave"),
    "capital letters": (["train", "--optimizer", "Adam"], "did you mean 'adam'"),
    "almost an init": (["train", "--init", "he_norml"], "did you mean 'he_normal'"),
    "a share that is no number": (["train", "--validation", "nan"], "finite"),
    "an empty path": (["train", "--out", ""], "empty"),
    "more neurons than memory": (["train", "--hidden", "9" * 20], "smaller layers"),
    "batch size 0": (["train", "--batch-size", "0"], "above 0"),
    "batch size too large": (["train", "--batch-size", "11273"], "11272"),
    "no epochs": (["train", "--epochs", "0"], "x>=1"),
    "negative rate": (["train", "--learning-rate", "-1"], "x>0"),
    "hidden sizes": (["train", "--hidden", "196,,98"], "392,196,98"),
    "momentum for adam": (["train", "--optimizer", "adam", "--momentum", "0.5"], "for sgd"),
    "nesterov without momentum": (["train", "--nesterov", "--momentum", "0"], "0.9"),
    "seed": (["train", "--seed", "-1"], "4294967295"),
    "no model": (["evaluate"], "--model"),
    "nothing to predict": (["predict", "--model", "x"], "FILE"),
    "regression": (["train", "--task", "regression"], "has classes"),
    "test fraction of a named set": (
        ["train", "--dataset", "moons", "--test-fraction", "0.3"],
        "1000 of 2000 rows; leave it out",
    ),
    "label column of a named set": (["train", "--label-column", "y"], "leave it out"),
}


@pytest.mark.parametrize("case", USAGE)
def test_wrong_usage_is_status_2(gpunet_here: Command, tmp_path: Path, case: str) -> None:
    arguments, hint = USAGE[case]
    done = gpunet_here(*arguments)
    assert (done.status, done.out) == (2, "")
    assert hint in done.err
    assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []


def write_tables(folder: Path) -> dict[str, tuple[Path, str]]:
    """One file a way for data to be bad, with what the message must say."""
    train = datasets.moons(n=40)[0]
    X, y = train.X, train.y
    files: dict[str, tuple[Path, str]] = {}

    def add(case: str, path: Path, hint: str) -> None:
        files[case] = (path, hint)

    def npz(case: str, hint: str, **arrays: object) -> None:
        path = folder / f"{case.replace(' ', '-')}.npz"
        np.savez(path, **arrays)  # type: ignore[arg-type]
        add(case, path, hint)

    def text(case: str, content: str, hint: str) -> None:
        path = folder / f"{case.replace(' ', '-')}.csv"
        path.write_text(content)
        add(case, path, hint)

    npz("nan", "row", X=np.where(np.arange(80).reshape(40, 2) == 7, np.nan, X), y=y)
    npz("infinite", "row", X=np.where(np.arange(80).reshape(40, 2) == 7, np.inf, X), y=y)
    npz("lengths differ", "39", X=X, y=y[:-1])
    npz("no y", "y", X=X)
    npz("objects", "object", X=np.array([[None]], dtype=object), y=y[:1])
    npz("empty", "empty", X=X[:0], y=y[:0])
    npz("nan as a label", "label", X=X, y=np.where(y == 0, 0.5, np.nan))
    text("no rows", "a,b,label\n", "row")
    text("a word", "a,b,label\n1,2,x\n1,two,y\n", "two")
    text("ragged", "a,b,label\n1,2,x\n1,y\n", "line 3")
    rows = "".join(f"{k / 7},{k % 5},{k * k}\n" for k in range(90))
    text("a regression", f"a,b,target\n{rows}", "--task classification")
    text("one class", "a,b,label\n1,2,x\n3,4,x\n", "class")
    truncated = folder / "truncated.npz"
    truncated.write_bytes(files["lengths differ"][0].read_bytes()[:-40])
    add("truncated", truncated, "truncated.npz")
    return files


@pytest.mark.parametrize(
    "case",
    [
        *("nan", "infinite", "lengths differ", "no y", "objects", "empty", "nan as a label"),
        *("no rows", "a word", "ragged", "one class", "truncated", "a regression"),
    ],
)
def test_bad_tables(gpunet_here: Command, tmp_path: Path, case: str) -> None:
    files = write_tables(tmp_path)
    path, hint = files[case]
    done = gpunet_here("train", "--dataset", path, "--json")
    assert (done.status, done.out) == (1, "")
    assert path.name in done.err
    assert hint in done.err
    assert "Traceback" not in done.err
    assert "should not happen" not in done.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("case", ["truncated", "other magic", "oversized", "not gzip inside"])
def test_bad_idx_files(gpunet_here: Command, tmp_path: Path, case: str) -> None:
    images, labels = np.zeros((6, 28, 28), np.uint8), np.arange(6, dtype=np.uint8)
    for part in ("train", "t10k"):
        datasets.write_idx(tmp_path / f"{part}-images-idx3-ubyte", images)
        datasets.write_idx(tmp_path / f"{part}-labels-idx1-ubyte", labels)
    path = tmp_path / "train-images-idx3-ubyte"
    content = path.read_bytes()
    path.write_bytes(
        {
            "truncated": content[:-1],
            "other magic": b"\x89PNG" + content[4:],
            "oversized": content + b"\0",
            "not gzip inside": b"\x1f\x8b" + content,
        }[case]
    )
    done = gpunet_here("train", "--dataset", "mnist", "--data-dir", tmp_path)
    assert done.status == 1
    assert path.name in done.err
    assert "expected" in done.err
    assert "Traceback" not in done.err


def test_a_data_folder_without_the_files(gpunet_here: Command, tmp_path: Path) -> None:
    done = gpunet_here("train", "--dataset", "mnist", "--data-dir", tmp_path)
    assert done.status == 1
    assert "gpunet fetch mnist" in done.err


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b"", "not a complete safetensors file"),
        (b"\x80\x04K\x01.", "not a complete safetensors file"),
        (None, "not a complete safetensors file"),
    ],
    ids=["empty", "a pickle", "truncated"],
)
def test_bad_model_files(
    gpunet_here: Command, model: Path, tmp_path: Path, content: bytes | None, hint: str
) -> None:
    path = tmp_path / "model.safetensors"
    whole = (model / "model.safetensors").read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    for command in (["evaluate"], ["predict", path]):
        done = gpunet_here(*command, "--model", path)
        assert done.status == 1
        assert hint in done.err
        assert "Traceback" not in done.err


def test_no_model_file(gpunet_here: Command, tmp_path: Path) -> None:
    done = gpunet_here("evaluate", "--model", tmp_path / "nowhere")
    assert done.status == 1
    assert "gpunet train" in done.err


def test_a_model_and_data_that_do_not_fit(gpunet_here: Command, model: Path, table: Path) -> None:
    done = gpunet_here("evaluate", "--model", model, "--dataset", table)
    assert done.status == 1
    assert "left, right" in done.err


LONG = "a" * 300  # longer than any file system's names


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--dataset", "xor", "--out", LONG],
        ["evaluate", "--model", LONG],
        ["predict", "--model", "run", LONG],
    ],
)
def test_a_name_that_no_file_can_have(
    gpunet_here: Command, model: Path, tmp_path: Path, arguments: list[str]
) -> None:
    shutil.copytree(model, tmp_path / "run")
    done = gpunet_here(*arguments)
    assert done.status == 1
    assert LONG in done.err
    assert "output" not in done.err


def test_an_output_folder_that_is_a_file(gpunet: Command, table: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    done = gpunet("train", "--dataset", table, "--out", "file/run")
    assert done.status == 1
    assert "--out" in done.err
    assert "epoch" not in done.err, "found out only after training"
    assert (tmp_path / "file").read_text() == "precious"


def test_a_full_disk_keeps_the_earlier_model(gpunet: Command, table: Path, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="limits on file sizes are Unix's")
    options = ("train", "--dataset", table, "--out", "run", "--hidden", "2000", "--epochs", "1")
    assert gpunet(*options).status == 0
    before = (tmp_path / "run" / "model.safetensors").read_bytes()

    def no_room() -> None:
        # Writes past 20 kB fail, as on a full disk; the model takes 40.
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = gpunet(*options, "--seed", "1", "--force", preexec_fn=no_room)
    assert done.status == 1
    assert "cannot write" in done.err
    assert "Traceback" not in done.err
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == before
    assert [p for p in (tmp_path / "run").iterdir() if p.name.startswith(".")] == []


def test_a_diverging_run_says_what_to_change(
    gpunet_here: Command, table: Path, tmp_path: Path
) -> None:
    done = gpunet_here(
        *("train", "--dataset", table, "--activation", "relu", "--hidden", "50,50"),
        *("--learning-rate", "1e30", "--json"),
    )
    assert done.status == 1
    assert "learning rate" in done.err
    assert not (tmp_path / "runs").exists(), "an empty folder was left"


def test_a_run_that_diverges_in_its_last_step_is_not_saved(
    gpunet_here: Command, table: Path, tmp_path: Path
) -> None:
    done = gpunet_here(
        *("train", "--dataset", table, "--activation", "relu", "--batch-size", "full"),
        *("--epochs", "1", "--learning-rate", "1e38", "--out", "run"),
    )
    assert done.status == 1
    assert "finite" in done.err
    assert not (tmp_path / "run").exists()


def test_a_model_that_is_a_fifo_does_not_hang(gpunet_here: Command, tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this platform has no named pipes")
    os.mkfifo(tmp_path / "pipe")
    done = gpunet_here("evaluate", "--model", "pipe")
    assert done.status == 1
    assert "no regular file" in done.err


def test_a_model_with_a_class_too_few(gpunet_here: Command, model: Path, tmp_path: Path) -> None:
    net = library.load(model, device="cpu")
    net.input_format = replace(net.input_format, classes=("5",))
    net.save(tmp_path / "odd.safetensors")
    done = gpunet_here("predict", "--model", "odd.safetensors", "odd.safetensors")
    assert done.status == 1
    assert "1 classes for 1 outputs" in done.err


@pytest.mark.skipif("cuda:0" in available_devices(), reason="this machine has a usable GPU")
def test_cuda_without_a_gpu_is_an_error_with_the_reason(gpunet: Command) -> None:
    done = gpunet("train", "--device", "cuda")
    assert done.status == 1
    assert "GPU" in done.err
    assert "Traceback" not in done.err


def test_debug_shows_the_traceback(gpunet: Command, tmp_path: Path) -> None:
    done = gpunet("evaluate", "--model", tmp_path / "nowhere", "--debug")
    assert done.status == 1
    assert "Traceback" in done.err
