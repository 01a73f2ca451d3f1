"""A network that has learnt from a table takes its rows, however they come."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load as decode
from safetensors.numpy import save as encode

import gpunet
from gpunet.backends import Backend
from gpunet.datasets import Dataset, load
from gpunet.errors import DataError, ModelFileError, ScaleWarning
from gpunet.nn.input_format import InputFormat

SIZES = {"classes": 3, "values": 1}


def table(folder: Path, task: str) -> Path:
    """Two numbers of very different size, and a word; what is learnt depends on all."""
    random = np.random.default_rng(1)
    lines = ["width,weight,colour,answer"]
    for _ in range(80):
        a, b = random.normal(), random.normal(5000, 900)
        colour = random.choice(["red", "blue"])
        value = a + b / 900 + (colour == "red")
        name = ["low", "middle", "high"][int(value > 5) + int(value > 6)]
        weight = "" if random.random() < 0.1 else f"{b:.1f}"
        lines.append(f"{a:.4f},{weight},{colour},{name if task == 'classes' else value:}")
    (folder / "data.csv").write_text("\n".join(lines))
    return folder / "data.csv"


def trained(train: Dataset, task: str, backend: Backend | str = "cpu") -> gpunet.Network:
    net = gpunet.Network(
        [train.features, 8, SIZES[task]],
        output="softmax" if task == "classes" else "identity",
        loss="categorical_crossentropy" if task == "classes" else "half_squared_error",
        device=backend,
    )
    gpunet.fit(net, train, optimizer=gpunet.Adam(0.01), epochs=20, batch_size=16)
    return net


@pytest.mark.parametrize("task", SIZES)
def test_it_travels_with_the_model(tmp_path: Path, backend: Backend, task: str) -> None:
    train, test = load(table(tmp_path, task))
    net = trained(train, task, backend)
    net.save(tmp_path / "model.safetensors")
    again = gpunet.load(tmp_path / "model.safetensors", device=backend)
    assert again.preparation == train.preparation
    assert again.evaluate(test) == net.evaluate(test)
    np.testing.assert_array_equal(again.predict(test), net.predict(test))
    # As plain arrays: what is prepared by hand, for a network that has learnt from no table.
    again.input_format = InputFormat()
    X, _ = test.arrays()
    np.testing.assert_array_equal(again.predict_proba(X), net.predict_proba(test))
    if task == "values":
        mean, scale = train.y.mean(), train.y.std()
        # y may be rounded to float32 before or after.
        expected = again.predict(X)[:, 0].astype(float) * scale + mean
        np.testing.assert_allclose(net.predict(test), expected, rtol=1e-5)


@pytest.mark.parametrize("task", SIZES)
@pytest.mark.parametrize("kind", ["pandas", "polars", "words", "stored"])
def test_rows_however_they_come(tmp_path: Path, task: str, kind: str) -> None:
    pandas = pytest.importorskip("pandas")
    path = table(tmp_path, task)
    train, test = load(path)
    net = trained(train, task)
    frame = pandas.read_csv(path)
    rows: Any = frame.drop(columns="answer")
    if kind == "polars":
        rows = pytest.importorskip("polars").read_csv(path)
        rows = rows.select(sorted(rows.columns))
    elif kind == "words":
        rows = rows.to_numpy()
    everything = Dataset(np.vstack([train.X, test.X]), np.concatenate([train.y, test.y]))
    order = np.lexsort(everything.X.T[:1])
    expected = net.predict(everything)[order]
    if kind == "stored":
        found = net.predict(everything.X)[order]
    else:
        found = net.predict(rows)[np.argsort(frame["width"].to_numpy(), kind="stable")]
    np.testing.assert_array_equal(found, expected)


def test_names_of_classes_where_the_data_had_names(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    train, test = load(table(tmp_path, "classes"))
    net = trained(train, "classes")
    assert set(net.predict(test)) <= {"low", "middle", "high"}
    np.testing.assert_array_equal(
        net.predict(test), np.array(train.classes)[net.predict_classes(test)]
    )
    frame = pandas.read_csv(tmp_path / "data.csv")
    right = (net.predict(frame) == frame["answer"]).mean()
    assert net.evaluate(frame)["accuracy"] == pytest.approx(right)
    rows = frame.drop(columns="answer")
    assert net.evaluate(rows, frame["answer"]) == net.evaluate(frame)
    with pytest.raises(DataError, match="'tiny' doesn't occur"):
        net.evaluate(rows, ["tiny"] * len(rows))
    with pytest.raises(DataError, match="targets are missing"):
        net.evaluate(rows)


def test_labels_that_are_numbers_come_back_as_they_were() -> None:
    pandas = pytest.importorskip("pandas")
    X = np.linspace(-1, 1, 60)
    frame = pandas.DataFrame({"a": X, "label": np.where(X > 0, 7, 3)})
    train, _ = load(frame)
    net = gpunet.Network([1, 4, 1], device="cpu")
    gpunet.fit(net, train, optimizer=gpunet.Adam(0.05), epochs=100)
    assert net.predict(frame).dtype == np.int64
    np.testing.assert_array_equal(net.predict(frame), frame["label"])
    assert net.evaluate(frame)["accuracy"] == 1
    # Data with a scale and no columns keep their class numbers: MNIST's fives are class 0.
    digits = Dataset(np.eye(2, dtype=np.uint8), np.arange(2), 1 / 255, ("5", "8"))
    net = gpunet.Network([2, 1], device="cpu")
    gpunet.fit(net, digits, epochs=1)
    assert set(net.predict(digits)) <= {0, 1}


@pytest.mark.parametrize("task", SIZES)
def test_fit_takes_a_data_frame(tmp_path: Path, task: str) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_csv(table(tmp_path, task))
    net = gpunet.Network(
        [4, 8, SIZES[task]],
        output="softmax" if task == "classes" else "identity",
        loss="categorical_crossentropy" if task == "classes" else "half_squared_error",
        device="cpu",
    )
    X, y = frame.drop(columns="answer"), frame["answer"]
    gpunet.fit(net, X, y, optimizer=gpunet.Adam(0.01), epochs=200, validation=(X, y))
    score = net.evaluate(X, y)
    assert score["accuracy" if task == "classes" else "r2"] > 0.9


def test_plain_arrays_are_never_rescaled_to_learn_from() -> None:
    random = np.random.default_rng(0)
    X, y = random.normal(3, 2, (40, 2)), random.normal(9, 4, 40)
    net = gpunet.Network([2, 1], output="identity", loss="half_squared_error", device="cpu",
                         dtype="float64")  # fmt: skip
    gpunet.fit(net, X, y, optimizer=gpunet.SGD(0.01), epochs=5)
    W, b = (np.array(net.parameters[name]) for name in ("W1", "b1"))
    np.testing.assert_allclose(net.predict(X), X @ W + b, rtol=1e-14)
    assert net.preparation is None
    with pytest.raises(DataError, match="nothing to prepare"):
        net.prepare(X)


def test_columns_that_do_not_fit_are_told_of(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    train, _ = load(table(tmp_path, "classes"))
    net = trained(train, "classes")
    frame = pandas.read_csv(tmp_path / "data.csv")
    with pytest.raises(DataError, match="no column 'weight'"):
        net.predict(frame.drop(columns="weight"))
    with pytest.raises(DataError, match="'width' holds words such as 'wide'"):
        net.predict(frame.assign(width="wide"))
    with pytest.raises(DataError, match=r"table of 3 columns.*got shape \(80, 2\)"):
        net.predict(np.zeros((80, 2)))
    other, _ = load(frame.rename(columns={"weight": "mass"}), target="answer")
    with pytest.raises(DataError, match=r"preparation=net\.preparation"):
        net.evaluate(other)
    frame.iloc[:, ::-1].to_csv(tmp_path / "other.csv", index=False)
    again = load(tmp_path / "other.csv", preparation=net.preparation, target="answer")[1]
    expected = load(tmp_path / "data.csv")[1]
    assert net.evaluate(again) == net.evaluate(expected)


LIES: dict[str, Any] = {
    "a scale below 0": lambda p: p["columns"][0].update(scale=-1.0),
    "no mean": lambda p: p["columns"][0].pop("mean"),
    "a mean that is a word": lambda p: p["columns"][0].update(mean="far"),
    "a category more": lambda p: p["columns"][2]["categories"].append("green"),
    "no columns": lambda p: p.pop("columns"),
    "a target that is no number": lambda p: p["target"].update(mean=float("nan")),
    "a target that is a list": lambda p: p.update(target=[1]),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_preparation_that_lies_is_refused(tmp_path: Path, lie: str) -> None:
    train, _ = load(table(tmp_path, "values"))
    path = tmp_path / "model.safetensors"
    trained(train, "values").save(path)
    with safe_open(path, "numpy") as file:
        about = json.loads(file.metadata()["gpunet"])
    LIES[lie](about["input"]["preparation"])
    path.write_bytes(encode(decode(path.read_bytes()), {"gpunet": json.dumps(about)}))
    with pytest.raises(ModelFileError):
        gpunet.load(path, device="cpu")


def test_numbers_of_very_different_ranges_are_warned_of() -> None:
    random = np.random.default_rng(0)
    X, y = random.normal(size=(50, 3)), np.arange(50) % 2
    net = gpunet.Network([3, 1], device="cpu")
    gpunet.fit(net, X, y, epochs=1)  # pytest turns a warning into an error
    gpunet.fit(net, X * 50, y, optimizer=gpunet.SGD(1e-6), epochs=1)
    gpunet.fit(net, (np.abs(X) * 80).astype("uint8"), y, optimizer=gpunet.SGD(1e-6), epochs=1)
    wide = X * [1, 1e-3, 500]
    with pytest.warns(ScaleWarning, match="column 2 is .*column 1 .*standardise"):
        gpunet.fit(net, wide, y, optimizer=gpunet.SGD(1e-6), epochs=1)
    with pytest.warns(ScaleWarning, match="very different ranges"):
        gpunet.fit(net, Dataset(wide, y), optimizer=gpunet.SGD(1e-6), epochs=1)


def test_rows_that_are_standardised_already_are_warned_of(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    random = np.random.default_rng(0)
    frame = pandas.DataFrame(random.normal(100, 3, (60, 2)), columns=["a", "b"])
    train, _ = load(frame.assign(label=np.arange(60) % 2))
    net = gpunet.Network([2, 1], device="cpu")
    gpunet.fit(net, train, epochs=1)
    net.predict(frame.to_numpy())
    with pytest.warns(ScaleWarning, match="look standardised"):
        net.predict(net.prepare(frame))


def test_the_gradient_check_takes_tables(tmp_path: Path) -> None:
    train, _ = load(table(tmp_path, "values"))
    net = trained(train, "values")
    assert gpunet.gradient_check(net, train.part(slice(0, 10)))
