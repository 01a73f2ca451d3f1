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
from gpunet.nn.activations import ACTIVATIONS
from gpunet.nn.feed import Feed
from gpunet.nn.losses import LOSSES, end
from gpunet.nn.network import Network
from gpunet.nn.products import products
from gpunet.optim import Optimizer
from gpunet.parity.bounds_backend import BoundedArray, BoundsBackend, Precision
from gpunet.parity.check import Check, compare
from gpunet.parity.running_error import likely_gamma
from gpunet.parity.whole import noise, outward
from gpunet.training.step import Step

Sabotage = Callable[["Trainee"], None]


class Trainee:
    """A network with its batch buffers and optimizer, advanced one step at a time."""

    def __init__(
        self, backend: Backend, settings: dict[str, Any], data: Dataset, optimizer: Optimizer,
        batch: int, sabotage: Sabotage | None = None, precision: str = "float32",
    ) -> None:  # fmt: skip
        self.network = Network(device=backend, **settings)
        self.backend, self.mlp = self.network.backend, self.network.mlp
        self.examples = self.network.check(data)
        self.feed = Feed(self.backend, self.examples)
        how = products(
            *(self.backend, precision, self.network.architecture.dtype),
            *(self.feed.scale, self.feed.integers),
        )
        self.workspace, self.scoring = self.mlp.workspace(batch, how), self.mlp.scoring(batch)
        self.totals = self.backend.zeros((2,), self.network.architecture.dtype)
        self.stepper = optimizer.start(
            self.backend, self.mlp.theta, self.mlp.grad, self.mlp.slices.weights
        )
        self.after_step: Callable[[], None] | None = None
        if sabotage is not None:
            sabotage(self)
        ws = self.workspace
        self._rows = self.backend.array(np.zeros(batch), "int64")
        self._arrays = (self._rows, ws.Y, self.stepper.scalars), (ws.logits,)
        step = Step(self.mlp, self.feed, self.stepper, ws)
        self._step = self.backend.bind(step, *self._arrays)

    def step(self, rows: NDArray) -> None:
        """Train on these rows."""
        ws = self.workspace
        self.backend.assign(self._rows, rows)
        self.feed.gather_targets(self._rows, ws.Y)
        self.stepper.load_scalars(0.0)
        self._step(*self._arrays)
        self.mlp.score(ws.logits, ws.Y, self.scoring, self.totals)
        if self.after_step is not None:
            self.after_step()

    def factors(self, rows: NDArray) -> Iterator[tuple[str, NDArray, NDArray]]:
        """Yield, for each dW = A^T dZ of the last step (on these rows), its name, A and dZ.

        As the device has them, but for X: that is exact.
        """
        A = np.asarray(self.examples.X[rows], np.float64) * self.examples.scale
        summed = self.mlp._end is not None  # then the last layer's dW is no product
        layers = self.workspace.layers[: len(self.mlp.layers) - summed]
        for number, buffers in enumerate(layers, 1):
            yield f"dW{number}", A, self.backend.to_numpy(buffers.dZ).astype(np.float64)
            A = self.backend.to_numpy(buffers.input_above(True)).astype(np.float64)

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
    subject = Trainee(backend, settings, data, optimizer, batch, sabotage, precision.products)
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
        shape, dtype = tuple(subject.mlp.theta.shape), subject.network.architecture.dtype
        theta, grad = bounds.zeros(shape, dtype), bounds.zeros(shape, dtype)
        self._bounds, weights = bounds, subject.mlp.slices.weights
        self._stepper = optimizer.start(bounds, theta, grad, weights)

    def __call__(self, state: list[NDArray], grad: NDArray) -> BoundedArray:
        """Return the next theta from theta, the moments and a gradient that has been clipped."""
        stepper = self._stepper
        for x, value in zip(
            (stepper.theta, *stepper.moments, stepper.grad), (*state, grad), strict=True
        ):
            self._bounds.assign(x, value)
        stepper.load_scalars(0.0)
        stepper.update(slice(0, len(grad)), stepper.scalars)
        theta: BoundedArray = stepper.theta
        return theta


def wrong_derivative(subject: Trainee) -> None:
    """dA * A where dA * A (1 - A) belongs."""
    mlp, a = subject.mlp, subject.mlp.architecture
    mlp.layers[0]._slope = subject.backend.kernel(lambda xp, dA, Z, b, A: dA * A)
    if mlp._end is not None:
        hidden = replace(ACTIVATIONS[a.hidden[-1]], g_prime=lambda xp, Z, A: A)
        mlp._end = subject.backend.kernel(end(LOSSES[a.loss], hidden, ACTIVATIONS[a.output]))


def dropped_mean(subject: Trainee) -> None:
    """The gradient's sum where its mean belongs."""
    subject.mlp.architecture = replace(subject.mlp.architecture, reduction="sum")


def coarse_products(subject: Trainee, bits: int = 11) -> None:
    """Operands of products rounded to 11 bits, as TF32 does, while float32 is claimed."""
    backend = subject.backend
    exact = backend.matmul
    # T. J. Dekker's splitting (1971): what is left of x after c x - (c x - x), c = 2^s + 1, has
    # s bits less.
    c = 2.0 ** ((24 if subject.network.architecture.dtype == "float32" else 53) - bits) + 1
    head = backend.kernel(lambda xp, x: c * x - (c * x - x))

    def matmul(A: Any, B: Any, out: Any, **how: Any) -> None:
        rounded = []
        for x in (A, B):
            y = backend.zeros(tuple(x.shape), subject.network.architecture.dtype)
            head(x, out=y)
            rounded.append(y)
        exact(rounded[0], rounded[1], out, **how)

    subject.workspace.products.backend = _WithProducts(backend, matmul)  # type: ignore[assignment]


def coarser_products(subject: Trainee) -> None:
    """Operands rounded to 8 bits, while TF32's 11 are claimed."""
    coarse_products(subject, 8)


def first_parts_only(subject: Trainee) -> None:
    """The first of the three parts of a number, 8 bits of it, where all three belong."""
    backend = subject.backend

    def matmul(A: Any, B: Any, out: Any, add: bool = False, **how: Any) -> None:
        if not add:
            backend.matmul(A, B, out, **how)

    subject.workspace.products.backend = _WithProducts(backend, matmul)  # type: ignore[assignment]


def drift(subject: Trainee) -> None:
    """Each parameter one unit in the last place further from 0 after each step."""
    up = 2.0**-23 if subject.network.architecture.dtype == "float32" else 2.0**-52
    grow = subject.backend.kernel(lambda xp, x: x + x * up)
    theta = subject.mlp.theta
    subject.after_step = lambda: grow(theta, out=theta)


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


class _WithProducts:
    """A backend with another product."""

    def __init__(self, backend: Backend, matmul: Any) -> None:
        self._backend, self.matmul = backend, matmul

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)
