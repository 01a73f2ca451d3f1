"""gpunet evaluate holds out what training held out, or warns that it may not have."""

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from running import Command

import gpunet as library
from gpunet import datasets
from gpunet.cli import main

OPTIONS = ("--epochs", "1", "--hidden", "4", "--quiet", "--device", "cpu")
ADDED = ["0.25,0.5,left", "0.75,0.5,right"] * 10


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with points.csv and a model of it, run: 96 of 120 rows were trained on."""
    folder = tmp_path_factory.mktemp("run")
    points = datasets.moons(n=120)[0]
    names = np.array(["left", "right"])[points.y]
    rows = [f"{a},{b},{name}" for (a, b), name in zip(points.X, names, strict=True)]
    (folder / "points.csv").write_text("\n".join(["x1,x2,label", *rows]) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main.run(["train", "--dataset", "points.csv", "--out", "run", *OPTIONS]) == 0
    return folder


@pytest.fixture
def trained(run: Path, tmp_path: Path) -> Path:
    """The table in a folder of the test's own, with the model beside it."""
    shutil.copytree(run, tmp_path, dirs_exist_ok=True)
    return tmp_path / "points.csv"


def test_rows_added_at_the_end_never_move_one_into_the_test(
    gpunet_here: Command, trained: Path
) -> None:
    held_out = datasets.load(trained)[1]
    with trained.open("a") as file:
        file.writelines(f"{row}\n" for row in ADDED)
    done = gpunet_here("evaluate", "--model", "run", "--json", "--device", "cpu")
    assert done.status == 0
    assert "warning: points.csv has 20 rows more" in done.err
    assert (done.json["same_data"], done.json["new_rows"]) == (False, 20)
    assert done.json["warning"] in done.err
    # By hand: what was held out, and the new rows.
    X = np.vstack([held_out.X, [[0.25, 0.5], [0.75, 0.5]] * 10])
    y = np.concatenate([held_out.y, [0, 1] * 10])
    expected = library.load("run", device="cpu").evaluate(X, y)
    assert done.json["examples"] == 44
    assert {name: done.json[name] for name in expected} == expected
    done = gpunet_here("evaluate", "--model", "run", "--part", "train", "--json")
    assert done.json["examples"] == 96


CHANGES: dict[str, Callable[[list[str], int], list[str]]] = {
    "shuffled": lambda rows, i: random.Random(0).sample(rows, len(rows)),
    "rows in front": lambda rows, i: ADDED + rows,
    "a row less": lambda rows, i: rows[:i] + rows[i + 1 :],
    "cut short": lambda rows, i: rows[:50],
    "a label": lambda rows, i: [*rows[:i], other_label(rows[i]), *rows[i + 1 :]],
    "a feature": lambda rows, i: [*rows[:i], f"1{rows[i]}", *rows[i + 1 :]],
}


def other_label(row: str) -> str:
    return row.replace("left", "right") if "left" in row else row.replace("right", "left")


@pytest.mark.parametrize("change", CHANGES)
def test_any_other_change_is_warned_of(gpunet_here: Command, trained: Path, change: str) -> None:
    header, *rows = trained.read_text().split()
    first = float(datasets.load(trained)[0].X[0, 0])
    (trained_on,) = [i for i, row in enumerate(rows) if float(row.split(",")[0]) == first]
    trained.write_text("\n".join([header, *CHANGES[change](rows, trained_on)]))
    done = gpunet_here("evaluate", "--model", "run", "--json")
    assert done.status == 0
    assert "test rows may have been trained on" in done.err
    assert (done.json["same_data"], done.json["new_rows"]) == (False, None)
    assert done.json["warning"] in done.err


@pytest.mark.parametrize("option", [("--seed", "6"), ("--test-fraction", "0.5")], ids=" ".join)
def test_another_division_is_warned_of(
    gpunet_here: Command, trained: Path, option: tuple[str, str]
) -> None:
    done = gpunet_here("evaluate", "--model", "run", "--quiet", *option)
    assert done.status == 0
    assert "divided in another way" in done.err


def test_the_same_rows_in_another_file_are_the_same_data(
    gpunet_here: Command, trained: Path, tmp_path: Path
) -> None:
    header, *rows = trained.read_text().split()
    cells = [row.split(",") for row in rows]
    other = [f'"{float(a):+.20e}" ; {float(b)!r};{name}' for a, b, name in cells]
    (tmp_path / "other.txt").write_text("\r\n".join([header.replace(",", ";"), *other]))
    for options in ((), ("--dataset", "other.txt")):
        done = gpunet_here("evaluate", "--model", "run", "--json", *options)
        assert done.err == ""
        assert (done.json["same_data"], done.json["new_rows"]) == (True, 0)
        assert done.json["warning"] is None


def test_a_named_data_set_is_the_same(gpunet_here: Command, model: Path) -> None:
    done = gpunet_here("evaluate", "--model", model, "--json")
    assert (done.err, done.json["same_data"]) == ("", True)


def test_a_model_of_an_earlier_version_is_evaluated_as_ever(
    gpunet_here: Command, trained: Path
) -> None:
    net = library.load("run", device="cpu")
    old = {"dataset": trained.name, "label_column": None, "test_fraction": None, "seed": 0}
    assert net.input_format.source.items() > old.items()
    net.input_format = replace(net.input_format, source=old)
    net.save("run/model.safetensors")
    done = gpunet_here("evaluate", "--model", "run", "--json", "--device", "cpu")
    assert (done.err, done.json["same_data"], done.json["examples"]) == ("", None, 24)
    history = json.loads(Path("run/history.json").read_text())
    assert done.json["accuracy"] == history["run"]["test_accuracy"]


def test_how_a_table_was_read_is_not_asked_of_other_kinds_of_data(
    gpunet_here: Command, trained: Path, tmp_path: Path
) -> None:
    options = ("--header", "yes", "--label-column", "label", "--force", "--out", "run")
    assert gpunet_here("train", "--dataset", trained, *options, *OPTIONS).status == 0
    assert gpunet_here("evaluate", "--model", "run").status == 0
    train, test = datasets.load(trained)
    names = np.array(train.classes)
    np.savez("rows.npz", X=train.X, y=names[train.y], X_test=test.X, y_test=names[test.y])
    done = gpunet_here("evaluate", "--model", "run", "--dataset", "rows.npz", "--json")
    assert (done.status, done.json["examples"], done.json["same_data"]) == (0, 24, True)


def test_features_on_another_scale_are_told_of(gpunet_here: Command, tmp_path: Path) -> None:
    """Bytes for a network of numbers from 0 to 1 would give confident answers without meaning."""
    k = np.arange(40) % 2
    X = np.random.default_rng(0).uniform(0.5, 1, (40, 3))
    np.savez(tmp_path / "d.npz", X=X, y=k)
    train = ("train", "--dataset", "d.npz", "--out", "run", "--force", "--json", *OPTIONS)
    done = gpunet_here(*train)
    assert (done.err, done.json["warning"]) == ("", None)
    np.save(tmp_path / "as_learnt.npy", X[:1])
    np.save(tmp_path / "bytes.npy", (255 * X[:1]).astype(np.uint8))
    predict = ("predict", "--model", "run", "--json", "--device", "cpu")
    done = gpunet_here(*predict, "as_learnt.npy")
    assert (done.err, done.json["warning"]) == ("", None)
    done = gpunet_here(*predict, "as_learnt.npy", "bytes.npy")
    assert "the features of bytes.npy" in done.json["warning"]
    assert done.json["warning"] in done.err
    assert len(done.json["predictions"]) == 2

    np.savez(tmp_path / "d.npz", X=X, y=k, X_test=X / 255, y_test=k)
    for command in (("evaluate", "--model", "run", "--json"), train):
        done = gpunet_here(*command)
        assert "the features of d.npz, test" in done.json["warning"]
        assert done.status == 0


def test_data_that_are_not_there_any_more(
    gpunet_here: Command, trained: Path, tmp_path: Path
) -> None:
    trained.rename(tmp_path / "moved.csv")
    done = gpunet_here("evaluate", "--model", "run", "--device", "cpu")
    assert done.status == 2
    assert "run was trained on points.csv, which is not there" in done.err
    done = gpunet_here("evaluate", "--model", "run", "--dataset", "moved.csv", "--json")
    assert (done.status, done.json["same_data"]) == (0, True)


def test_a_share_that_has_no_say_is_refused(gpunet_here: Command, trained: Path) -> None:
    """Where the data have a test part; where they have grown, it still has."""
    fraction = ("--test-fraction", "0.3")
    done = gpunet_here("evaluate", "--model", "run", "--dataset", "moons", *fraction)
    assert done.status == 2
    assert "1000 of 2000 rows; leave it out" in done.err
    with trained.open("a") as file:
        file.writelines(f"{row}\n" for row in ADDED)
    done = gpunet_here("evaluate", "--model", "run", "--json", *fraction)
    assert done.status == 0
    assert done.json["examples"] == 36 + 20
