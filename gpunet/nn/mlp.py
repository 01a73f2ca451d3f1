"""The multi-layer perceptron on a device: its parameters, and the texts compiled for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gpunet.backends import Array, Backend
from gpunet.kernels.expression import BATCH, FLOAT
from gpunet.nn.architecture import Architecture
from gpunet.nn.backprop import Perceptron
from gpunet.nn.batch import Batch
from gpunet.nn.turns import Turns
from gpunet.program.compiled import Compiled, compiled
from gpunet.program.program import Rule, Specs, Text


class MLP:
    """A network's arrays, and what is computed with them.

    Attributes:
        perceptron: The network as the text of its passes knows it.
        theta, grad: All parameters and all gradients, one flat vector each.
        parameters, gradients: Their named views.
        step: (1, 1) uint32, the number of training steps so far; it addresses dropout masks.
        turns: Taken by whoever reads or writes these arrays: for a prediction, for a training
            step.
    """

    def __init__(self, backend: Backend, architecture: Architecture, seed: int) -> None:
        self.backend, self.architecture, self.seed = backend, architecture, seed
        self.turns = Turns()
        self.perceptron = Perceptron.of(architecture, seed)
        self.slices = self.perceptron.slices
        self.theta = self.zeros(self.slices.size)
        self.grad = self.zeros(self.slices.size)
        self.parameters = self.slices.views(backend, self.theta)
        self.gradients = self.slices.views(backend, self.grad)
        self.step = backend.zeros((1, 1), "uint32")
        self._compiled: dict[str, Compiled] = {}

    def zeros(self, *shape: int) -> Array:
        """Return new zeros in the network's precision."""
        return self.backend.zeros(shape, self.architecture.dtype)

    def batch(self, n: int, raw: bool = False) -> Batch:
        """Allocate for n examples; for ``raw`` inputs, integers up to 256 as they are."""
        sizes, backend = self.architecture.sizes, self.backend
        dtype = backend.bfloat16 if raw else self.architecture.dtype
        return Batch(n, backend.zeros((n, sizes[0]), dtype), self.zeros(n, sizes[-1]))

    @property
    def specs(self) -> Specs:
        """The shapes and types of what texts about this network take."""
        sizes = self.architecture.sizes
        return {
            "theta": ((self.slices.size,), FLOAT),
            "X": ((BATCH, sizes[0]), FLOAT),
            "Y": ((BATCH, sizes[-1]), FLOAT),
            "Z": ((BATCH, sizes[-1]), FLOAT),
            "share": ((), FLOAT),
            "step": ((1, 1), "uint32"),
        }

    def compile(
        self,
        text: Text,
        specs: Specs,
        capacity: int,
        rules: Sequence[Rule] = (),
        keep: bool = False,
    ) -> Compiled:
        """Return a text compiled for up to ``capacity`` examples: ``run(n, values)``."""
        dtype = self.architecture.dtype
        return compiled(self.backend, text, specs, capacity, dtype, rules, keep)

    def share(self, n: int) -> float:
        """Return what each of n examples counts in the loss."""
        return 1.0 / n if self.architecture.reduction == "mean" else 1.0

    def predict(self, X: Array, outputs: Array) -> None:
        """Fill ``outputs`` (n, outputs) with A."""
        self.run(self._outputs, X.shape[0], theta=self.theta, X=X, A=outputs)

    def logits(self, X: Array, logits: Array) -> None:
        """Fill ``logits`` (n, outputs) with the last layer's Z."""
        self.run(self._logits, X.shape[0], theta=self.theta, X=X, logits=logits)

    def score(self, Z: Array, Y: Array, totals: Array) -> None:
        """Put the sums over the examples of (loss, correct) into ``totals`` (2,), from logits Z."""
        loss, correct = totals[0:1], totals[1:2]
        self.run(self._scores, Z.shape[0], Z=Z, Y=Y, loss=loss, correct=correct)

    def backpropagate(self, X: Array, Y: Array, logits: Array) -> None:
        """Fill ``grad`` and ``logits`` (n, outputs), without dropout. Y is (n, outputs)."""
        n = X.shape[0]
        values = {"theta": self.theta, "X": X, "Y": Y, "share": self.share(n)}
        self.run(self._gradient, n, **values, logits=logits, grad=self.grad)

    def _outputs(self, xp: Any, theta: Array, X: Array) -> dict[str, Array]:
        return {"A": self.perceptron.outputs(xp, theta, X)[1]}

    def _logits(self, xp: Any, theta: Array, X: Array) -> dict[str, Array]:
        return {"logits": self.perceptron.outputs(xp, theta, X)[0]}

    def _scores(self, xp: Any, Z: Array, Y: Array) -> dict[str, Array]:
        loss, correct = self.perceptron.loss.scores(xp, Z, Y, self.perceptron.g[-1])
        return {"loss": xp.sum(loss, axis=0), "correct": xp.sum(correct, axis=0)}

    def _gradient(self, xp: Any, theta: Array, X: Array, Y: Array, share: Any) -> dict[str, Array]:
        logits, grad = self.perceptron.gradient(xp, theta, X, Y, share)
        return {"logits": logits, "grad": grad}

    def run(self, text: Text, n: int, **values: Any) -> None:
        """Run a text on n examples, compiled at its first use.

        It is known by its name. Its arguments are those of ``values`` that ``specs`` has.
        """
        name = text.__name__
        if name not in self._compiled:
            specs = {name: spec for name, spec in self.specs.items() if name in values}
            self._compiled[name] = self.compile(text, specs, n)
        self._compiled[name](n, values)
