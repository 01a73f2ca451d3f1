"""Learning-rate schedules: functions of the time trained so far, in epochs and their fractions."""

from collections.abc import Callable
from math import cos, pi

from gpunet.ranges import in_range, positive

Schedule = Callable[[float], float]


def constant(learning_rate: float) -> Schedule:
    """Return the same rate all the time."""
    rate = positive("learning_rate", learning_rate)
    return lambda epoch: rate


def step(learning_rate: float, every: float, factor: float = 0.1) -> Schedule:
    """Multiply the rate by ``factor`` after every ``every`` epochs."""
    rate, every = positive("learning_rate", learning_rate), positive("every", every)
    factor = positive("factor", factor)
    return lambda epoch: rate * factor ** (epoch // every)


def exponential(learning_rate: float, decay: float) -> Schedule:
    """Return rate * decay^epoch, smoothly; decay 0.9 loses a tenth each epoch."""
    rate, decay = positive("learning_rate", learning_rate), positive("decay", decay)
    return lambda epoch: rate * decay**epoch


def cosine(learning_rate: float, epochs: float, final: float = 0.0) -> Schedule:
    """Fall from the rate to ``final`` along half a cosine over ``epochs``, then stay.

    Loshchilov and Hutter, "SGDR", ICLR 2017, without restarts.
    """
    rate, epochs = positive("learning_rate", learning_rate), positive("epochs", epochs)
    final = in_range("final", final, 0.0)
    return lambda epoch: final + (rate - final) * (1 + cos(pi * min(epoch / epochs, 1.0))) / 2


def warm_up(schedule: Schedule | float, epochs: float) -> Schedule:
    """Rise in a straight line from 0 over ``epochs``, then follow ``schedule`` from its start."""
    after = schedule if callable(schedule) else constant(schedule)
    length = positive("epochs", epochs)
    return lambda epoch: after(0) * epoch / length if epoch < length else after(epoch - length)
