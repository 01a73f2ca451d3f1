"""A regression's target is not taken for classes; labels of classes are."""

from pathlib import Path

import numpy as np
import pytest

from gpunet.datasets import load, write_idx
from gpunet.datasets.task import refuse_regression
from gpunet.errors import ArgumentError, DataError


def save(folder: Path, kind: str, labels: np.ndarray) -> Path:
    X = np.random.default_rng(0).normal(size=(len(labels), 2))
    path = folder / f"data.{kind}"
    if kind == "npz":
        np.savez(path, X=X, y=labels)
    elif kind == "npy":
        np.save(path, np.column_stack([X, labels]))
    else:
        rows = [f"{a},{b},{label}" for (a, b), label in zip(X, labels, strict=True)]
        path.write_text("\n".join(["a,b,target", *rows]))
    return path


def diabetes() -> np.ndarray:
    """scikit-learn's: 442 rows, 214 whole numbers from 25 to 346."""
    return pytest.importorskip("sklearn.datasets").load_diabetes().target


@pytest.mark.parametrize("kind", ["csv", "npz", "npy"])
def test_a_regression_is_refused_unless_the_user_knows_better(tmp_path: Path, kind: str) -> None:
    path = save(tmp_path, kind, diabetes())
    message = r"data\.\w+.*214 different numbers from 25 to 346 in 442 rows.*--task classification"
    with pytest.raises(DataError, match=message):
        load(path)
    train, _ = load(path, task="classification")
    assert len(train.classes) == 214


@pytest.mark.parametrize("kind", ["csv", "npz"])
def test_text_is_classes_however_many(tmp_path: Path, kind: str) -> None:
    labels = np.array([f"patient {number:.0f}" for number in diabetes()])
    assert len(load(save(tmp_path, kind, labels))[0].classes) == 214


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([f"sample {i}" for i in range(60)], "60 different words in 60 rows, such as 'sample 0'"),
        (["0,5", "1,5", "-,25"] * 20, "decimal commas such as"),
    ],
)
def test_words_that_are_no_classes(tmp_path: Path, labels: list[str], message: str) -> None:
    path = save(tmp_path, "npz", np.array(labels))
    with pytest.raises(DataError, match=rf"{message}.*--task classification"):
        load(path)
    assert len(load(path, task="classification")[0].classes) == len(set(labels))


@pytest.mark.parametrize("k", [10, 26, 62])
@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("rows", [5, 200])
def test_classes_numbered_as_usual_are_taken(tmp_path: Path, k: int, first: int, rows: int) -> None:
    labels = np.repeat(np.arange(first, first + k), rows)
    assert len(load(save(tmp_path, "npz", labels))[0].classes) == k


@pytest.mark.parametrize("rows", [1, 20])
def test_idx_files_hold_classes(tmp_path: Path, rows: int) -> None:
    labels = np.repeat(np.arange(50, 112, dtype=np.uint8), rows)
    for part in ("train", "t10k"):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", np.zeros((len(labels), 2, 2), np.uint8))
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", labels)
    assert len(load(tmp_path)[0].classes) == 62


@pytest.mark.parametrize(
    ("numbers", "rows", "refused"),
    [
        (range(3, 23), 1, False),  # 20 of them
        (range(3, 24), 1, True),
        (range(3, 24), 49, True),
        (range(3, 24), 50, False),
        ([*range(20), 21], 49, True),  # a gap
        (range(21), 4, True),
        (range(21), 5, False),
        (range(1, 22), 5, False),
        (range(-1, 20), 49, True),  # numbered from neither 0 nor 1
    ],
)
def test_where_the_limits_lie(numbers: list[int], rows: int, refused: bool) -> None:
    classes = [str(number) for number in numbers]
    if refused:
        with pytest.raises(DataError, match="looks like the target of a regression"):
            refuse_regression(classes, rows * len(classes), "y")
    else:
        refuse_regression(classes, rows * len(classes), "y")


def test_what_has_classes_is_no_regression() -> None:
    with pytest.raises(ArgumentError, match=r"'moons' has classes"):
        load("moons", task="regression")
    with pytest.raises(ArgumentError, match="did you mean 'classification'"):
        load("moons", task="clasification")
