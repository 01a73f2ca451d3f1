"""How far gpunet's estimators are from scikit-learn's, after the same training: a table.

    python scripts/sklearn_agreement.py [--device cuda] [--iterations 25]

Both are fitted in float64 with the same random_state. A cell is the largest difference between two
coefficients or intercepts, relative to the largest of their array, over all activations and 1 to 3
hidden layers; in brackets how many of the predictions differ (numbers: by more than 1e-8). Below
the line is what comes of scikit-learn's own training when its first weights are changed by 1e-15.
"""

from __future__ import annotations

import argparse
import itertools
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
from sklearn.preprocessing import StandardScaler

import gpunet
from gpunet.bench.machine import commit, describe

HIDDEN = [(16,), (16, 8), (16, 8, 8)]
ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]
SOLVERS = ["sgd", "adam", "lbfgs"]


def data() -> dict[str, tuple[NDArray, NDArray]]:
    """Return the data sets, each (X, y): inputs standardised, but for the digits' pixels."""
    digits = datasets.load_digits(return_X_y=True)
    cancer = datasets.load_breast_cancer(return_X_y=True)
    diabetes = datasets.load_diabetes(return_X_y=True)
    several = datasets.make_multilabel_classification(n_samples=300, random_state=0)

    def scaled(X: NDArray) -> NDArray:
        return StandardScaler().fit_transform(X)

    return {
        "digits": (digits[0] / 16.0, digits[1]),
        "breast cancer": (scaled(cancer[0]), cancer[1]),
        "diabetes": (scaled(diabetes[0]), scaled(diabetes[1][:, None])[:, 0]),
        "multi-label": (scaled(several[0]), several[1]),
    }


def touched(kind: str, **settings: Any) -> Any:
    """Return scikit-learn's estimator, which will begin from slightly other weights."""
    draws = np.random.default_rng(0)

    class Touched(getattr(neural_network, kind)):  # type: ignore[misc]
        def _init_coef(self, *arguments: Any) -> tuple[NDArray, NDArray]:
            W, b = super()._init_coef(*arguments)
            return W * (1 + 1e-15 * draws.standard_normal(W.shape)), b

    return Touched(**settings)


def compare(
    name: str, X: NDArray, y: NDArray, device: str | None, **settings: Any
) -> tuple[float, int]:
    """Fit both; return the largest relative difference and how many predictions differ.

    ``device`` None compares scikit-learn with itself.
    """
    kind = "MLPRegressor" if name == "diabetes" else "MLPClassifier"
    theirs = getattr(neural_network, kind)(**settings)
    if device is None:
        ours = touched(kind, **settings)
    else:
        ours = getattr(gpunet, kind)(**settings, device=device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs.fit(X, y)
        ours.fit(X, y)
    pairs = zip(theirs.coefs_ + theirs.intercepts_, ours.coefs_ + ours.intercepts_, strict=True)
    worst = max(float(abs(a - b).max() / abs(a).max()) for a, b in pairs)
    predicted = theirs.predict(X), ours.predict(X)
    if kind == "MLPRegressor":
        wrong = ~np.isclose(*predicted, rtol=1e-8, atol=1e-8)
    else:
        wrong = predicted[0] != predicted[1]
    return worst, int(np.count_nonzero(wrong))


def footer() -> str:
    """Return what was compared, on what, and when."""
    facts = {**describe(), "scikit-learn": version("scikit-learn"), "commit": commit()}
    return ", ".join(f"{key} {value}" for key, value in facts.items()) + time.strftime(", %Y-%m-%d")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--iterations", type=int, default=25)
    options = parser.parse_args()
    table = Table("", *data(), title=f"after {options.iterations} iterations, {options.device}")
    for device, solver in itertools.product((options.device, None), SOLVERS):
        cells = []
        for name, (X, y) in data().items():
            found = [
                compare(
                    name,
                    *(X, y, device),
                    solver=solver,
                    activation=activation,
                    hidden_layer_sizes=hidden,
                    max_iter=options.iterations,
                    random_state=0,
                )
                for activation, hidden in itertools.product(ACTIVATIONS, HIDDEN)
            ]
            cells.append(f"{max(f[0] for f in found):.1e} ({sum(f[1] for f in found)})")
        table.add_row(solver, *cells, end_section=solver == SOLVERS[-1])
    console = Console()
    console.print(table)
    console.print(footer())


if __name__ == "__main__":
    main()
