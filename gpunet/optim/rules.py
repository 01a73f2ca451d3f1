"""The update rules, as in their papers."""

from __future__ import annotations

from typing import Any

from gpunet.backends import Array
from gpunet.errors import ArgumentError
from gpunet.optim.optimizer import Optimizer
from gpunet.optim.schedules import Schedule
from gpunet.ranges import in_range, positive


class SGD(Optimizer):
    """Gradient descent, plain or with momentum (Polyak 1964; Nesterov 1983, as in Sutskever 2013).

    v <- momentum v - learning_rate grad;   theta <- theta + v
    Nesterov:                               theta <- theta + momentum v - learning_rate grad
    """

    rests = True

    def __init__(
        self,
        learning_rate: float | Schedule = 0.1,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(learning_rate, weight_decay, clip_norm)
        self.momentum = in_range("momentum", momentum, 0.0, 1.0)
        if nesterov and not momentum:
            raise ArgumentError("nesterov needs a momentum above 0, such as 0.9; got 0")
        self.nesterov = nesterov
        self.moments = 1 if momentum else 0

    def update(self, xp: Any, theta: Array, grad: Array, *rest: Any) -> tuple[Array, ...]:
        """Return (theta,) or (theta, v)."""
        if not self.momentum:
            (rate,) = rest
            return (theta - rate * grad,)
        v, rate = rest
        v = self.momentum * v - rate * grad
        step = self.momentum * v - rate * grad if self.nesterov else v
        return theta + step, v


class Adam(Optimizer):
    """Kingma and Ba, "Adam", ICLR 2015, algorithm 1.

    m <- b1 m + (1-b1) grad;  v <- b2 v + (1-b2) grad^2
    theta <- theta - learning_rate (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + epsilon)
    """

    moments = 2
    scalar_count = 3
    rests = True

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(learning_rate, weight_decay, clip_norm)
        self.beta_1 = in_range("beta_1", beta_1, 0.0, 1.0)
        self.beta_2 = in_range("beta_2", beta_2, 0.0, 1.0)
        self.epsilon = positive("epsilon", epsilon)

    def scalars(self, rate: float, step: int) -> tuple[float, ...]:
        """Return the learning rate and the two bias corrections."""
        return rate, 1 / (1 - self.beta_1**step), 1 / (1 - self.beta_2**step)

    def update(self, xp: Any, theta: Array, grad: Array, *rest: Any) -> tuple[Array, ...]:
        """Return (theta, m, v)."""
        m, v, rate, correct_m, correct_v = rest
        m = self.beta_1 * m + (1 - self.beta_1) * grad
        v = self.beta_2 * v + (1 - self.beta_2) * (grad * grad)
        step = (correct_m * m) / (xp.sqrt(correct_v * v) + self.epsilon)
        return theta - rate * step, m, v


class AdamW(Adam):
    """Adam whose weight decay acts on the weights, not through the gradient's averages.

    theta <- theta - learning_rate weight_decay theta - (Adam's step): Loshchilov and Hutter, ICLR
    2019. Biases are spared.
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, weight_decay, clip_norm)

    def decayed(
        self, xp: Any, decay: float, theta: Array, grad: Array, *rest: Any
    ) -> tuple[Array, ...]:
        """Return ``update`` from weights that have been shrunk first."""
        rate = rest[2]
        return self.update(xp, theta - rate * (decay * theta), grad, *rest)


class RMSProp(Optimizer):
    """G. Hinton, lecture 6e, 2012.

    s <- rho s + (1-rho) grad^2;   theta <- theta - learning_rate grad / (sqrt(s) + epsilon)
    """

    moments = 1
    rests = True

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        rho: float = 0.9,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(learning_rate, weight_decay, clip_norm)
        self.rho = in_range("rho", rho, 0.0, 1.0)
        self.epsilon = positive("epsilon", epsilon)

    def update(self, xp: Any, theta: Array, grad: Array, *rest: Any) -> tuple[Array, ...]:
        """Return (theta, s)."""
        s, rate = rest
        s = self.rho * s + (1 - self.rho) * (grad * grad)
        return theta - rate * grad / (xp.sqrt(s) + self.epsilon), s


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSProp,
}
