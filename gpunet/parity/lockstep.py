"""Training side by side with the bounds, brought together again after each step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
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
from gpunet.parity.running_error import likely_gamma
from gpunet.training.step import Step

Sabotage = Callable[["Trainee"], None]


@dataclass(frozen=True)
class Check:
    """One tensor, or one formula's result, against its bound.

    Attributes:
        name: What was compared: "W1", "dW1", "loss", "gelu slope".
        step: The training step, from 1; 0 outside of training.
        ratio: The largest difference in units of its bound; at most 1 passes.
        ulps: The largest difference in units in the last place of the reference.
        where: The index of the element with the largest ratio.
        unbounded: How many elements have an infinite bound, and so prove nothing.
    """

    name: str
    step: int
    ratio: float
    ulps: float
    where: tuple[int, ...]
    unbounded: int = 0

    @property
    def passed(self) -> bool:
        """Whether no element is out of bounds; a NaN is."""
        return self.ratio <= 1.0


def compare(name: str, found: NDArray, expected: BoundedArray, step: int = 0) -> Check:
    """Compare a device's result with the exact one and its bound.

    Raises:
        ValueError: The two have not the same shape.
    """
    value, error = np.atleast_1d(expected.value), np.atleast_1d(expected.error)
    found = np.atleast_1d(found)
    if found.shape != value.shape:
        raise ValueError(f"{name} has shape {found.shape}, the reference {value.shape}")
    # A network may have diverged: the verdict says so, not a warning.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        difference = np.abs(found.astype(np.float64) - value)
        ratios = np.where(difference == 0, 0.0, difference / error)
        ulps = difference / np.spacing(np.abs(value).astype(found.dtype)).astype(np.float64)
    ratios, ulps = (np.where(np.isnan(x), np.inf, x) for x in (ratios, ulps))
    worst = np.unravel_index(int(ratios.argmax()), ratios.shape)
    where = tuple(int(i) for i in worst)
    return Check(
        name, step, float(ratios[worst]), float(ulps.max()), where, int(np.isinf(error).sum())
    )


class Trainee:
    """A network with its batch buffers and optimizer, advanced one step at a time."""

    def __init__(
        self, backend: Backend, settings: dict[str, Any], data: Dataset, optimizer: Optimizer,
        batch: int, sabotage: Sabotage | None = None, precision: str = "float32",
    ) -> None:  # fmt: skip
        self.network = Network(device=backend, **settings)
        self.backend, self.mlp = self.network.backend, self.network.mlp
        self.feed = Feed(self.backend, self.network.check(data))
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
    order = random.permutation(seed, random.SHUFFLE, 0, len(data))
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
        # From here on both go on from the same numbers: errors do not add up over the steps.
        reference.load(subject.state())


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
