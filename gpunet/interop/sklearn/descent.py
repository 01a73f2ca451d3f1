"""Gradient descent on the device: the network, its rule with its moments, and single steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet.backends import Array, Bound
from gpunet.interop.sklearn.devices import backend_for
from gpunet.interop.sklearn.losses import per_example
from gpunet.interop.sklearn.rules import BatchDecay
from gpunet.interop.sklearn.weights import Weights, device_weights, host_weights
from gpunet.kernels.expression import BATCH, FLOAT
from gpunet.nn.architecture import Architecture
from gpunet.nn.mlp import MLP
from gpunet.program.compiled import Compiled
from gpunet.program.rewrites.precision import check_precision, precision_rules
from gpunet.training.step import step


class Descent:
    """A network that learns by steps; what goes on from one ``partial_fit`` to the next.

    It can be pickled: its arrays then travel as NumPy's, and go to the same device if there is one.

    Attributes:
        learning_rate: Of the coming steps.
        steps: How many have been taken.
    """

    def __init__(
        self,
        device: str,
        architecture: Architecture,
        rule: BatchDecay,
        learning_rate: float,
        precision: str = "float32",
        seed: int = 0,
    ) -> None:
        self.device, self.architecture, self.rule = device, architecture, rule
        self.learning_rate, self.precision, self.seed = float(learning_rate), precision, seed
        self.steps = 0
        self._allocate()

    def _allocate(self) -> None:
        self.backend = backend_for(self.device)
        a = self.architecture
        self.mlp = MLP(self.backend, a, self.seed)
        self.stepper = self.rule.start(self.backend, self.mlp.theta, a.dtype)
        check_precision(self.precision, a.dtype, integers=False)
        self._per_example = per_example(a.loss, a.sizes[-1], a.dtype)
        self._X: Array = None
        self._compiled: dict[bool, Compiled] = {}
        self._bound: dict[tuple[int, bool], Bound] = {}

    def load(self, weights: Weights) -> None:
        """Start from these coefficients and intercepts."""
        device_weights(self.backend, self.mlp, weights)

    def read(self, out: Weights | None = None) -> Weights:
        """Return the coefficients and intercepts as NumPy arrays."""
        return host_weights(self.backend, self.mlp)

    def inputs(self, n: int, capacity: int) -> Array:
        """Return where the inputs (n, features) of the next step are to be put."""
        if self._X is None or self._X.shape[0] < capacity:
            self._X = self.mlp.zeros(capacity, self.architecture.sizes[0])
            self._compiled, self._bound = {}, {}
        return self._X[:n, :]

    def losses(self, Z: Array, Y: Array, out: Array) -> None:
        """Fill ``out`` (n, 1) with each example's loss, from logits and targets (n, outputs)."""
        self.mlp.run(self._losses, Z.shape[0], Z=Z, Y=Y, losses=out)

    def _losses(self, xp: Any, Z: Array, Y: Array) -> dict[str, Array]:
        return {"losses": self._per_example(xp, Z, Y)}

    def step(
        self, Y: Array, scalars: Array, shares: Array | None, logits: Array, square: Array
    ) -> None:
        """Take a step from the inputs that have been put in their place.

        Args:
            Y: (n, outputs), the targets.
            scalars: The rule's, for this step.
            shares: (n, 1), what each example counts in the gradient; None: 1/n.
            logits: (n, outputs), filled.
            square: (1, 1), filled with |W|^2 before the step.
        """
        weighted, n = shares is not None, Y.shape[0]
        inputs = (Y, scalars) if shares is None else (Y, scalars, shares)
        bound = self._bound.get((n, weighted))
        if bound is None:
            if weighted not in self._compiled:
                self._compiled[weighted] = self._compile(weighted)

            def work(*arrays: Array) -> None:
                self._step(n, weighted, arrays)

            bound = self.backend.bind(work, inputs, (logits, square))
            self._bound[n, weighted] = bound
        bound(inputs, (logits, square))

    def _compile(self, weighted: bool) -> Compiled:
        mlp, rule = self.mlp, self.rule
        specs = {name: spec for name, spec in mlp.specs.items() if name != "Z"}
        specs |= {name: specs["theta"] for name in self.stepper.state}
        specs["scalars"] = ((rule.scalar_count,), FLOAT)
        if weighted:
            specs["share"] = ((BATCH, 1), FLOAT)

        def text(xp: Any, theta: Array, **others: Array) -> dict[str, Array]:
            W = theta[: mlp.slices.weights]
            results = step(xp, mlp, rule, scale=1.0, theta=theta, **others)
            return results | ({"square": W @ W} if rule.weight_decay else {})

        rules = precision_rules(self.precision, self.backend)
        return mlp.compile(text, specs, self._X.shape[0], rules)

    def _step(self, n: int, weighted: bool, arrays: tuple[Array, ...]) -> None:
        mlp = self.mlp
        Y, scalars, *shares, logits, square = arrays
        values = {"theta": mlp.theta, "grad": mlp.grad, "step": mlp.step, **self.stepper.state}
        values |= {"X": self._X[:n, :], "Y": Y, "scalars": scalars, "logits": logits}
        values |= {"share": shares[0] if shares else mlp.share(n), "square": square}
        self._compiled[weighted](n, values)

    def __getstate__(self) -> dict[str, Any]:
        kept = ("device", "architecture", "rule", "learning_rate", "precision", "seed", "steps")
        to_host = self.backend.to_numpy
        return {name: getattr(self, name) for name in kept} | {
            "theta": to_host(self.mlp.theta),
            "moments": [to_host(moment) for moment in self.stepper.moments],
            "masks": to_host(self.mlp.step),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        arrays: dict[str, Any] = {name: state.pop(name) for name in ("theta", "moments", "masks")}
        self.__dict__.update(state)
        self._allocate()
        self.backend.assign(self.mlp.theta, arrays["theta"])
        self.backend.assign(self.mlp.step, arrays["masks"])
        for moment, values in zip(self.stepper.moments, arrays["moments"], strict=True):
            self.backend.assign(moment, values)


def batch_weights(
    weights: NDArray | None, order: NDArray | None, batch_size: int, n: int
) -> tuple[NDArray | None, NDArray]:
    """Return what each example counts within its batch (n, 1), and each batch's weight (steps,).

    The first is None where all count the same. Both are in the epoch's ``order``.
    """
    starts = np.arange(0, n, batch_size)
    sizes = np.minimum(starts + batch_size, n) - starts
    if weights is None:
        return None, sizes.astype(np.float64)
    if order is not None:
        weights = weights[order]
    sums = np.add.reduceat(weights, starts)
    with np.errstate(all="ignore"):  # a batch without weight has no mean: the loss shows it
        return (weights / np.repeat(sums, sizes))[:, None], sums
