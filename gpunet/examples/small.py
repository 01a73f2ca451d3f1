"""The small examples: by-hand, steps, debug, xor, functional."""

from __future__ import annotations

import numpy as np

from gpunet import datasets
from gpunet.backends import Backend
from gpunet.examples.drawing import descend, legacy_pairs, normal, uniform
from gpunet.examples.report import Figure, Report
from gpunet.nn.network import Network
from gpunet.parity.gradient_check import gradient_check

SEEDS = range(4)


def by_hand(backend: Backend, dtype: str) -> Report:
    """2-2-1 without activations or biases: one step that can be followed on paper."""
    X, Y = datasets.by_hand()[0].arrays(dtype)
    weights = {
        "W1": np.array([[0.34, 0.05], [0.13, 0.07]]),
        "W2": np.array([[0.20], [0.01]]),
    }
    first = Network([2, 2], output="identity", loss="half_squared_error", bias=False,
                    device=backend, dtype=dtype)  # fmt: skip
    first.load_parameters({"W1": weights["W1"]})
    hidden = first.predict_proba(X)[0]
    network = Network([2, 2, 1], hidden="identity", output="identity", loss="half_squared_error",
                      bias=False, device=backend, dtype=dtype)  # fmt: skip
    network.load_parameters(weights)
    output = float(network.predict_proba(X)[0, 0])
    error = network.evaluate(X, Y)["loss"]
    descend(network, X, Y, rate=0.05, epochs=1)
    new = {name: backend.to_numpy(W).ravel() for name, W in network.parameters.items()}
    figures = [
        Figure("hidden 1", "0.94", hidden[0], correct="1.07"),
        Figure("hidden 2", "0.31", hidden[1]),
        Figure("output", "0.2171", output),
        Figure("error", "0.306466205", error),
        Figure("delta", "-0.7829", output - float(Y[0, 0])),
        Figure("new W2[0]", "0.24188515", new["W2"][0]),
        Figure("new W2[1]", "0.02213495", new["W2"][1]),
        Figure("new W1[0,0]", "wrong", new["W1"][0], correct="0.355658"),
        Figure("new W1[0,1]", "wrong", new["W1"][1], correct="0.0507829"),
        Figure("new W1[1,0]", "wrong", new["W1"][2], correct="0.153487"),
        Figure("new W1[1,1]", "wrong", new["W1"][3], correct="0.07117435"),
        Figure("output after the step", "wrong", float(network.predict_proba(X)[0, 0]),
               correct="0.29040993"),
        Figure("error after the step", "wrong", network.evaluate(X, Y)["loss"],
               correct="0.25175903"),
    ]  # fmt: skip
    return Report(
        figures,
        [
            "hidden 1 is 2*0.34 + 3*0.13 = 1.07; the prose multiplies both weights by 2 (0.94), "
            "its program does not",
            "the published new W1 is wrong: its program takes the dot product of x and W2, one "
            "number for all four weights, where their outer product belongs; the values here "
            "follow from the chain rule, and so do the output and error after the step",
        ],
    )


def steps(backend: Backend, dtype: str) -> Report:
    """4-3-1 with sigmoids, summed half squared error, 5,000 epochs; the draw is not given."""
    X, Y = datasets.steps()[0].arrays(dtype)
    published = ("0.98032096", "0.96845624", "0.04532167")
    figures = []
    for seed in SEEDS:
        network = Network([4, 3, 1], loss="half_squared_error", reduction="sum",
                          device=backend, dtype=dtype)  # fmt: skip
        network.load_parameters(uniform(seed, [4, 3, 1], biases=True))
        descend(network, X, Y, rate=0.1, epochs=5000)
        for i, (value, output) in enumerate(
            zip(published, network.predict_proba(X)[:, 0], strict=True), 1
        ):
            name = f"seed {seed}, output {i}"
            figures.append(Figure(name, value, float(output), within=0.02))
    return Report(
        figures,
        [
            "the published draw of weights is not given: other draws end within 0.02 of it",
            "the R version of the text sums the biases' gradient over each row, which gives one "
            "bias an example instead of one a neuron; the Python version is right",
        ],
    )


def debug(backend: Backend, dtype: str) -> Report:
    """4-3-1 without biases: the error of every 100th epoch."""
    X, Y = datasets.debug()[0].arrays(dtype)

    def network(skip: int) -> Network:
        net = Network([4, 3, 1], loss="half_squared_error", reduction="sum", bias=False,
                      device=backend, dtype=dtype)  # fmt: skip
        W1, W2 = legacy_pairs(42, skip, (4, 3), (3, 1))
        net.load_parameters({"W1": W1, "W2": W2})
        return net

    untrained = 0.5 * (Y - network(0).predict_proba(X))[:, 0] ** 2
    figures = [
        Figure(f"untrained error, example {i}", printed, float(error))
        for i, (printed, error) in enumerate(
            zip(("0.05013458", "0.03727248", "0.25388062"), untrained, strict=True), 1
        )
    ]
    history = descend(network(1), X, Y, rate=0.1, epochs=1000)
    table = "0.11553 0.11082 0.10606 0.09845 0.08483 0.06396 0.04206 0.02641 0.01719 0.01190"
    figures += [
        Figure(f"error at epoch {epoch}", printed, history.loss[epoch] / len(X))
        for epoch, printed in zip(range(0, 1000, 100), table.split(), strict=True)
    ]
    return Report(
        figures,
        [
            "the text gives the learning rate as 0.01, but its table comes from 0.1",
            "the table starts from the second pair of draws of the generator, the untrained "
            "errors from the first",
        ],
    )


def xor(backend: Backend, dtype: str) -> Report:
    """3-4-1 without biases, sum of squares, learning rate 1, 1,500 iterations."""
    X, Y = datasets.xor()[0].arrays(dtype)
    figures = []
    for seed in SEEDS:
        network = Network([3, 4, 1], loss="squared_error", reduction="sum", bias=False,
                          device=backend, dtype=dtype)  # fmt: skip
        network.load_parameters(uniform(seed, [3, 4, 1], biases=False))
        history = descend(network, X, Y, rate=1.0, epochs=1500)
        for x, target, output in zip(X, Y[:, 0], network.predict_proba(X)[:, 0], strict=True):
            name = f"seed {seed}, {x[0]:.0f} xor {x[1]:.0f}"
            figures.append(Figure(name, f"{target:.0f}", float(output), within=0.05))
        rises = int(np.sum(np.diff(history.loss) > 0))
        figures.append(Figure(f"seed {seed}, times the loss rises", "0", rises, within=0))
    return Report(figures, ["'close to 0, 1, 1, 0' is taken as within 0.05, for seeds 0 to 3"])


def functional(backend: Backend, dtype: str) -> Report:
    """Any depth, N(0, 1) * 0.01 weights, binary crossentropy: cost history and gradients."""
    train = datasets.blobs(n=200)[0]
    figures = []
    for sizes in ([2, 1], [2, 4, 1], [2, 5, 3, 1]):
        network = Network(sizes, device=backend, dtype=dtype)
        network.load_parameters(normal(3, sizes, lambda fan_in: 0.01))
        name = "-".join(map(str, sizes))
        check = gradient_check(network, train.part(slice(0, 20)))
        figures.append(Figure(f"{name}, gradient check", "0", check.error, within=check.tolerance))
        history = descend(network, train, None, rate=0.5, epochs=200)
        # With such small weights every output starts near 1/2, so the cost starts near log 2.
        figures.append(Figure(f"{name}, first cost", "0.693", history.loss[0], within=0.005))
        rises = int(np.sum(np.diff(history.loss) > 0))
        figures.append(Figure(f"{name}, times the cost rises", "0", rises, within=0))
    return Report(
        figures,
        [
            "the program does not run as printed ('log' is not defined, and the update reads "
            "grads['W1'] where grads['dW1'] is stored) and prints no figures: this is what it "
            "means, on 200 points of blobs"
        ],
    )
