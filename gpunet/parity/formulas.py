"""Every formula on fresh random inputs, against its bound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet import optim, random
from gpunet.backends import Backend
from gpunet.kernels.expression import FLOAT
from gpunet.nn.activations import ACTIVATIONS, Activation
from gpunet.nn.architecture import describe
from gpunet.nn.losses import LOSSES, Loss
from gpunet.nn.mlp import MLP
from gpunet.parity.bounds_backend import BoundsBackend, Precision
from gpunet.parity.check import Check, compare
from gpunet.parity.running_error import Bounded, likely_gamma
from gpunet.program.compiled import compiled

ROWS, COLUMNS, LONG = 64, 10, 784
OPTIMIZERS = {
    "SGD": optim.SGD(0.1),
    "momentum": optim.SGD(0.1, momentum=0.9),
    "Nesterov": optim.SGD(0.1, momentum=0.9, nesterov=True),
    "Adam": optim.Adam(),
    "AdamW": optim.AdamW(weight_decay=0.01),
    "RMSProp": optim.RMSProp(),
}


class Pair:
    """Runs the same formula on a backend and on the bounds."""

    def __init__(self, backend: Backend, precision: Precision, seed: int) -> None:
        self.backends = (backend, BoundsBackend(precision, likely_gamma))
        self.dtype, self.seed, self.draws = precision.dtype, seed, 0

    def draw(self, *shape: int) -> NDArray:
        """Return fresh numbers from N(0, 1), in the precision."""
        self.draws += 1
        return random.normal(self.seed, random.DIRECTION + self.draws, shape).astype(self.dtype)

    def check(
        self, name: str, formula: Any, hosts: tuple[Any, ...], shapes: list[tuple[int, ...]]
    ) -> Check:
        """Run a formula that returns a tuple of these shapes; its worst output counts."""

        def text(xp: Any, **arguments: Any) -> dict[str, Any]:
            return {f"out{i}": x for i, x in enumerate(formula(xp, *arguments.values()))}

        inputs = {f"in{i}": host for i, host in enumerate(hosts)}
        specs: Any = {name: (np.shape(host), _kind(host)) for name, host in inputs.items()}
        results = []
        for backend in self.backends:
            given = {
                name: backend.array(host, self.dtype if _kind(host) == FLOAT else host.dtype)
                if np.ndim(host)
                else host
                for name, host in inputs.items()
            }
            outs = {f"out{i}": backend.zeros(x, self.dtype) for i, x in enumerate(shapes)}
            compiled(backend, text, specs, 1, self.dtype)(1, given | outs)
            results.append([*outs.values()])
        return self.worst(name, *results)

    def worst(self, name: str, found: Any, expected: Sequence[Bounded]) -> Check:
        """Compare several results; the worst one counts."""
        checks = [
            compare(name, self.backends[0].to_numpy(f), e)
            for f, e in zip(found, expected, strict=True)
        ]
        worst = max(checks, key=lambda check: check.ratio)
        return replace(worst, unbounded=sum(check.unbounded for check in checks))


def _kind(host: Any) -> str:
    """Return the type of a host's array or number, as programs name it."""
    kind = np.asarray(host).dtype
    return FLOAT if kind.kind == "f" else kind.name


def check_formulas(backend: Backend, precision: Precision, seed: int = 0) -> Iterator[Check]:
    """Yield a check of each kind of launch, activation, slope, loss and optimizer."""
    pair = Pair(backend, precision, seed)
    A, B = pair.draw(ROWS, LONG), pair.draw(LONG, COLUMNS)
    yield pair.check("matmul", lambda xp, A, B: (A @ B,), (A, B), [(ROWS, COLUMNS)])
    yield pair.check("sum down", lambda xp, A: (xp.sum(A, axis=0),), (A,), [(LONG,)])
    along = lambda xp, A: (xp.sum(A, axis=-1, keepdims=True),)  # noqa: E731
    yield pair.check("sum along", along, (A,), [(ROWS, 1)])
    bytes_ = (np.arange(ROWS * COLUMNS) % 256).astype(np.uint8).reshape(ROWS, COLUMNS)
    rows = random.permutation(seed, random.SHUFFLE, 0, ROWS)
    yield pair.check("take", _take, (bytes_, rows, A), [(ROWS, COLUMNS)])
    b = pair.draw(COLUMNS)
    shape = (ROWS, COLUMNS)
    for activation in ACTIVATIONS.values():
        g, g_prime = activation.g, activation.g_prime
        Z = 3 * pair.draw(*shape)

        def forward(xp: Any, Z: Any, b: Any, g: Any = g) -> Any:
            return (g(xp, Z + b),)

        yield pair.check(activation.name, forward, (Z, b), [shape])
        if g_prime is None:
            continue

        def slope(xp: Any, dA: Any, Z: Any, b: Any, g: Any = g, g_prime: Any = g_prime) -> Any:
            Z = Z + b
            return (dA * g_prime(xp, Z, g(xp, Z)),)

        yield pair.check(f"{activation.name} slope", slope, (pair.draw(*shape), Z, b), [shape])
    for loss in LOSSES.values():
        for activation in ACTIVATIONS.values():
            fits = activation.name == loss.output if loss.output else activation.elementwise
            for outputs in (1, COLUMNS) if activation.elementwise else (COLUMNS,):
                if fits:
                    yield from _losses(pair, loss, activation, outputs)
    for name, optimizer in OPTIMIZERS.items():
        vectors = [pair.draw(LONG), pair.draw(LONG)]
        vectors += [np.abs(pair.draw(LONG)) for _ in range(optimizer.moments)]
        yield pair.check(
            name,
            partial(_update, optimizer),
            (*vectors, *optimizer.scalars(0.1, 3)),
            [(LONG,)] * (1 + optimizer.moments),
        )


def _update(optimizer: optim.Optimizer, xp: Any, *arguments: Any) -> tuple[Any, ...]:
    decay = optimizer.weight_decay
    return optimizer.decayed(xp, decay, *arguments) if decay else optimizer.update(xp, *arguments)


def _losses(pair: Pair, loss: Loss, output: Activation, outputs: int) -> Iterator[Check]:
    """Both passes of a small network with this end, and its score."""
    sizes = [COLUMNS, COLUMNS, outputs]
    a = describe(sizes, "tanh", output.name, loss.name, True, "mean", 0.0, pair.dtype)
    X, Y = pair.draw(ROWS, COLUMNS), np.eye(COLUMNS)[np.arange(ROWS) % COLUMNS, :outputs]
    found: list[tuple[Any, ...]] = []
    theta: NDArray | None = None
    for backend in pair.backends:
        mlp = MLP(backend, a, pair.seed)
        if theta is None:
            theta = pair.draw(mlp.slices.size)
        backend.assign(mlp.theta, theta)
        logits, totals = mlp.zeros(ROWS, outputs), mlp.zeros(2)
        inputs, targets = (backend.array(x, pair.dtype) for x in (X, Y))
        mlp.backpropagate(inputs, targets, logits)
        mlp.score(logits, targets, totals)
        found.append((logits, mlp.grad, totals))
    name = f"{loss.name} of {output.name}, {outputs} output" + ("s" if outputs > 1 else "")
    for part, *results in zip(("logits", "gradient", "score"), *found, strict=True):
        yield pair.worst(f"{name}: {part}", *([x] for x in results))


def _take(xp: Any, X: Any, rows: Any, like: Any) -> tuple[Any]:
    """Gather bytes and scale them."""
    return (xp.astype(xp.take(X, rows, axis=0), like.dtype) * (1 / 255),)
