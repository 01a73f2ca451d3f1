"""The analytic gradient against central differences of the loss."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet import random
from gpunet.backends import Array
from gpunet.nn.feed import Feed
from gpunet.nn.mlp import MLP
from gpunet.nn.network import Network

# The difference quotient errs by about STEP^2 |f'''| / 6 (truncation) and u |f| / STEP (rounding,
# u = 2^-53); near STEP = u^(1/3) the two are about equal, some 1e-10 of the function's scale.
STEP = 6e-6
# Room for the constants in that estimate: third derivatives, and sums over the examples.
TOLERANCE = 1e-7
# The difference quotient's rounding, u |f| / STEP = 2e-11 |f|, must stay within TOLERANCE of the
# scale: so the scale is at least this part of |f|, five times 2e-11 / TOLERANCE. Where all true
# derivatives are smaller (at a minimum), only errors above TOLERANCE of that can be seen.
LEAST_SCALE = 1e-3
# With more parameters than this, random directions are checked instead of every parameter.
MOST_PARAMETERS = 2000
DIRECTIONS = 20


@dataclass(frozen=True)
class GradientCheck:
    """The result; true if it passed.

    Attributes:
        error: The largest difference, in units of the largest derivative (at least 1e-3 of the
            loss, so that a gradient of zeros can pass).
        worst: Where it occurred: "W1[3, 0]", or "direction 7".
        analytic, numeric: The two derivatives there.
        checked: How many derivatives were compared.
        tolerance: What ``error`` may be.
    """

    error: float
    worst: str
    analytic: float
    numeric: float
    checked: int
    tolerance: float

    def __bool__(self) -> bool:
        return self.error <= self.tolerance


def gradient_check(
    network: Network,
    X: Any,
    Y: Any = None,
    *,
    directions: int | None = None,
    tolerance: float = TOLERANCE,
) -> GradientCheck:
    """Compare the network's gradient with central differences (f(x+h) - f(x-h)) / 2h.

    Both are computed in float64, on the network's device, from its present parameters and without
    dropout. At a kink of relu or leaky_relu the two differ rightly: try other data.

    Args:
        network: It is not changed.
        X, Y: As for ``fit``; a few examples are enough.
        directions: Compare along this many random directions instead of every parameter. By
            default every parameter of a network of up to 2,000, else 20 directions.
        tolerance: Largest relative error that passes.

    Raises:
        DataError: The examples do not fit the network.
    """
    backend = network.backend
    exact = replace(network.architecture, dtype="float64", dropout=0.0)
    mlp = MLP(backend, exact, network.seed)
    theta = network.mlp.turns.take(lambda: backend.to_numpy(network.mlp.theta)).astype(np.float64)
    backend.assign(mlp.theta, theta)
    feed = Feed(backend, _in_float64(network, X, Y))
    probe = _Probe(mlp, feed, network)

    analytic = probe.gradient()
    if directions is None and theta.size > MOST_PARAMETERS:
        directions = DIRECTIONS
    if directions is None:
        names = _names(mlp)
        numeric = np.array([probe.slope(theta, i) for i in range(theta.size)])
    else:
        names = [f"direction {i}" for i in range(directions)]
        V = random.normal(network.seed, random.DIRECTION, (directions, theta.size))
        V /= np.linalg.norm(V, axis=1, keepdims=True)
        numeric = np.array([probe.slope(theta, v) for v in V])
        analytic = V @ analytic

    difference = np.abs(analytic - numeric)
    least = max(LEAST_SCALE * abs(probe.loss(theta)), 1e-300)
    scale = max(np.abs(analytic).max(), np.abs(numeric).max(), least)
    # A NaN anywhere is the worst of all: argmax finds it, and no comparison lets it pass.
    worst = int(np.argmax(difference))
    return GradientCheck(
        float(difference[worst] / scale),
        names[worst],
        float(analytic[worst]),
        float(numeric[worst]),
        len(names),
        tolerance,
    )


def _in_float64(network: Network, X: Any, Y: Any) -> Any:
    exact = replace(network.architecture, dtype="float64")
    return network.check(X, Y, architecture=exact)


def _names(mlp: MLP) -> list[str]:
    """Return a name for each element of theta."""
    names = [""] * mlp.slices.size
    for name, shape in mlp.slices.shapes.items():
        for offset, index in enumerate(np.ndindex(*shape)):
            names[mlp.slices.start[name] + offset] = f"{name}[{', '.join(map(str, index))}]"
    return names


class _Probe:
    """The loss and its gradient as functions of theta."""

    def __init__(self, mlp: MLP, feed: Feed, network: Network) -> None:
        self._mlp, self._backend, self._network, self._n = mlp, mlp.backend, network, feed.n
        self._logits: Array = mlp.zeros(feed.n, mlp.architecture.sizes[-1])
        self._totals: Array = mlp.zeros(2)
        self._batch = feed.load(slice(0, feed.n), mlp.batch(feed.n))

    def loss(self, theta: NDArray) -> float:
        self._backend.assign(self._mlp.theta, theta)
        X, Y = self._batch
        self._mlp.logits(X, self._logits)
        self._mlp.score(self._logits, Y, self._totals)
        return self._network.reduced(float(self._backend.to_numpy(self._totals)[0]), self._n)

    def gradient(self) -> NDArray:
        self._mlp.backpropagate(*self._batch, self._logits)
        return self._backend.to_numpy(self._mlp.grad)

    def slope(self, theta: NDArray, along: int | NDArray) -> float:
        """Return the central difference along one parameter, or a direction of length 1."""
        step = np.zeros_like(theta)
        if isinstance(along, int):
            step[along] = STEP * max(1.0, abs(theta[along]))
        else:
            step = STEP * max(1.0, float(np.abs(theta).max())) * along
        above, below = theta + step, theta - step
        # What was really stepped, after rounding.
        length = float(np.linalg.norm(above - below))
        return (self.loss(above) - self.loss(below)) / length
