"""How fast gpunet's estimators fit beside scikit-learn's: in turns, on the same data.

    python scripts/sklearn_speed.py [--rounds 5] [--device cuda] [--dtype float32]

Settings are the default ones but for random_state and max_iter, which is so that a fit takes some
seconds. Before each fit comes a rest, since a BLAS's threads go on spinning for a while. A row has
the medians, and the least and largest ratio of the rounds; a loss that is not the same ends it.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn import datasets, neural_network
from sklearn.exceptions import ConvergenceWarning

import gpunet
from gpunet.bench.machine import commit, describe

REST = 0.3  # seconds


def digits() -> tuple[NDArray, NDArray]:
    """Return 1,797 pictures of 64 pixels."""
    X, y = datasets.load_digits(return_X_y=True)
    return X, y


def mnist58() -> tuple[NDArray, NDArray]:
    """Return 10,000 pictures of 784 pixels, fives and eights, with ten made-up classes."""
    train, _ = gpunet.datasets.load("mnist58")
    X, y = train.X[:10_000] * np.float64(train.scale), train.y[:10_000]
    return X, (y + 2 * (X[:, 300:500].sum(axis=1) // 8)) % 10


def made_up() -> tuple[NDArray, NDArray]:
    """Return 100,000 rows of 50 numbers in two classes."""
    X, y = datasets.make_classification(100_000, 50, n_informative=20, random_state=0)
    return X, y


CASES = {
    "digits": (digits, 60),
    "10,000 x 784": (mnist58, 10),
    "100,000 x 50": (made_up, 5),
}


def seconds(model: Any, X: NDArray, y: NDArray) -> float:
    """Fit, after a rest; return how long that took."""
    time.sleep(REST)
    start = time.perf_counter()
    model.fit(X, y)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float64", choices=["float32", "float64"])
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    table = Table("", "epochs", "scikit-learn", "gpunet", "times", "from", "to")
    for name, (load, epochs) in CASES.items():
        X, y = load()
        X = X.astype(options.dtype)
        theirs = neural_network.MLPClassifier(max_iter=epochs, random_state=0)
        ours = gpunet.MLPClassifier(max_iter=epochs, random_state=0, device=options.device)
        ours.fit(X[:300], y[:300])  # the device is found, its kernels are made
        pairs = [(seconds(theirs, X, y), seconds(ours, X, y)) for _ in range(options.rounds)]
        tolerance = 1e-9 if options.dtype == "float64" else 1e-2
        if not np.isclose(theirs.loss_, ours.loss_, rtol=tolerance):
            raise SystemExit(f"{name}: losses {theirs.loss_} and {ours.loss_} are not the same")
        a, b = (statistics.median(times) for times in zip(*pairs, strict=True))
        ratios = [x / y for x, y in pairs]
        table.add_row(
            *(name, str(ours.n_iter_), f"{a:.2f} s", f"{b:.2f} s"),
            *(f"{x:.2f}" for x in (statistics.median(ratios), min(ratios), max(ratios))),
        )
    console = Console()
    console.print(table)
    facts = {**describe(), "scikit-learn": version("scikit-learn"), "commit": commit()}
    facts["date"] = time.strftime("%Y-%m-%d")
    console.print(", ".join(f"{key} {value}" for key, value in facts.items()))


if __name__ == "__main__":
    main()
