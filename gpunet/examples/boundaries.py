"""The examples with a decision boundary: moons, and blobs as its text asks for."""

from __future__ import annotations

from numpy.typing import NDArray

from gpunet import datasets
from gpunet.backends import Backend
from gpunet.datasets import Dataset
from gpunet.examples.drawing import descend, legacy_pairs
from gpunet.examples.report import Figure, Report
from gpunet.nn.network import Network
from gpunet.training import History

PUBLISHED = "0.23478 0.25000 0.25000 0.25000 0.05129 0.02163 0.01157 0.00775 0.00689 0.07556"
# From epoch 7,000 on, the run depends on the last bit of every matrix product.
REPRODUCIBLE = 7
EPOCHS = 10_000


def moons(backend: Backend, dtype: str) -> Report:
    """2-10-1 without biases, summed half squared error, 10,000 epochs."""
    train, _ = datasets.moons()
    network, history = _train(train, backend, dtype, epochs=EPOCHS)
    figures = [
        Figure(
            f"error at epoch {1000 * i}",
            printed,
            history.loss[1000 * i] / len(train),
            reproducible=i < REPRODUCIBLE,
        )
        for i, printed in enumerate(PUBLISHED.split())
    ]
    return Report(
        figures,
        [
            "the gradient is summed over 1,000 examples, so the step is far too large and the run "
            "turns chaotic: a difference in the last bit of a product grows until, from epoch "
            "7,000 on, every machine prints its own figures"
        ],
        {"moons.png": lambda path: _draw(network, train, "moons, 2-10-1", path)},
    )


def blobs(backend: Backend, dtype: str) -> Report:
    """The same network on blobs, which its text asks the reader to try."""
    train, test = datasets.blobs()
    network, _ = _train(train, backend, dtype, epochs=EPOCHS)
    accuracy = network.evaluate(test)["accuracy"]
    return Report(
        # The two blobs are far apart: any network that has learnt separates them.
        [Figure("test accuracy", "", accuracy, correct="1.0")],
        ["nothing was published; two blobs that a line can part should be parted wholly"],
        {"blobs.png": lambda path: _draw(network, train, "blobs, 2-10-1", path)},
    )


def _train(train: Dataset, backend: Backend, dtype: str, epochs: int) -> tuple[Network, History]:
    network = Network([2, 10, 1], loss="half_squared_error", reduction="sum", bias=False,
                      device=backend, dtype=dtype)  # fmt: skip
    W1, W2 = legacy_pairs(42, 2, (2, 10), (10, 1))
    network.load_parameters({"W1": W1, "W2": W2})
    return network, descend(network, train, None, rate=0.1, epochs=epochs)


def _draw(network: Network, train: Dataset, title: str, path: object) -> None:
    from gpunet.report import plots

    def outputs(points: NDArray) -> NDArray:
        return network.predict_proba(points)

    plots.decision_boundary(outputs, train.X, train.y, title, path)  # type: ignore[arg-type]
