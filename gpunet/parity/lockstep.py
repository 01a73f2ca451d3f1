"""Training side by side with the bounds, brought together again after each step.

Each element is held to its own bound, which counts in that roundings may pile up. What no element
shows alone, a tensor shows as a whole: see ``whole``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet import random
from gpunet.backends import Backend
from gpunet.datasets import Dataset
from gpunet.nn.feed import Feed
from gpunet.nn.network import Network
from gpunet.optim import Optimizer
from gpunet.parity.bounds_backend import BoundsBackend, Precision
from gpunet.parity.check import Check, compare
from gpunet.parity.running_error import Bounded, likely_gamma
from gpunet.parity.whole import noise, outward
from gpunet.program.program import Rule
from gpunet.program.rewrites.precision import first_part, rounded
from gpunet.training.step import Step

Sabotage = Callable[["Trainee"], None]


class Trainee:
    """A network with its batch buffers and optimizer, advanced one step at a time.

    Attributes:
        rules: More rewrites of its step.
        after_step: Called after each step.

    Args:
        keep: Whether ``factors`` may be asked for.
    """

    def __init__(
        self, backend: Backend, settings: dict[str, Any], data: Dataset, optimizer: Optimizer,
        batch: int, sabotage: Sabotage | None = None, precision: str = "float32",
        keep: bool = False,
    ) -> None:  # fmt: skip
        self.network = Network(device=backend, **settings)
        self.backend, self.mlp = self.network.backend, self.network.mlp
        self.examples = self.network.check(data)
        self.feed = Feed(self.backend, self.examples)
        self.precision, self.rules = precision, list[Rule]()
        self.after_step: Callable[[], None] | None = None
        self.stepper = optimizer.start(
            self.backend, self.mlp.theta, self.network.architecture.dtype
        )
        if sabotage is not None:
            sabotage(self)
        outputs = self.network.architecture.sizes[-1]
        self.totals, self.logits = self.mlp.zeros(2), self.mlp.zeros(batch, outputs)
        self._targets = self.mlp.zeros(batch, outputs)
        self._rows = self.backend.array(np.zeros(batch), "int64")
        self._arrays = (self._rows, self._targets, self.stepper.scalars), (self.logits,)
        self._work = Step(
            *(self.mlp, self.feed, self.stepper, batch),
            precision=self.precision,
            rules=self.rules,
            keep=keep,
        )
        self._step = self.backend.bind(self._work, *self._arrays)

    def step(self, rows: NDArray) -> None:
        """Train on these rows."""
        self.backend.assign(self._rows, rows)
        self.feed.gather_targets(self._rows, self._targets)
        self.stepper.load_scalars(0.0)
        self._step(*self._arrays)
        self.mlp.score(self.logits, self._targets, self.totals)
        if self.after_step is not None:
            self.after_step()

    def factors(self, rows: NDArray) -> Iterator[tuple[str, NDArray, NDArray]]:
        """Yield, for each dW = A^T dZ of the last step (on these rows), its name, A and dZ.

        As the device has them, but for X: that is exact.
        """
        X = np.asarray(self.examples.X[rows], np.float64) * self.examples.scale
        names = {at: name for name, at in self.mlp.slices.start.items()}
        for start, *factors in self._work.run.factors(len(rows), {}):
            A, dZ = (self.backend.to_numpy(x).astype(np.float64) for x in factors)
            yield f"d{names[start]}", A if start else X, dZ

    def state(self) -> list[NDArray]:
        """Return theta and the optimizer's moments, on the host."""
        return [self.backend.to_numpy(x) for x in (self.mlp.theta, *self.stepper.moments)]

    def load(self, state: list[NDArray]) -> None:
        """Set theta and the moments."""
        for x, value in zip((self.mlp.theta, *self.stepper.moments), state, strict=True):
            self.backend.assign(x, value)


def lockstep(
    backend: Backend,
    precision: Precision,
    settings: dict[str, Any],
    data: Dataset,
    optimizer: Optimizer,
    *,
    steps: int = 3,
    batch: int = 64,
    seed: int = 0,
    sabotage: Sabotage | None = None,
) -> Iterator[Check]:
    """Yield a check of the loss, of every gradient and of every parameter, step by step.

    Then, from the numbers that the device itself has computed before, of each product dW and of
    the update as a whole.

    Args:
        backend, precision: What is checked.
        settings: Arguments of Network but device and dtype.
        data, optimizer, steps, batch, seed: What is trained, and how.
        sabotage: Spoils the network under test, for negative controls.
    """
    settings = settings | {"dtype": precision.dtype, "seed": seed}
    subject = Trainee(
        backend, settings, data, optimizer, batch, sabotage, precision.products, keep=True
    )
    bounds = BoundsBackend(precision, likely_gamma)
    reference = Trainee(bounds, settings, data, optimizer, batch)
    update = Update(bounds, subject, optimizer)
    order = random.permutation(seed, random.SHUFFLE, 0, len(data))
    before = subject.state()
    for step in range(1, steps + 1):
        rows = np.take(order, range((step - 1) * batch, step * batch), mode="wrap")
        subject.step(rows)
        reference.step(rows)
        loss = subject.backend.to_numpy(subject.totals)[:1]
        yield compare("loss", loss, reference.totals[:1], step)
        for prefix, found, expected in (
            ("d", subject.mlp.gradients, reference.mlp.gradients),
            ("", subject.mlp.parameters, reference.mlp.parameters),
        ):
            for name, x in found.items():
                yield compare(prefix + name, subject.backend.to_numpy(x), expected[name], step)
        for name, A, dZ in subject.factors(rows):
            dW = subject.backend.to_numpy(subject.mlp.gradients[name[1:]])
            yield noise(f"{name} as a whole", dW, A, dZ, precision, step)
        after = subject.state()
        grad = subject.backend.to_numpy(subject.mlp.grad)
        yield outward("theta as a whole", after[0], update(before, grad), bounds.u, step)
        # From here on both go on from the same numbers: errors do not add up over the steps.
        reference.load(after)
        before = after


class Update:
    """The optimizer's step alone, from what a trainee has on the host, with bounds."""

    def __init__(self, bounds: BoundsBackend, subject: Trainee, optimizer: Optimizer) -> None:
        self._bounds, self._weights = bounds, subject.mlp.slices.weights
        self._optimizer, self._dtype = optimizer, subject.network.architecture.dtype
        self._stepper = optimizer.start(bounds, subject.mlp.theta, self._dtype)

    def __call__(self, state: list[NDArray], grad: NDArray) -> Bounded:
        """Return the next theta from theta, the moments and the gradient."""
        self._stepper.load_scalars(0.0)
        theta, *moments = (self._bounds.array(x, self._dtype) for x in state)
        with np.errstate(all="ignore"):
            found: Bounded = self._optimizer.step(
                *(self._bounds.xp, theta, self._bounds.array(grad, self._dtype), moments),
                *(self._stepper.scalars, self._weights),
            )[0]
        return found


def wrong_derivative(subject: Trainee) -> None:
    """dA * A where dA * A (1 - A) belongs."""
    right = subject.mlp.perceptron
    hidden = replace(right.g[0], g_prime=lambda xp, Z, A: A)
    subject.mlp.perceptron = replace(right, g=(hidden, *right.g[1:]))


def dropped_mean(subject: Trainee) -> None:
    """The gradient's sum where its mean belongs."""
    subject.mlp.architecture = replace(subject.mlp.architecture, reduction="sum")


def coarse_products(subject: Trainee, bits: int = 11) -> None:
    """Operands of products rounded to 11 bits, as TF32 does, while float32 is claimed."""
    of = 24 if subject.network.architecture.dtype == "float32" else 53
    subject.precision = "float32"
    subject.rules = [rounded(bits, of)]


def coarser_products(subject: Trainee) -> None:
    """Operands rounded to 8 bits, while TF32's 11 are claimed."""
    coarse_products(subject, 8)


def first_parts_only(subject: Trainee) -> None:
    """The first of the three parts of a number, 8 bits of it, where all three belong."""
    subject.rules = [first_part]


def drift(subject: Trainee) -> None:
    """Each parameter one unit in the last place further from 0 after each step."""
    up = 2.0**-23 if subject.network.architecture.dtype == "float32" else 2.0**-52
    mlp = subject.mlp
    specs = {"theta": mlp.specs["theta"]}
    grow = mlp.compile(lambda xp, theta: {"theta": theta + theta * up}, specs, 1)
    subject.after_step = lambda: grow(1, {"theta": mlp.theta})


CONTROLS: dict[str, Sabotage] = {
    "a wrong derivative": wrong_derivative,
    "a dropped 1/n": dropped_mean,
    "TF32 posing as float32": coarse_products,
    "a drift of one ULP a step": drift,
}


# Likewise for the precisions that a run can choose beside its own.
PRECISION_CONTROLS: dict[str, dict[str, Sabotage]] = {
    "tf32": {"bfloat16 posing as TF32": coarser_products},
    "split16": {"bfloat16 posing as split16": first_parts_only},
}
