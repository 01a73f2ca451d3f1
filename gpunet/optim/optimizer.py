"""What every optimizer shares: weight decay, clipping, and the step over the flat vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np

from gpunet.backends import Array, Backend
from gpunet.optim.schedules import Schedule, constant
from gpunet.ranges import in_range, positive


class Optimizer(ABC):
    """Base class: one formula over the flat vectors, run as one kernel.

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

    def formula(self, decay: float) -> Callable[..., Any]:
        """Return ``update`` as a kernel's formula, with L2 weight decay in the gradient."""

        def formula(xp: Any, theta: Array, grad: Array, *rest: Any) -> Any:
            return self.update(xp, theta, grad + decay * theta if decay else grad, *rest)

        return formula

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

    def start(self, backend: Backend, theta: Array, grad: Array, weights: int) -> Stepper:
        """Return what applies this optimizer to a network's vectors, from a fresh state.

        ``weights`` is the length of the leading part of theta that weight decay acts on.
        """
        return Stepper(self, backend, theta, grad, weights)


class Stepper:
    """An optimizer at work on one network: its moments, and the number of steps so far.

    ``scalars`` holds what ``Optimizer.scalars`` returns, on the device: a launch that is repeated
    reads there what changes from step to step.
    """

    def __init__(
        self, optimizer: Optimizer, backend: Backend, theta: Array, grad: Array, weights: int
    ) -> None:
        self.optimizer, self.backend, self.theta, self.grad = optimizer, backend, theta, grad
        self.steps = 0
        self.dtype = dtype = backend.to_numpy(theta[:1]).dtype
        shape = tuple(theta.shape)
        self.moments = [backend.zeros(shape, dtype) for _ in range(optimizer.moments)]
        self.scalars = backend.zeros((optimizer.scalar_count,), dtype)
        self._clip = Clip(backend, grad, optimizer.clip_norm) if optimizer.clip_norm else None
        decays = [(slice(0, shape[0]), 0.0)]
        if optimizer.weight_decay:
            decays = [(slice(0, weights), optimizer.weight_decay), (slice(weights, shape[0]), 0.0)]
        self._kernels = [(part, backend.kernel(optimizer.formula(decay))) for part, decay in decays]

    @property
    def clips(self) -> bool:
        """Whether an update needs the whole gradient first."""
        return self._clip is not None

    def next_scalars(self, epoch: float) -> tuple[float, ...]:
        """Count a step and return its scalars; ``epoch`` is where the schedule stands.

        Raises:
            ArgumentError: The schedule returns no number of at least 0.
        """
        self.steps += 1
        # A schedule may return a NumPy number, which would pass for an array.
        rate = in_range("the schedule's learning rate", self.optimizer.learning_rate(epoch), 0.0)
        return self.optimizer.scalars(rate, self.steps)

    def clip(self) -> None:
        """Scale the gradient down if it is too long."""
        if self._clip is not None:
            self._clip()

    def update(self, part: slice, scalars: Array) -> None:
        """Update this part of theta, from the same part of the gradient."""
        numbers = [scalars[i : i + 1] for i in range(self.scalars.shape[0])]
        for whole, kernel in self._kernels:
            both = slice(max(part.start, whole.start), min(part.stop, whole.stop))
            if both.start < both.stop:
                changed = (self.theta[both], *(m[both] for m in self.moments))
                kernel(changed[0], self.grad[both], *changed[1:], *numbers, out=changed)

    def load_scalars(self, epoch: float) -> None:
        """Put the next step's scalars into ``scalars``."""
        self.backend.assign(self.scalars, np.array(self.next_scalars(epoch), self.dtype))

    def step(self, epoch: float) -> None:
        """Apply one step to all of theta."""
        self.load_scalars(epoch)
        self.clip()
        self.update(slice(0, self.theta.shape[0]), self.scalars)


class Clip:
    """grad <- grad * c / max(|grad|, c): Pascanu, Mikolov and Bengio, ICML 2013."""

    def __init__(self, backend: Backend, grad: Array, norm: float) -> None:
        self._backend, self._grad, size = backend, grad, int(grad.shape[0])
        dtype = backend.to_numpy(grad[:1]).dtype
        self._row, self._column = (
            backend.reshape(grad, (1, size)),
            backend.reshape(grad, (size, 1)),
        )
        self._square = backend.zeros((1, 1), dtype)
        self._factor = backend.kernel(lambda xp, s: norm / xp.maximum(xp.sqrt(s), norm))
        self._scale = backend.kernel(lambda xp, g, f: g * f)

    def __call__(self) -> None:
        """Scale the gradient down if it is too long; the norm never leaves the device."""
        self._backend.matmul(self._row, self._column, out=self._square)
        self._factor(self._square, out=self._square)
        self._scale(self._row, self._square, out=self._row)
