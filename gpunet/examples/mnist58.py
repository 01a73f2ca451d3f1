"""The main example: digits 5 and 8, full batch, 1,000 iterations, 784-196-1 or deeper."""

from __future__ import annotations

from math import sqrt

from gpunet import datasets
from gpunet.backends import Backend
from gpunet.examples.drawing import descend, normal
from gpunet.examples.report import Figure, Report
from gpunet.nn.network import Network

ITERATIONS = 1000


def mnist58(backend: Backend, dtype: str) -> Report:
    """784-196-1, sigmoids, binary crossentropy, learning rate 0.1."""
    report, (train, test) = _run(backend, dtype, [784, 196, 1])
    # 'around 96 %' is read as anything that rounds to it.
    report.figures += [
        Figure("training accuracy, text", "0.96", train),
        Figure("test accuracy, text", "0.96", test),
        Figure("training accuracy, its program", "0.95999", train),
        Figure("test accuracy, its program", "0.95981", test),
    ]
    report.notes.append(
        "the text says around 96 %; its own program, run in float64, gives 0.95999 and 0.95981"
    )
    return report


def deeper(backend: Backend, dtype: str) -> Report:
    """784-392-196-98-1, otherwise the same: the text finds that it does worse."""
    report, (train, test) = _run(backend, dtype, [784, 392, 196, 98, 1])
    # Far below 0.96 is all that the text says. Guessing the larger class gives 0.519 and 0.522.
    report.figures += [
        Figure("training accuracy", "", train, correct="0.6", within=0.25),
        Figure("test accuracy", "", test, correct="0.6", within=0.25),
    ]
    report.notes.append("the text only says that the deeper network does worse, and so it does")
    return report


def _run(backend: Backend, dtype: str, sizes: list[int]) -> tuple[Report, tuple[float, float]]:
    train, test = datasets.load("mnist58")
    network = Network(sizes, device=backend, dtype=dtype)
    network.load_parameters(normal(1, sizes, lambda fan_in: 1 / sqrt(fan_in)))
    history = descend(network, train, None, rate=0.1, epochs=ITERATIONS)

    def draw(path: object) -> None:
        from gpunet.report import plots

        plots.loss_curve(history, path)  # type: ignore[arg-type]

    costs = ", ".join(f"{history.loss[i]:.4f}" for i in range(0, ITERATIONS, 100))
    name = "-".join(map(str, sizes))
    report = Report([], [f"cost every 100 iterations: {costs}"], {f"cost-{name}.png": draw})
    return report, (network.evaluate(train)["accuracy"], network.evaluate(test)["accuracy"])
