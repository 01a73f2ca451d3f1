"""Learning-rate schedules: functions of the time trained so far, in epochs and their fractions.

They are objects, so that an optimizer can be printed, compared, copied and pickled.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi

from gpunet.ranges import in_range, positive

Schedule = Callable[[float], float]


@dataclass(frozen=True)
class Constant:
    """The same rate all the time."""

    learning_rate: float

    def __call__(self, epoch: float) -> float:
        """Return the rate."""
        return self.learning_rate

    def __repr__(self) -> str:
        return repr(self.learning_rate)  # as one gives it to an optimizer


@dataclass(frozen=True)
class Step:
    """See ``step``."""

    learning_rate: float
    every: float
    factor: float

    def __call__(self, epoch: float) -> float:
        """Return the rate at this time."""
        return self.learning_rate * self.factor ** (epoch // self.every)

    def __repr__(self) -> str:
        return f"step({self.learning_rate!r}, every={self.every!r}, factor={self.factor!r})"


@dataclass(frozen=True)
class Exponential:
    """See ``exponential``."""

    learning_rate: float
    decay: float

    def __call__(self, epoch: float) -> float:
        """Return the rate at this time."""
        return self.learning_rate * self.decay**epoch

    def __repr__(self) -> str:
        return f"exponential({self.learning_rate!r}, decay={self.decay!r})"


@dataclass(frozen=True)
class Cosine:
    """See ``cosine``."""

    learning_rate: float
    epochs: float
    final: float

    def __call__(self, epoch: float) -> float:
        """Return the rate at this time."""
        fallen = (1 + cos(pi * min(epoch / self.epochs, 1.0))) / 2
        return self.final + (self.learning_rate - self.final) * fallen

    def __repr__(self) -> str:
        return f"cosine({self.learning_rate!r}, epochs={self.epochs!r}, final={self.final!r})"


@dataclass(frozen=True)
class WarmUp:
    """See ``warm_up``."""

    after: Schedule
    epochs: float

    def __call__(self, epoch: float) -> float:
        """Return the rate at this time."""
        if epoch < self.epochs:
            return self.after(0) * epoch / self.epochs
        return self.after(epoch - self.epochs)

    def __repr__(self) -> str:
        return f"warm_up({self.after!r}, epochs={self.epochs!r})"


def constant(learning_rate: float) -> Schedule:
    """Return the same rate all the time."""
    return Constant(positive("learning_rate", learning_rate))


def step(learning_rate: float, every: float, factor: float = 0.1) -> Schedule:
    """Multiply the rate by ``factor`` after every ``every`` epochs."""
    rate, every = positive("learning_rate", learning_rate), positive("every", every)
    return Step(rate, every, positive("factor", factor))


def exponential(learning_rate: float, decay: float) -> Schedule:
    """Return rate * decay^epoch, smoothly; decay 0.9 loses a tenth each epoch."""
    return Exponential(positive("learning_rate", learning_rate), positive("decay", decay))


def cosine(learning_rate: float, epochs: float, final: float = 0.0) -> Schedule:
    """Fall from the rate to ``final`` along half a cosine over ``epochs``, then stay.

    Loshchilov and Hutter, "SGDR", ICLR 2017, without restarts.
    """
    rate, epochs = positive("learning_rate", learning_rate), positive("epochs", epochs)
    return Cosine(rate, epochs, in_range("final", final, 0.0))


def warm_up(schedule: Schedule | float, epochs: float) -> Schedule:
    """Rise in a straight line from 0 over ``epochs``, then follow ``schedule`` from its start."""
    after = schedule if callable(schedule) else constant(schedule)
    return WarmUp(after, positive("epochs", epochs))
