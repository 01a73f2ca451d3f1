"""scikit-learn's small tables from CSV files, at the default settings, beside its own pipeline.

python scripts/tables.py                             wine, cancer, iris and diabetes, seeds 0 to 9
python scripts/tables.py --write DIR                 the four CSV files, and no training
"""

import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import click
import numpy as np

import gpunet

LOADERS = {"wine": "wine", "cancer": "breast_cancer", "iris": "iris", "diabetes": "diabetes"}


@click.command()
@click.option("--seeds", type=click.IntRange(1), default=10, show_default=True)
@click.option("--write", "folder", type=click.Path(file_okay=False), help="Only write the files.")
def main(seeds: int, folder: str | None) -> None:
    """Train on each table with each seed, which also says what is held out; print the means."""
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for name in LOADERS:
            print(write(Path(folder), name))
        return
    with tempfile.TemporaryDirectory() as scratch:
        for name in LOADERS:
            path = write(Path(scratch), name)
            ours = [trained(path, seed) for seed in range(seeds)]
            theirs = [pipeline(path, seed) for seed in range(seeds)]
            score = "R2" if name == "diabetes" else "accuracy"
            print(
                f"{name:>8}: {score} {np.mean(ours):.4f} (of {seeds} seeds, {min(ours):.3f} to "
                f"{max(ours):.3f}); scikit-learn {np.mean(theirs):.4f} ({min(theirs):.3f} to "
                f"{max(theirs):.3f})"
            )


def write(folder: Path, name: str) -> Path:
    """Write one of scikit-learn's data sets, its classes by name; return the file."""
    import sklearn.datasets

    bunch = getattr(sklearn.datasets, f"load_{LOADERS[name]}")()
    target = bunch.target
    if name != "diabetes":
        target = bunch.target_names[target]
    rows = np.column_stack([bunch.data.astype(str), target.astype(str)])
    lines = [",".join(row) for row in [[*bunch.feature_names, "target"], *rows.tolist()]]
    path = folder / f"{name}.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def task(path: Path) -> str:
    """Return what is learnt."""
    return "regression" if path.stem == "diabetes" else "classification"


def trained(path: Path, seed: int) -> float:
    """Return the test score of gpunet train at its default settings."""
    options = ["--task", task(path), "--seed", str(seed), "--device", "cpu", "--json", "--force"]
    options += ["--out", str(path.parent / "run")]
    done = subprocess.run(  # noqa: S603 (our own command)
        [sys.executable, "-m", "gpunet", "train", "--dataset", str(path), *options],
        check=True,
        capture_output=True,
        text=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return float(result["test_r2" if path.stem == "diabetes" else "test_accuracy"])


def pipeline(path: Path, seed: int) -> float:
    """Return that of scikit-learn's StandardScaler and MLP, and of values also standardised."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = gpunet.datasets.load(path, seed=seed, task=task(path))
    model: Any = MLPClassifier(random_state=seed)
    if path.stem == "diabetes":
        mlp = MLPRegressor(random_state=seed)
        model = TransformedTargetRegressor(mlp, transformer=StandardScaler())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its 200 epochs are not enough for some, it says
        return float(
            make_pipeline(StandardScaler(), model).fit(train.X, train.y).score(test.X, test.y)
        )


if __name__ == "__main__":
    main()
