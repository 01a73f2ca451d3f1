"""From a CSV file to a model and to predictions, at the default settings."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from running import Command

import gpunet as library
from gpunet import datasets as data
from gpunet.cli.defaults import epochs_for

SETS = ["wine", "breast_cancer", "iris", "diabetes"]


def write(folder: Path, name: str) -> Path:
    """One of scikit-learn's data sets as a CSV file, classes by name."""
    loader = getattr(pytest.importorskip("sklearn.datasets"), f"load_{name}")
    bunch = loader(scaled=False) if name == "diabetes" else loader()
    target = bunch.target if name == "diabetes" else bunch.target_names[bunch.target]
    rows = np.column_stack([bunch.data.astype(str), target.astype(str)])
    with (folder / f"{name}.csv").open("w", newline="") as file:
        csv.writer(file).writerows([[*bunch.feature_names, "target"], *rows.tolist()])
    return folder / f"{name}.csv"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files and, trained by the command, a model of each, named like it."""
    folder = tmp_path_factory.mktemp("tables")
    from gpunet.cli import main

    for name in SETS:
        path = write(folder, name)
        options = ["--quiet", "--device", "cpu", "--out", str(folder / name)]
        options += ["--task", "regression"] * (name == "diabetes")
        assert main.run(["train", "--dataset", str(path), *options]) == 0
    return folder


@pytest.mark.parametrize("name", SETS)
def test_the_defaults_reach_what_scikit_learn_s_pipeline_does(name: str, models: Path) -> None:
    pipeline = pytest.importorskip("sklearn.pipeline")
    network = pytest.importorskip("sklearn.neural_network")
    scaler = pytest.importorskip("sklearn.preprocessing").StandardScaler()
    regression = name == "diabetes"
    train, test = data.load(models / f"{name}.csv", task="regression" if regression else "auto")
    scores = library.load(models / name, device="cpu").evaluate(test)
    if regression:
        # A straight line's, by least squares, on the same rows. A network that learnt these few
        # rows by heart is far below, one that learnt nothing at 0.
        line = pytest.importorskip("sklearn.linear_model").LinearRegression()
        assert scores["r2"] > line.fit(train.X, train.y).score(test.X, test.y) - 0.05
        return
    mlp = network.MLPClassifier(random_state=0, max_iter=500)
    theirs = pipeline.make_pipeline(scaler, mlp).fit(train.X, train.y).score(test.X, test.y)
    # Both are right or wrong about whole test rows, 30 to 114 of them: two may tell them apart.
    assert scores["accuracy"] >= theirs - 2 / len(test)
    assert scores["accuracy"] > 0.9


@pytest.mark.parametrize("name", SETS)
def test_predictions_are_the_library_s_whatever_the_file(
    gpunet_here: Command, models: Path, name: str
) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_csv(models / f"{name}.csv")
    net = library.load(models / name, device="cpu")
    expected = net.predict(frame)
    shuffled = frame.drop(columns="target").iloc[:, ::-1].assign(more="x")
    shuffled.to_csv("shuffled.csv", index=False)
    shuffled.to_parquet("shuffled.parquet")
    np.savez("rows.npz", X=frame.drop(columns="target").to_numpy())
    for path in (models / f"{name}.csv", "shuffled.csv", "shuffled.parquet", "rows.npz"):
        done = gpunet_here("predict", "--model", models / name, path, "--json")
        answers = done.json["predictions"]
        if name == "diabetes":
            np.testing.assert_array_equal([row["value"] for row in answers], expected)
        else:
            assert [row["class"] for row in answers] == expected.tolist()
    np.testing.assert_array_equal(net.predict(shuffled), expected)
    np.testing.assert_array_equal(net.predict(frame.drop(columns="target").to_numpy()), expected)


def read(path: str) -> list[dict[str, Any]]:
    if path.endswith("csv"):
        with open(path, newline="") as file:
            return list(csv.DictReader(file))
    if path.endswith("jsonl"):
        return [json.loads(line) for line in Path(path).read_text().splitlines()]
    return pytest.importorskip("pyarrow.parquet").read_table(path).to_pylist()


@pytest.mark.parametrize("out", ["answers.csv", "answers.jsonl", "answers.parquet"])
def test_answers_in_a_file(gpunet_here: Command, models: Path, out: str) -> None:
    path = models / "iris.csv"
    options = ("--model", models / "iris", path, "--top-k", "2")
    expected = gpunet_here("predict", *options, "--json").json["predictions"]
    done = gpunet_here("predict", *options, "--out", out)
    assert (done.status, done.out) == (0, "")
    assert "150 rows written" in done.err
    found = read(out)
    assert len(found) == len(expected) == 150
    for row, wanted in zip(found, expected, strict=True):
        if out.endswith("jsonl"):
            assert row == wanted
            continue
        best, second = wanted["top"]
        assert (row["input"], int(row["row"])) == (str(path), wanted["row"])
        assert (row["class"], float(row["probability"])) == (best["class"], best["probability"])
        assert row["class_2"] == second["class"]
        assert float(row["probability_2"]) == second["probability"]
        assert best["probability"] >= second["probability"]


def test_the_probabilities_of_all_classes_add_up(gpunet_here: Command, models: Path) -> None:
    for name, classes in (("wine", 3), ("breast_cancer", 2)):
        options = ("--model", models / name, models / f"{name}.csv", "--top-k", "9")
        done = gpunet_here("predict", *options, "--format", "jsonl", "--quiet")
        for line in done.out.splitlines():
            top = json.loads(line)["top"]
            assert len({answer["class"] for answer in top}) == classes
            # Rounding of float32.
            assert sum(answer["probability"] for answer in top) == pytest.approx(1, abs=1e-5)


def test_a_file_is_read_piece_by_piece(
    gpunet_here: Command, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the rows fall into pieces, the answers are the same."""
    options = ("--model", models / "wine", models / "wine.csv", "--format", "csv", "--quiet")
    whole = gpunet_here("predict", *options).out
    assert whole.count("\n") == 179
    monkeypatch.setattr("gpunet.datasets.csv_columns.ROWS", 7)
    assert gpunet_here("predict", *options).out == whole
    some = gpunet_here("predict", *options, "--limit", "10").out
    assert some == "".join(whole.splitlines(keepends=True)[:11])


def test_a_bad_row_late_in_the_file_leaves_what_was_there(
    gpunet_here: Command, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpunet.datasets.csv_columns.ROWS", 7)
    lines = (models / "iris.csv").read_text().splitlines()
    Path("bad.csv").write_text("\n".join([*lines, "1,2,oops,4,setosa"]))
    Path("answers.csv").write_text("precious")
    done = gpunet_here("predict", "--model", models / "iris", "bad.csv", "--out", "answers.csv")
    assert done.status == 1
    assert "bad.csv, line 152, column 3 (petal length (cm)): expected a finite number" in done.err
    assert Path("answers.csv").read_text() == "precious"
    assert not list(Path().glob(".answers*"))


def columns(text: str, *wanted: int) -> str:
    rows = [line.split(",") for line in text.splitlines()]
    return "\n".join(",".join(row[i] for i in wanted) for row in rows)


def test_columns_are_checked(gpunet_here: Command, models: Path) -> None:
    text = (models / "iris.csv").read_text()
    cases = {
        "missing": (columns(text, 0, 1, 2, 4), "no column 'petal width (cm)'"),
        "renamed": (text.replace("petal width", "petal-width"), "did you mean 'petal-width (cm)'"),
        "few": (
            columns(text.split("\n", 1)[1], 0, 1, 2),
            "3 columns; the network has learnt from 4",
        ),
        "empty": ("", "is empty"),
        "header only": (text.split("\n")[0] + "\n", "has no rows"),
        "words": ("a,b,c,d\n1,2,3,x\n", "has no column 'sepal length (cm)'"),
    }
    for name, (content, hint) in cases.items():
        Path("rows.csv").write_text(content)
        done = gpunet_here("predict", "--model", models / "iris", "rows.csv", "--json")
        assert (done.status, done.out) == (1, ""), name
        assert hint in done.err, name
    without_header = columns(text.split("\n", 1)[1], 0, 1, 2, 3)
    Path("rows.csv").write_text(without_header)
    expected = gpunet_here("predict", "--model", models / "iris", models / "iris.csv", "--json")
    found = gpunet_here("predict", "--model", models / "iris", "rows.csv", "--json")
    assert [r["class"] for r in found.json["predictions"]] == [
        r["class"] for r in expected.json["predictions"]
    ]


USAGE = {
    "an unknown ending": (["iris.csv", "--out", "answers.txt"], "a --format"),
    "parquet on the terminal": (["iris.csv", "--format", "parquet"], "--out FILE.parquet"),
    "two ways to print": (["iris.csv", "--json", "--format", "csv"], "leave out"),
    "a table upside down": (["iris.csv", "--invert"], "--invert is for pictures"),
    "a header of pictures": (["image.png", "--header", "yes"], "--header is for CSV files"),
    "no classes": (["iris.csv", "--top-k", "0"], "x>=1"),
}


@pytest.mark.parametrize("case", USAGE)
def test_wrong_usage(gpunet_here: Command, models: Path, case: str) -> None:
    Path("iris.csv").write_text((models / "iris.csv").read_text())
    arguments, hint = USAGE[case]
    done = gpunet_here("predict", "--model", models / "iris", *arguments)
    assert (done.status, done.out) == (2, "")
    assert hint in done.err


def test_regression_tells_its_scores(gpunet_here: Command, models: Path) -> None:
    path = models / "diabetes.csv"
    options = ("--dataset", path, "--task", "regression", "--epochs", "3", "--out", "run")
    done = gpunet_here("train", *options, "--json")
    assert done.json["task"] == "regression"
    test = data.load(path, task="regression")[1]
    errors = test.y - library.load("run", device="cpu").predict(test)
    # R2 by its definition; the scores are computed from float32 outputs.
    r2 = 1 - (errors**2).sum() / ((test.y - test.y.mean()) ** 2).sum()
    assert done.json["test_r2"] == pytest.approx(r2, rel=1e-4)
    assert done.json["test_mae"] == pytest.approx(np.abs(errors).mean(), rel=1e-4)
    assert done.json["test_rmse"] == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-4)
    assert not {"test_accuracy", "train_accuracy"} & set(done.json)
    evaluated = gpunet_here("evaluate", "--model", "run", "--json").json
    assert [evaluated[k] for k in ("r2", "mae", "rmse")] == [
        done.json[f"test_{k}"] for k in ("r2", "mae", "rmse")
    ]
    assert "R2 " in gpunet_here("evaluate", "--model", "run").out
    done = gpunet_here("evaluate", "--model", "run", "--dataset", "moons")
    assert done.status == 1
    assert "predicts numbers, but moons has classes" in done.err


def test_auto_says_what_it_takes_the_labels_for(gpunet_here: Command, models: Path) -> None:
    options = ("--epochs", "1", "--device", "cpu")
    done = gpunet_here("train", "--dataset", models / "iris.csv", *options)
    assert "task: classification - 3 classes in the column 'target': setosa, " in done.err
    prices = "\n".join(f"{i},{i % 7},{i / 8}" for i in range(40))
    Path("prices.csv").write_text("a,b,price\n" + prices)
    done = gpunet_here("train", "--dataset", "prices.csv", *options)
    assert "task: regression - numbers with fractions in the column 'price', from 0 to" in done.err
    done = gpunet_here("train", "--dataset", models / "diabetes.csv", *options)
    assert done.status == 1
    assert "--task regression" in done.err
    assert "--task classification" in done.err


def test_categories_and_holes_from_training_to_prediction(
    gpunet_here: Command, tmp_path: Path
) -> None:
    """What decides is a word; a number that is missing must not keep it from being learnt."""
    random = np.random.default_rng(0)
    lines = ["id,age,city,answer"]
    for i in range(200):
        city = ["Rome", "Oslo", "Lima", ""][i % 4]
        age = "" if random.random() < 0.2 else f"{random.normal(4000, 900):.1f}"
        lines.append(f"P{i},{age},{city},{'yes' if city in ('Rome', '') else 'no'}")
    Path("people.csv").write_text("\n".join(lines))
    done = gpunet_here("train", "--dataset", "people.csv", "--json", "--out", "run")
    assert done.status == 1
    assert "--drop id" in done.err
    options = ("--dataset", "people.csv", "--drop", "id", "--out", "run", "--json")
    assert gpunet_here("train", *options).json["test_accuracy"] == 1
    assert gpunet_here("evaluate", "--model", "run", "--json").json["accuracy"] == 1
    Path("new.csv").write_text("city,age\nOslo,\nRome,3999\n,1\nParis,4000\n")
    done = gpunet_here("predict", "--model", "run", "new.csv", "--json")
    assert [row["class"] for row in done.json["predictions"]][:3] == ["no", "yes", "yes"]


def test_numbers_of_very_different_ranges_are_told_of(gpunet_here: Command) -> None:
    X = np.random.default_rng(0).normal(size=(60, 2)) * [1, 1000]
    np.savez("wide.npz", X=X, y=np.arange(60) % 2)
    done = gpunet_here("train", "--dataset", "wide.npz", "--epochs", "1", "--json", "--out", "run")
    assert "very different ranges" in done.json["warning"]
    assert f"warning: {done.json['warning']}" in done.err


def test_words_that_training_did_not_have_are_told_of(gpunet_here: Command) -> None:
    rows = [f"{i},{['red', 'blue'][i % 2]},{'xy'[i % 2]}" for i in range(40)]
    Path("data.csv").write_text("\n".join(["a,colour,label", *rows]))
    gpunet_here("train", "--dataset", "data.csv", "--out", "run", "--epochs", "1")
    done = gpunet_here("predict", "--model", "run", "data.csv", "--json")
    assert done.json["warning"] is None
    Path("new.csv").write_text("a,colour\n1,green\n2,red\n3,\n")
    done = gpunet_here("predict", "--model", "run", "new.csv", "--json")
    assert "'colour' (2)" in done.json["warning"]
    assert "'colour' (2)" in gpunet_here("predict", "--model", "run", "new.csv").err


def test_a_table_of_numbers_is_predicted_from_with_its_labels(gpunet_here: Command) -> None:
    X = np.random.default_rng(0).normal(size=(60, 3))
    table = np.insert(X, 1, X.sum(axis=1) > 0, axis=1)
    np.save("table.npy", table)
    np.save("rows.npy", X)
    options = ("--target", "1", "--out", "run", "--json")
    assert gpunet_here("train", "--dataset", "table.npy", *options).status == 0
    found = [
        [
            row["probability"]
            for row in gpunet_here("predict", "--model", "run", name, "--json").json["predictions"]
        ]
        for name in ("table.npy", "rows.npy")
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("examples", "given", "epochs"),
    [(11272, None, 8), (60000, None, 8), (142, None, 200), (32, None, 1000), (142, 3, 3)],
)
def test_small_data_are_gone_through_more_often(
    examples: int, given: int | None, epochs: int
) -> None:
    assert epochs_for(examples, {"epochs": given}) == epochs


def test_the_seed_that_is_given_divides_the_rows(gpunet_here: Command, models: Path) -> None:
    """Also 0, where training had another one."""
    path = models / "iris.csv"
    gpunet_here("train", "--dataset", path, "--seed", "5", "--epochs", "1", "--out", "run")
    net = library.load("run", device="cpu")
    for seed in (0, 5):
        done = gpunet_here("evaluate", "--model", "run", "--seed", seed, "--json")
        test = data.load(path, seed=seed, preparation=net.preparation)[1]
        assert done.json["loss"] == net.evaluate(test)["loss"]
