"""The forward and the backward pass of a multi-layer perceptron, as a textbook writes them.

Samples first: X is (n, features), and of layer l, W_l is (fan_in, fan_out), b_l (fan_out,), Z_l and
A_l (n, fan_out). This is the text that runs: as it stands with any array namespace, or recorded
once and compiled for a device (see ``gpunet/program``). So it speaks of no buffers and no devices.

The formulas: D. E. Rumelhart, G. E. Hinton and R. J. Williams, "Learning representations by
back-propagating errors", Nature 323, 1986.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gpunet import random
from gpunet.nn.activations import ACTIVATIONS, Activation
from gpunet.nn.architecture import Architecture
from gpunet.nn.losses import LOSSES, Loss
from gpunet.nn.slices import Slices

Array = Any
Arrays = list[Any]  # one for each layer
Functions = list[Any]


def forward(
    xp: Any, X: Array, W: Arrays, b: Arrays, g: Functions, D: Arrays
) -> tuple[Arrays, Arrays, Arrays]:
    """Return each layer's input, Z = A_in W + b and A = g(Z); A D is the next layer's input."""
    A_in, Z, A = [X], [], []
    for l in range(len(W)):
        Z.append(A_in[l] @ W[l] + b[l])
        A.append(g[l](xp, Z[l]))
        A_in.append(A[l] * D[l])
    return A_in, Z, A


def backward(
    xp: Any, A_in: Arrays, Z: Arrays, A: Arrays, W: Arrays, dZ: Array, g_prime: Functions, D: Arrays
) -> tuple[Arrays, Arrays]:
    """Return dW = A_in^T dZ and db = sum(dZ) of each layer, from the last one's dZ.

    Below it, dA = dZ W^T and dZ = dA g'(Z).
    """
    dW, db = [], []
    for l in reversed(range(len(W))):
        dW.append(A_in[l].T @ dZ)
        db.append(xp.sum(dZ, axis=0))
        if l > 0:
            dA = dZ @ W[l].T * D[l - 1]
            dZ = dA * g_prime[l - 1](xp, Z[l - 1], A[l - 1])
    return dW[::-1], db[::-1]


@dataclass(frozen=True)
class Perceptron:
    """What the passes have to know of a network.

    Attributes:
        g: Each layer's activation; the last one's is the output.
        dropout: The fraction of hidden activations that a training step leaves out.
        seed: Of the dropout masks.
    """

    slices: Slices
    g: tuple[Activation, ...]
    loss: Loss
    dropout: float
    seed: int

    @classmethod
    def of(cls, a: Architecture, seed: int) -> Perceptron:
        """Return what an architecture says."""
        g = tuple(ACTIVATIONS[name] for name in (*a.hidden, a.output))
        return cls(Slices.of(a.sizes, a.bias), g, LOSSES[a.loss], a.dropout, seed)

    def outputs(self, xp: Any, theta: Array, X: Array) -> tuple[Array, Array]:
        """Return the logits Z and the outputs A, (n, outputs), without dropout."""
        W, b = self.slices.layers(xp, theta)
        _, Z, A = forward(xp, X, W, b, [g.g for g in self.g], self.masks(xp, X, None))
        return Z[-1], A[-1]

    def gradient(
        self, xp: Any, theta: Array, X: Array, Y: Array, share: Any, step: Array = None
    ) -> tuple[Array, Array]:
        """Return the logits Z (n, outputs) and the gradient, a vector like theta.

        ``share`` is what each example counts: 1/n for a mean over them, 1 for a sum; or (n, 1),
        with weights of their own.
        """
        W, b = self.slices.layers(xp, theta)
        D = self.masks(xp, X, step)
        A_in, Z, A = forward(xp, X, W, b, [g.g for g in self.g], D)
        dZ = share * self.loss.gradient(xp, Z[-1], A[-1], Y, self.g[-1])
        dW, db = backward(xp, A_in, Z, A, W, dZ, [g.g_prime for g in self.g], D)
        return Z[-1], self.slices.vector(xp, dW, db)

    def masks(self, xp: Any, X: Array, step: Array) -> Arrays:
        """Return what each layer's activations are multiplied by; 1 where nothing is left out.

        Inverted dropout (Srivastava et al., JMLR 2014): D is 0 with probability ``dropout``, else
        1 / (1 - dropout). It is a function of (seed, layer, step, row, column): the same on every
        device.
        """
        # At most the largest word, which a rate just below 1 would round past.
        threshold, keep = min(round(self.dropout * 2**32), random.LOW), 1.0 / (1.0 - self.dropout)
        D: Arrays = [1.0] * len(self.g)
        if self.dropout and step is not None:
            for l, fan_out in enumerate(self.slices.widths[:-1]):
                key, shape = (self.seed, random.DROPOUT + l), (X.shape[0], fan_out)
                bits = random.bits(xp, key, step, shape)
                D[l] = xp.astype(bits >= threshold, X.dtype) * keep
        return D
