"""Training without the inputs that are 0 in every example.

Of the 784 pixels of a MNIST image some are never anything but 0: 187 in the digits 5 and 8. Such an
input adds nothing to Z = X W + b, and its row of dW = X^T dZ is 0, so an optimizer that leaves a
parameter with a gradient of 0 alone never changes its weights. A network without these rows of W1
takes the same steps with that much less work.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gpunet.backends import Backend
from gpunet.nn.examples import Examples
from gpunet.nn.mlp import MLP

# The share of the inputs from which leaving them out is worth a copy of the others.
WORTH_IT = 1 / 16


class Compact:
    """A smaller network that takes the steps of a larger one.

    Attributes:
        mlp: The smaller network.
        examples: The examples without the columns that are left out.
    """

    def __init__(self, whole: MLP, examples: Examples, used: np.ndarray) -> None:
        backend, architecture = whole.backend, whole.architecture
        self._whole, self._used = whole, used
        sizes = (used.size, *architecture.sizes[1:])
        self.mlp = MLP(backend, replace(architecture, sizes=sizes), whole.seed)
        self.examples = replace(examples, X=np.take(examples.X, used, axis=1))
        self._rows = backend.array(used, "int64")
        # W1 lies first, and behind it all is the same in both.
        fan_out = architecture.sizes[1]
        self._tails = slice(architecture.sizes[0] * fan_out, None), slice(used.size * fan_out, None)
        self.load()

    def load(self) -> None:
        """Take over the larger network's parameters."""
        self._whole.turns.take(self._load)

    def _load(self) -> None:
        whole, part = self._whole, self.mlp
        part.backend.take(whole.parameters["W1"], self._rows, 1.0, out=part.parameters["W1"])
        part.backend.assign(part.theta[self._tails[1]], whole.theta[self._tails[0]])
        part.backend.assign(part.step, whole.step)

    def store(self) -> None:
        """Give the larger network the parameters that have been learnt."""
        self._whole.turns.take(self._store)

    def _store(self) -> None:
        whole, part, backend = self._whole, self.mlp, self.mlp.backend
        W1 = backend.to_numpy(whole.parameters["W1"])
        W1[self._used] = backend.to_numpy(part.parameters["W1"])
        backend.assign(whole.parameters["W1"], W1)
        backend.assign(whole.theta[self._tails[0]], part.theta[self._tails[1]])
        backend.assign(whole.step, part.step)


def compact(whole: MLP, examples: Examples) -> Compact | None:
    """Return the smaller network, or None where there is little or nothing to leave out."""
    backend: Backend = whole.backend
    if not backend.leaves_zeros_out or not isinstance(examples.X, np.ndarray):
        return None
    if examples.X.dtype != np.uint8:
        return None
    used = np.flatnonzero(np.bitwise_or.reduce(examples.X, axis=0))
    if not 0 < used.size <= (1 - WORTH_IT) * examples.X.shape[1]:
        return None
    return Compact(whole, examples, used)
