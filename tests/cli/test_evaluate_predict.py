"""gpunet evaluate and gpunet predict."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from running import Command

import gpunet as library
from gpunet import datasets

ROWS = 12


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    """The first test images as IDX, as .npy of pixels and of floats, and the first as PNG."""
    image_module = pytest.importorskip("PIL.Image")
    X = datasets.load("mnist58")[1].X[:ROWS]
    paths = {kind: tmp_path / name for kind, name in (
        ("idx", "images.idx"), ("npy", "pixels.npy"), ("floats", "floats.npy"),
        ("png", "digit.png"), ("inverted", "paper.png"),
    )}  # fmt: skip
    datasets.write_idx(paths["idx"], X.reshape(-1, 28, 28))
    np.save(paths["npy"], X)
    np.save(paths["floats"], X.astype(np.float32) * np.float32(1 / 255))
    image_module.fromarray(X[0].reshape(28, 28)).save(paths["png"])
    image_module.fromarray(255 - X[0].reshape(28, 28)).save(paths["inverted"])
    return paths


def test_every_kind_of_file_gives_the_library_s_answer(
    gpunet: Command, model: Path, inputs: dict[str, Path]
) -> None:
    test = datasets.load("mnist58")[1].part(slice(0, ROWS))
    A = library.load(model, device="cpu").predict_proba(test)[:, 0]
    expected = [("8", p) if p > 0.5 else ("5", 1 - p) for p in A.tolist()]
    done = gpunet("predict", "--model", model, inputs["idx"], inputs["npy"], "--json")
    assert [(r["class"], r["probability"]) for r in done.json["predictions"]] == [
        (name, pytest.approx(p, abs=1e-6)) for name, p in expected * 2
    ]
    # Rounding: pixel * (1/255) in float32 is what the network does itself with the integers.
    done = gpunet("predict", "--model", model, inputs["floats"], "--json")
    assert [r["class"] for r in done.json["predictions"]] == [name for name, _ in expected]
    for options in (["png"], ["inverted", "--invert"]):
        done = gpunet("predict", "--model", model, inputs[options[0]], *options[1:], "--json")
        (row,) = done.json["predictions"]
        assert row["class"] == expected[0][0]
        assert row["probability"] == pytest.approx(expected[0][1], abs=1e-6)


def test_integers_of_any_type_are_pixels(
    gpunet_here: Command, model: Path, inputs: dict[str, Path], tmp_path: Path
) -> None:
    pixels = np.load(inputs["npy"])
    np.save(tmp_path / "wide.npy", pixels.astype(np.int64))
    expected = gpunet_here("predict", "--model", model, inputs["npy"], "--json").json
    found = gpunet_here("predict", "--model", model, "wide.npy", "--json").json
    for a, b in zip(found["predictions"], expected["predictions"], strict=True):
        assert a["probability"] == b["probability"]
    np.save(tmp_path / "wide.npy", pixels.astype(np.int64) * 2)
    done = gpunet_here("predict", "--model", model, "wide.npy")
    assert done.status == 1
    assert "0 to 255" in done.err


@pytest.mark.parametrize("dtype", ["uint8", "int64", ">i2", "uint16", "float32", "float64", "bool"])
def test_invert_undoes_the_inversion_of_every_type(
    gpunet_here: Command, model: Path, inputs: dict[str, Path], tmp_path: Path, dtype: str
) -> None:
    pixels = np.load(inputs["npy"])
    if np.dtype(dtype).kind in "iu":
        light, dark = pixels.astype(dtype), (255 - pixels).astype(dtype)
    elif dtype == "bool":
        light, dark = pixels > 127, pixels <= 127
    else:
        light = (pixels / 255).astype(dtype)
        dark = 1 - light
    np.save(tmp_path / "light.npy", light)
    np.save(tmp_path / "dark.npy", dark)
    expected = gpunet_here("predict", "--model", model, "light.npy", "--json").json
    found = gpunet_here("predict", "--model", model, "dark.npy", "--invert", "--json").json
    for a, b in zip(found["predictions"], expected["predictions"], strict=True):
        assert a["class"] == b["class"]
        # 1 - (1 - x) of float32 may differ from x in the last place.
        assert a["probability"] == pytest.approx(b["probability"], abs=1e-6)


def test_black_and_white_is_not_nearly_black(
    gpunet_here: Command, model: Path, inputs: dict[str, Path], tmp_path: Path
) -> None:
    white = np.load(inputs["npy"]) > 127
    np.save(tmp_path / "bool.npy", white)
    np.save(tmp_path / "bytes.npy", white * np.uint8(255))
    found, expected = (
        gpunet_here("predict", "--model", model, name, "--json").json["predictions"]
        for name in ("bool.npy", "bytes.npy")
    )
    for a, b in zip(found, expected, strict=True):
        assert a["probability"] == pytest.approx(b["probability"], abs=1e-6)  # 255 * (1/255)


@pytest.mark.parametrize(
    ("factor", "options", "hint"),
    [
        (255.0, ["--invert"], "--invert takes floats from 0 to 1, got 0 to 255"),
        (-1.0, ["--invert"], "--invert takes floats from 0 to 1, got -1 to -0"),
        (-1.0, [], "these floats go from -1 to -0; store"),
        (255.0, [], "these floats go from 0 to 255; store pixels from 0 to 255 as integers"),
        (255, ["--invert"], "expected pixels from 0 to 255, got 0 to 65025"),
    ],
)
def test_what_can_be_no_pixels_is_refused(
    gpunet_here: Command,
    model: Path,
    inputs: dict[str, Path],
    tmp_path: Path,
    factor: float,
    options: list[str],
    hint: str,
) -> None:
    pixels = np.load(inputs["npy"]).astype(np.int64)
    X = pixels * factor if isinstance(factor, int) else pixels / 255 * factor
    np.save(tmp_path / "rows.npy", X)
    done = gpunet_here("predict", "--model", model, "rows.npy", *options)
    assert (done.status, done.out) == (1, "")
    assert hint in done.err
    assert "rows.npy" in done.err


def test_a_model_of_floats_or_of_dark_on_light_knows_how_its_pictures_are(
    gpunet_here: Command, inputs: dict[str, Path], tmp_path: Path
) -> None:
    train, first = datasets.load("mnist58")[0].part(slice(0, 400)), np.load(inputs["npy"])[:1]
    stored = {"floats": lambda X: X / 255, "dark": lambda X: 255 - X, "fade": lambda X: 1 - X / 255}
    for name, store in stored.items():
        np.savez(tmp_path / "d.npz", X=store(train.X).reshape(-1, 28, 28), y=train.y)
        np.save(tmp_path / "row.npy", store(first).reshape(-1, 28, 28))
        options = ("--hidden", "4", "--epochs", "2", "--quiet", "--out", name)
        assert gpunet_here("train", "--dataset", "d.npz", *options).status == 0
        files = ("row.npy", inputs["png"], inputs["inverted"])
        done = gpunet_here("predict", "--model", name, *files, "--json")
        row, *pictures = (r["probability"] for r in done.json["predictions"])
        assert pictures == [pytest.approx(row, abs=1e-6)] * 2  # float32


def test_pictures_of_both_polarities_in_one_call(
    gpunet_here: Command, model: Path, inputs: dict[str, Path]
) -> None:
    done = gpunet_here("predict", "--model", model, inputs["png"], inputs["inverted"], "--json")
    light, dark = ((r["class"], r["probability"]) for r in done.json["predictions"])
    assert light == dark


def test_invert_or_not_is_believed_where_it_is_said(
    gpunet_here: Command, model: Path, inputs: dict[str, Path]
) -> None:
    """A picture that is taken the wrong way round is another one."""

    def ink(*options: object) -> np.ndarray:
        done = gpunet_here("predict", "--model", model, *options, "--show", "--json")
        return np.array(done.json["predictions"][0]["picture"])

    for right, wrong in (("--no-invert", "--invert"), ("--invert", "--no-invert")):
        picture = inputs["png"] if right == "--no-invert" else inputs["inverted"]
        np.testing.assert_array_equal(ink(picture, right), ink(picture))
        assert np.abs(ink(picture, wrong) - ink(picture)).mean() > 0.1


def test_what_was_understood_is_shown(
    gpunet_here: Command, model: Path, inputs: dict[str, Path]
) -> None:
    pixels = np.load(inputs["npy"]).reshape(-1, 28, 28) / 255
    for kind, rows in (("png", 1), ("inverted", 1), ("npy", ROWS), ("floats", ROWS)):
        done = gpunet_here("predict", "--model", model, inputs[kind], "--show", "--json")
        found = [r["picture"] for r in done.json["predictions"]]
        np.testing.assert_allclose(found, pixels[:rows], atol=5.1e-4)  # three decimals
    lines = gpunet_here("predict", "--model", model, inputs["png"], "--show").out.splitlines()
    assert len(lines) == 28 / 2 + 1
    drawn = np.array([[c != " " for c in line[1:-1]] for line in lines[:-1]])
    pairs = pixels[0].reshape(14, 2, 28).mean(axis=1)
    assert drawn[pairs > 0.25].all()
    assert not drawn[pairs == 0].any()


def test_show_is_for_pictures(gpunet_here: Command, table: Path, tmp_path: Path) -> None:
    options = ("--epochs", "1", "--quiet", "--out", "run")
    assert gpunet_here("train", "--dataset", table, *options).status == 0
    np.save(tmp_path / "rows.npy", np.zeros((1, 2)))
    done = gpunet_here("predict", "--model", "run", "rows.npy", "--show")
    assert (done.status, done.out) == (1, "")
    assert "--show draws pictures" in done.err


def test_photographs_are_only_brought_to_size(gpunet_here: Command, tmp_path: Path) -> None:
    """A model whose training pictures are no drawings on paper looks for no drawing."""
    image_module = pytest.importorskip("PIL.Image")
    photos = np.random.default_rng(0).integers(0, 256, (40, 6, 5), np.uint8)
    np.savez(tmp_path / "d.npz", X=photos, y=np.arange(40) % 2)
    options = ("--hidden", "4", "--epochs", "1", "--quiet", "--out", "run")
    assert gpunet_here("train", "--dataset", "d.npz", *options).status == 0
    np.save(tmp_path / "row.npy", photos[:1])
    image_module.fromarray(photos[0]).save(tmp_path / "photo.png")
    for more in ((), ("--invert",)):
        done = gpunet_here("predict", "--model", "run", "row.npy", "photo.png", "--json", *more)
        row, picture = (r["probability"] for r in done.json["predictions"])
        assert row == picture


def test_a_model_that_does_not_say_how_its_pictures_are_learnt_from_mnist_s(
    gpunet_here: Command, inputs: dict[str, Path], tmp_path: Path
) -> None:
    network = library.Network([784, 1], device="cpu")
    library.fit(network, datasets.load("mnist58")[0].part(slice(0, 50)), epochs=1)
    network.input_format = replace(network.input_format, source={})
    network.save(tmp_path / "old.safetensors")
    done = gpunet_here(
        "predict", "--model", "old.safetensors", *(inputs[k] for k in ("npy", "png", "inverted")),
        "--json",
    )  # fmt: skip
    first, *_, light, dark = (r["probability"] for r in done.json["predictions"])
    assert light == dark == first


def test_a_blank_picture_is_said(gpunet_here: Command, model: Path, tmp_path: Path) -> None:
    image_module = pytest.importorskip("PIL.Image")
    image_module.new("RGB", (50, 50), "white").save(tmp_path / "blank.png")
    done = gpunet_here("predict", "--model", model, "blank.png")
    assert (done.status, done.out) == (1, "")
    assert "blank.png: nothing is drawn" in done.err


def test_limit_and_the_printed_table(
    gpunet_here: Command, model: Path, inputs: dict[str, Path]
) -> None:
    done = gpunet_here("predict", "--model", model, inputs["npy"], "--limit", "3", "--quiet")
    lines = done.out.splitlines()
    assert len(lines) == 3
    assert all(line.split()[1] in ("5", "8") for line in lines)


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("picture.png", b"no picture", "picture"),
        ("array.npy", b"no array", ".npy"),
        ("something", b"\x00\x00\x08\x03\x00\x00", "expected"),
    ],
)
def test_files_that_are_not_what_they_say(
    gpunet_here: Command, model: Path, tmp_path: Path, name: str, content: bytes, hint: str
) -> None:
    (tmp_path / name).write_bytes(content)
    done = gpunet_here("predict", "--model", model, name)
    assert done.status == 1
    assert name in done.err
    assert hint in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("array", "hint"),
    [
        (np.zeros((2, 783), np.float32), "783 columns but the network expects 784"),
        (np.full((2, 784), np.nan), "row 0, column 0"),
        (np.zeros((0, 784)), "no examples"),
        (np.zeros((2, 2, 2, 2)), "shape (2, 2, 2, 2)"),
    ],
    ids=["783 columns", "nan", "empty", "four dimensions"],
)
def test_arrays_that_do_not_fit(
    gpunet_here: Command, model: Path, tmp_path: Path, array: np.ndarray, hint: str
) -> None:
    np.save(tmp_path / "rows.npy", array)
    done = gpunet_here("predict", "--model", model, "rows.npy", "--json")
    assert (done.status, done.out) == (1, "")
    assert hint in done.err
    assert "rows.npy" in done.err


def test_a_pickle_is_never_loaded(gpunet_here: Command, model: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    done = gpunet_here("predict", "--model", model, "rows.npy")
    assert done.status == 1
    assert "allow_pickle=False" in done.err


def test_evaluate_agrees_with_the_library(gpunet: Command, model: Path) -> None:
    for part, data in zip(("train", "test"), datasets.load("mnist58"), strict=True):
        done = gpunet("evaluate", "--model", model, "--part", part, "--json", "--device", "cpu")
        expected = library.load(model, device="cpu").evaluate(data)
        assert {k: done.json[k] for k in expected} == expected
        confusion = np.array(done.json["confusion"])
        assert confusion.sum() == len(data)
        assert np.trace(confusion) / len(data) == pytest.approx(expected["accuracy"])
        report = library.class_report(library.load(model, device="cpu"), data)
        assert done.json["per_class"] == report.to_dict()
        assert done.json["macro_f1"] == report.macro_f1


def test_each_class_is_printed_with_its_figures(gpunet_here: Command, model: Path) -> None:
    rows = gpunet_here("evaluate", "--model", model, "--json").json["per_class"]
    lines = gpunet_here("evaluate", "--model", model).out.splitlines()
    assert [line.split() for line in lines[-2:]] == [
        [r["class"], *(f"{r[k]:.1%}" for k in ("precision", "recall", "f1")), str(r["examples"])]
        for r in rows
    ]


ODD_NAMES = ("[/red]", ":smile:", "\x1b[31mred", "two\nlines", "日本")


def test_odd_class_names_are_shown_as_what_they_are(gpunet: Command, tmp_path: Path) -> None:
    """They are neither markup nor orders to the terminal, and no encoding ends the command."""
    k = np.arange(100) % 5
    np.savez(tmp_path / "d.npz", X=np.eye(5)[k], y=np.array(ODD_NAMES)[k])
    np.save(tmp_path / "rows.npy", np.eye(5))
    options = ("--epochs", "60", "--learning-rate", "1", "--quiet", "--out", "run")
    assert gpunet("train", "--dataset", "d.npz", *options).status == 0
    in_latin = {"PYTHONIOENCODING": "latin-1"}
    for command in (("evaluate",), ("predict", "rows.npy")):
        done = gpunet(*command, "--model", "run", "--quiet", env=in_latin)
        assert done.status == 0, done.err
        for shown in ("[/red]", ":smile:", r"\x1b[31mred", r"two\nlines", r"\u65e5\u672c"):
            assert shown in done.out
        assert "\x1b" not in done.out
    np.savez(tmp_path / "d.npz", X=np.eye(5)[k], y=np.array([*"abcd", "\x1b[2J"])[k])
    done = gpunet("evaluate", "--model", "run")
    assert done.status == 1
    assert r"has \x1b[2J, a" in done.err


@pytest.mark.parametrize("classes", [18, 40])
def test_a_matrix_wider_than_the_terminal_is_told_as_its_largest_numbers(
    gpunet_here: Command, tmp_path: Path, classes: int
) -> None:
    """Cut to the width, it would hold no numbers at all; with 3,000 classes it took minutes."""
    r = np.random.default_rng(0)
    k = r.integers(classes, size=3000)
    np.savez(tmp_path / "d.npz", X=r.normal(k[:, None], 3.0), y=k)
    options = ("--task", "classification", "--epochs", "1", "--quiet", "--out", "run")
    assert gpunet_here("train", "--dataset", "d.npz", *options).status == 0
    found = np.array(gpunet_here("evaluate", "--model", "run", "--json").json["confusion"])
    lines = gpunet_here("evaluate", "--model", "run").out.splitlines()
    assert "most frequent confusions" in lines[1]
    listed = [line.split() for line in lines[2:22]]
    wrong = found - np.diag(np.diag(found))
    assert [int(row[0]) for row in listed] == sorted(wrong.ravel(), reverse=True)[:20]
    for count, _, total, true, _, predicted in listed:
        assert int(count) == found[int(true), int(predicted)]
        assert int(total) == found[int(true)].sum()
    assert f"and {np.count_nonzero(wrong) - 20:,} other pairs" in lines[22]
    per_class = [line for line in lines[23:] if line.endswith(tuple("0123456789"))]
    assert len(per_class) == min(classes, 20)
