"""Pieces of a training step, as kernels and programs of their own."""

from typing import Any

import numpy as np

from gpunet.backends import Backend, LaunchBackend
from gpunet.kernels.expression import BATCH, FLOAT
from gpunet.nn.activations import Activation
from gpunet.nn.architecture import describe
from gpunet.nn.backprop import Perceptron
from gpunet.nn.losses import Loss
from gpunet.optim import Optimizer
from gpunet.program.compiled import compiled

Formula = Any


def score(loss: Loss, output: Activation) -> Formula:
    """(loss, correct) of each example."""
    return lambda xp, Z, Y: loss.scores(xp, Z, Y, output)


def head(loss: Loss, output: Activation) -> Formula:
    """Z = A_in W, b, Y, share -> the logits and dZ."""

    def formula(xp: Any, Z: Any, b: Any, Y: Any, share: Any) -> Any:
        Z = Z + b
        return Z, share * loss.gradient(xp, Z, output.g(xp, Z), Y, output)

    return formula


def end(loss: Loss, hidden: Activation, output: Activation) -> Formula:
    """Z1, b1 (k,), W2^T (1, k), b2 (1,), Y (n, 1), share -> A1, logits, dZ2, dZ1."""

    def formula(xp: Any, Z1: Any, b1: Any, W2_T: Any, b2: Any, Y: Any, share: Any) -> Any:
        Z1 = Z1 + b1
        A1 = hidden.g(xp, Z1)
        Z2 = xp.sum(A1 * W2_T, axis=-1, keepdims=True)
        Z2, dZ2 = head(loss, output)(xp, Z2, b2, Y, share)
        return A1, Z2, dZ2, dZ2 * W2_T * hidden.g_prime(xp, Z1, A1)

    return formula


def rule(optimizer: Optimizer, decay: float) -> Formula:
    """theta, grad, *moments, *scalars -> theta, *moments"""
    if decay:
        return lambda xp, *arguments: optimizer.decayed(xp, decay, *arguments)
    return optimizer.update


def kernel(backend: Backend, formula: Formula) -> Any:
    """The formula as ``run(*arguments, out=...)``, a kernel where there are kernels."""
    if isinstance(backend, LaunchBackend):
        return backend.kernel(formula)

    def run(*arguments: Any, out: Any) -> None:
        with np.errstate(all="ignore"):  # the namespace may be NumPy's
            result = formula(backend.xp, *arguments)
        outs, results = (out, result) if isinstance(out, tuple) else ((out,), (result,))
        results = [backend.xp.asarray(x, copy=True) for x in results]  # they may be arguments
        for target, x in zip(outs, results, strict=True):
            target[...] = x

    return run


class Updates:
    """An optimizer's steps alone, each from the gradient that stands in ``grad``."""

    def __init__(
        self, optimizer: Optimizer, backend: Backend, theta: Any, grad: Any, weights: int
    ) -> None:
        dtype = backend.to_numpy(theta[:1]).dtype.name
        self.stepper = optimizer.start(backend, theta, dtype)
        self.values = {"theta": theta, "grad": grad, "scalars": self.stepper.scalars}
        self.values |= self.stepper.state
        vector = ((theta.shape[0],), FLOAT)
        specs = {name: vector for name in self.values if name != "scalars"}
        specs["scalars"] = ((optimizer.scalar_count,), FLOAT)

        def text(xp: Any, theta: Any, grad: Any, scalars: Any, **moments: Any) -> Any:
            changed = optimizer.step(xp, theta, grad, [*moments.values()], scalars, weights)
            return dict(zip(["theta", *moments], changed, strict=True))

        self.run = compiled(backend, text, specs, 1, dtype)

    def step(self, epoch: float) -> None:
        self.stepper.load_scalars(epoch)
        self.run(1, self.values)


def masks(
    backend: Backend, columns: int, rate: float, seed: int, n: int, steps: int, dtype: str
) -> list[np.ndarray]:
    """Return the dropout masks (n, columns) of the second layer at each of some steps."""
    sizes = [3, 5, columns, 1]
    about = (sizes, "relu", "sigmoid", "binary_crossentropy", True, "mean", rate, dtype)
    perceptron = Perceptron.of(describe(*about), seed)

    def text(xp: Any, A: Any, step: Any) -> Any:
        return {"dropped": A * perceptron.masks(xp, A, step)[1], "step": step + 1}

    specs = {"A": ((BATCH, columns), FLOAT), "step": ((1, 1), "uint32")}
    run = compiled(backend, text, specs, n, dtype)
    values = {"A": backend.array(np.ones((n, columns)), dtype)}
    values |= {
        "step": backend.zeros((1, 1), "uint32"),
        "dropped": backend.zeros((n, columns), dtype),
    }
    drawn = []
    for _ in range(steps):
        run(n, values)
        drawn.append(backend.to_numpy(values["dropped"]))
    return drawn
