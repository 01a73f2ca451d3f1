"""The update rules as scikit-learn has them.

Its L2 term is alpha/2 |W|^2 over the weight of the batch (its number of examples), so the last,
shorter batch of an epoch shrinks the coefficients more. What it has to be divided by is the last of
each step's scalars.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

from gpunet.backends import Array
from gpunet.optim.optimizer import Optimizer


def as_given(epoch: float) -> float:
    """Return 1: each step's rate is given with it. (A function that has a name can be pickled.)"""
    return 1.0


class BatchDecay(Optimizer):
    """A rule to whose gradient alpha W / (weight of the batch) is added."""

    scalar_count = 2

    def decayed(
        self, xp: Any, decay: float, theta: Array, grad: Array, *rest: Any
    ) -> tuple[Array, ...]:
        """Return ``update`` with alpha, which is ``decay``, in the gradient of the coefficients."""
        return self.update(xp, theta, grad + decay * theta * rest[-1], *rest)


class Momentum(BatchDecay):
    """Gradient descent with a velocity, Nesterov's or the plain one; a momentum of 0 is allowed.

    v <- momentum v - rate grad;   theta <- theta + v, or theta + momentum v - rate grad
    """

    moments = 1

    def __init__(self, alpha: float, momentum: float, nesterov: bool) -> None:
        super().__init__(as_given, alpha)
        self.momentum, self.nesterov = float(momentum), bool(nesterov)

    def update(self, xp: Any, theta: Array, grad: Array, *rest: Any) -> tuple[Array, ...]:
        """Return (theta, v)."""
        v, rate, _ = rest
        pull = rate * grad
        v = self.momentum * v - pull
        return theta + (self.momentum * v - pull if self.nesterov else v), v


class Adam(BatchDecay):
    """Adam in the more efficient order that Kingma and Ba name at the end of their section 2.

    m <- b1 m + (1-b1) grad;  v <- b2 v + (1-b2) grad^2
    theta <- theta - rate sqrt(1-b2^t) / (1-b1^t)  m / (sqrt(v) + epsilon)

    So epsilon counts as 1 / sqrt(1-b2^t) times as much as in their algorithm 1.
    """

    moments = 2

    def __init__(self, alpha: float, beta_1: float, beta_2: float, epsilon: float) -> None:
        super().__init__(as_given, alpha)
        self.beta_1, self.beta_2 = float(beta_1), float(beta_2)
        self.epsilon = float(epsilon)

    def scalars(self, rate: float, step: int) -> tuple[float, ...]:
        """Return the rate with both bias corrections in it."""
        return (rate * sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step),)

    def update(self, xp: Any, theta: Array, grad: Array, *rest: Any) -> tuple[Array, ...]:
        """Return (theta, m, v)."""
        m, v, rate, _ = rest
        m = self.beta_1 * m + (1 - self.beta_1) * grad
        v = self.beta_2 * v + (1 - self.beta_2) * (grad * grad)
        return theta - rate * m / (xp.sqrt(v) + self.epsilon), m, v
