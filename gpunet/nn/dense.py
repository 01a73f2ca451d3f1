"""The layers, samples first: where a network's forward and backward pass is written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpunet import random
from gpunet.backends import Array, Backend, arguments_read
from gpunet.nn.activations import Activation

Product = Callable[[Array, Array, Array], None]  # matmul(A, B, out)


class Dense:
    """A fully connected layer.

    forward:   Z = A_in W + b;   A = g(Z)
    backward:  dZ = dA * g'(Z);  dW = A_in^T dZ;  db = sum(dZ);  dA_in = dZ W^T

    for A_in (n, fan_in), W (fan_in, fan_out), b (fan_out,), Z and A (n, fan_out). The 1/n of a
    mean over the examples is already in dZ: the loss puts it there.

    Products go through ``matmul(A, B, out)``, in the precision of the run. W, b, dW, db are views
    of the network's flat vectors. A layer without biases has a zero b that never changes, and no
    db.
    """

    def __init__(
        self, backend: Backend, activation: Activation, W: Array, b: Array, dW: Array, db: Array
    ) -> None:
        self.backend, self.W, self.b, self.dW, self.db = backend, W, b, dW, db
        g, g_prime = activation.g, activation.g_prime
        self._activate = backend.kernel(lambda xp, Z, b: g(xp, Z + b))
        # Most derivatives need A only: then A may take Z's place, half the memory to go through.
        self.keeps_Z = False
        if g_prime is not None:
            self._slope = backend.kernel(lambda xp, dA, Z, b, A: dA * g_prime(xp, Z + b, A))
            self.keeps_Z = 0 in arguments_read(lambda xp, Z, A: A * g_prime(xp, Z, A), 2)

    def product(self, A_in: Array, Z: Array, matmul: Product) -> None:
        """Z = A_in W."""
        matmul(A_in, self.W, Z)

    def forward(self, A_in: Array, Z: Array, A: Array, matmul: Product) -> None:
        """A = g(A_in W + b); Z is left without b, or is A itself."""
        self.product(A_in, Z, matmul)
        self._activate(Z, self.b, out=A)

    def slope(self, dA: Array, Z: Array, A: Array, dZ: Array) -> None:
        """dZ = dA * g'(Z), for Z and A as forward left them."""
        self._slope(dA, Z, self.b, A, out=dZ)

    def weight_gradient(self, A_in: Array, dZ: Array, rows: slice, matmul: Product) -> None:
        """dW = A_in^T dZ, for some of its rows."""
        matmul(A_in[:, rows].T, dZ, self.dW[rows, :])

    def bias_gradient(self, dZ: Array) -> None:
        """db = sum(dZ)."""
        self.backend.sum(dZ, axis=0, out=self.db)

    def backward(self, dZ: Array, dA_in: Array, matmul: Product) -> None:
        """dA_in = dZ W^T."""
        matmul(dZ, self.W.T, dA_in)


class Dropout:
    """Inverted dropout (Srivastava et al., JMLR 2014) on the activations of a hidden layer.

    forward:   A <- A * D        D is 0 with probability ``rate``, else 1 / (1 - rate)
    backward:  dA <- dA * D

    The mask is a function of (seed, layer, step, row, column): the same on every device.
    """

    def __init__(self, backend: Backend, rate: float, seed: int, layer: int, step: Array) -> None:
        # At most the largest word, which a rate just below 1 would round past.
        threshold, keep = min(round(rate * 2**32), random.LOW), 1.0 / (1.0 - rate)
        key = (seed, random.DROPOUT + layer)

        def mask(xp: Any, row: Array, column: Array, step: Array, like: Array) -> tuple[Array, ...]:
            words = random.philox(xp, key, (column, row, step, row ^ row))
            return tuple(xp.astype(word >= threshold, like.dtype) * keep for word in words)

        self._step = step
        self._mask = backend.kernel(mask)
        self._scale = backend.kernel(lambda xp, A, D: A * D)

    def forward(self, buffers: Any) -> None:
        """Draw this step's mask into ``buffers.D``, and A <- A * D."""
        # One counter gives four words, so four columns: every fourth one of the padded mask.
        D = buffers.D_padded
        quarters = tuple(D[:, k::4] for k in range(4))
        self._mask(buffers.rows, buffers.columns, self._step, quarters[0], out=quarters)
        self._scale(buffers.A, buffers.D, out=buffers.dropped)

    def backward(self, buffers: Any) -> None:
        """dA <- dA * D, for dA in ``buffers.dZ`` and the mask that forward drew."""
        self._scale(buffers.dZ, buffers.D, out=buffers.dZ)
