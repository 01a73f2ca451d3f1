"""What every optimizer shares: weight decay, clipping, and the step over the flat vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from inspect import signature
from typing import Any

import numpy as np

from gpunet.backends import Array, Backend
from gpunet.optim.schedules import Schedule, constant
from gpunet.ranges import in_range, positive


class Optimizer(ABC):
    """Base class: one formula over the flat vectors.

    ``moments`` vectors of its own (a velocity, averages) are kept beside theta and changed in the
    same pass. ``scalar_count`` is how many numbers ``scalars`` returns, and
    ``rests`` says that a parameter whose gradient has always been 0 stays as it is, but for weight
    decay.

    Args:
        learning_rate: A number, or a schedule from gpunet.schedules.
        weight_decay: L2: adds weight_decay * W to the gradient of every weight (not of biases).
        clip_norm: If given, a gradient whose Euclidean norm is larger is scaled down to it.

    Raises:
        ArgumentError: A value is out of its range.
    """

    moments = 0
    scalar_count = 1
    rests = False

    def __init__(
        self,
        learning_rate: float | Schedule,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
    ) -> None:
        if not callable(learning_rate):
            learning_rate = constant(learning_rate)
        self.learning_rate: Schedule = learning_rate
        self.weight_decay = in_range("weight_decay", weight_decay, 0.0)
        self.clip_norm = None if clip_norm is None else positive("clip_norm", clip_norm)

    @abstractmethod
    def update(self, xp: Any, theta: Array, grad: Array, *rest: Any) -> tuple[Array, ...]:
        """Return the new (theta, *moments); ``rest`` is the moments, then the scalars."""

    def scalars(self, rate: float, step: int) -> tuple[float, ...]:
        """Return what ``update`` needs at this step (counted from 1), learning rate first."""
        return (rate,)

    def decayed(
        self, xp: Any, decay: float, theta: Array, grad: Array, *rest: Any
    ) -> tuple[Array, ...]:
        """Return ``update`` with L2 weight decay in the gradient."""
        return self.update(xp, theta, grad + decay * theta, *rest)

    def step(
        self,
        xp: Any,
        theta: Array,
        grad: Array,
        moments: Sequence[Array],
        scalars: Array,
        weights: int,
    ) -> list[Array]:
        """Return the new [theta, *moments], vectors (parameters,), after one step.

        Args:
            xp: The array namespace.
            theta, grad, moments: Vectors (parameters,).
            scalars: (scalar_count,), this step's.
            weights: The length of the leading part of theta that weight decay acts on.
        """
        if self.clip_norm:
            # Pascanu, Mikolov and Bengio, ICML 2013: grad c / max(|grad|, c).
            norm = xp.sqrt(grad @ grad)
            grad = grad * (self.clip_norm / xp.maximum(norm, self.clip_norm))
        numbers = [scalars[i : i + 1] for i in range(self.scalar_count)]
        if not self.weight_decay:
            return list(self.update(xp, theta, grad, *moments, *numbers))
        parts = []
        for part, decay in ((slice(0, weights), self.weight_decay), (slice(weights, None), 0.0)):
            if theta[part].shape[0] > 0:
                cut = [x[part] for x in (theta, grad, *moments)]
                changed = (
                    self.decayed(xp, decay, *cut, *numbers)
                    if decay
                    else self.update(xp, *cut, *numbers)
                )
                parts.append(changed)
        return [xp.concat(x) for x in zip(*parts, strict=True)]

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments by name: all that an optimizer is.

        Its state (velocities, averages) belongs to a call of ``fit``.
        """
        names = list(signature(type(self)).parameters)
        return {name: getattr(self, name) for name in names if hasattr(self, name)}

    def __repr__(self) -> str:
        defaults = {n: p.default for n, p in signature(type(self)).parameters.items()}
        shown = [
            f"{name}={value!r}"
            for name, value in self.settings().items()
            if name == "learning_rate" or value != defaults[name]
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        """Return whether it is of the same kind, with the same arguments."""
        if not isinstance(other, Optimizer) or type(other) is not type(self):
            return NotImplemented
        return self.settings() == other.settings()

    def __hash__(self) -> int:
        return hash(type(self))  # its settings may be changed

    def start(self, backend: Backend, theta: Array, dtype: str) -> Stepper:
        """Return this optimizer at work on a network's parameters, from a fresh state."""
        return Stepper(self, backend, theta, dtype)


class Stepper:
    """An optimizer at work on one network: its moments, and the number of steps so far.

    ``scalars`` holds what ``Optimizer.scalars`` returns, on the device: a launch that is repeated
    reads there what changes from step to step.
    """

    def __init__(self, optimizer: Optimizer, backend: Backend, theta: Array, dtype: str) -> None:
        self.optimizer, self.backend, self.dtype = optimizer, backend, dtype
        self.steps = 0
        shape = tuple(theta.shape)
        self.moments = [backend.zeros(shape, dtype) for _ in range(optimizer.moments)]
        self.scalars = backend.zeros((optimizer.scalar_count,), dtype)

    @property
    def state(self) -> dict[str, Array]:
        """The moments by name, as the text of a step takes them and returns them."""
        return {f"moment{i}": moment for i, moment in enumerate(self.moments)}

    def next_scalars(self, epoch: float) -> tuple[float, ...]:
        """Count a step and return its scalars; ``epoch`` is where the schedule stands.

        Raises:
            ArgumentError: The schedule returns no number of at least 0.
        """
        self.steps += 1
        # A schedule may return a NumPy number, which would pass for an array.
        rate = in_range("the schedule's learning rate", self.optimizer.learning_rate(epoch), 0.0)
        return self.optimizer.scalars(rate, self.steps)

    def load_scalars(self, epoch: float) -> None:
        """Put the next step's scalars into ``scalars``."""
        self.backend.assign(self.scalars, np.array(self.next_scalars(epoch), self.dtype))
