"""Every verb and every formula on fresh random inputs, against its bound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet import optim, random
from gpunet.backends import Backend
from gpunet.nn.activations import ACTIVATIONS, Activation
from gpunet.nn.losses import LOSSES, Loss, end, head, score
from gpunet.parity.bounds_backend import BoundedArray, BoundsBackend, Precision
from gpunet.parity.check import Check, compare
from gpunet.parity.running_error import likely_gamma

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
    """Runs the same verb on a backend and on the bounds."""

    def __init__(self, backend: Backend, precision: Precision, seed: int) -> None:
        self.backends = (backend, BoundsBackend(precision, likely_gamma))
        self.dtype, self.seed, self.draws = precision.dtype, seed, 0

    def draw(self, *shape: int) -> NDArray:
        """Return fresh numbers from N(0, 1), in the precision."""
        self.draws += 1
        return random.normal(self.seed, random.DIRECTION + self.draws, shape).astype(self.dtype)

    def kernel(
        self, name: str, formula: Any, hosts: tuple[Any, ...], shapes: list[tuple[int, ...]]
    ) -> Check:
        """Run a formula that returns a tuple of these shapes; its worst output counts."""
        results = []
        for backend in self.backends:
            arguments = [
                backend.array(h, self.dtype) if isinstance(h, np.ndarray) else h for h in hosts
            ]
            targets = tuple(backend.zeros(shape, self.dtype) for shape in shapes)
            backend.kernel(formula)(*arguments, out=targets)
            results.append(targets)
        return self._worst(name, *results)

    def verb(self, name: str, verb: str, hosts: tuple[Any, ...], shape: tuple[int, ...]) -> Check:
        """Run matmul or sum."""
        results = []
        for backend in self.backends:
            arguments = [
                backend.array(h, self.dtype) if isinstance(h, np.ndarray) else h for h in hosts
            ]
            out = backend.zeros(shape, self.dtype)
            getattr(backend, verb)(*arguments, out=out)
            results.append((out,))
        return self._worst(name, *results)

    def _worst(self, name: str, found: Any, expected: tuple[BoundedArray, ...]) -> Check:
        checks = [
            compare(name, self.backends[0].to_numpy(f), e)
            for f, e in zip(found, expected, strict=True)
        ]
        worst = max(checks, key=lambda check: check.ratio)
        return replace(worst, unbounded=sum(check.unbounded for check in checks))


def check_formulas(backend: Backend, precision: Precision, seed: int = 0) -> Iterator[Check]:
    """Yield a check of each verb, activation, slope, loss and optimizer."""
    pair = Pair(backend, precision, seed)
    A, B = pair.draw(ROWS, LONG), pair.draw(LONG, COLUMNS)
    yield pair.verb("matmul", "matmul", (A, B), (ROWS, COLUMNS))
    yield pair.verb("sum down", "sum", (A, 0), (LONG,))
    yield pair.verb("sum along", "sum", (A, 1), (ROWS,))
    yield _take(pair)
    b = pair.draw(COLUMNS)
    shape = (ROWS, COLUMNS)
    for activation in ACTIVATIONS.values():
        g, g_prime = activation.g, activation.g_prime
        Z = 3 * pair.draw(*shape)

        def forward(xp: Any, Z: Any, b: Any, g: Any = g) -> Any:
            return (g(xp, Z + b),)

        yield pair.kernel(activation.name, forward, (Z, b), [shape])
        if g_prime is None:
            continue

        def slope(xp: Any, dA: Any, Z: Any, b: Any, g: Any = g, g_prime: Any = g_prime) -> Any:
            Z = Z + b
            return (dA * g_prime(xp, Z, g(xp, Z)),)

        yield pair.kernel(f"{activation.name} slope", slope, (pair.draw(*shape), Z, b), [shape])
    for loss in LOSSES.values():
        for activation in ACTIVATIONS.values():
            fits = activation.name == loss.output if loss.output else activation.elementwise
            if fits:
                yield from _losses(pair, loss, activation)
    for name, optimizer in OPTIMIZERS.items():
        vectors = [pair.draw(LONG), pair.draw(LONG)]
        vectors += [np.abs(pair.draw(LONG)) for _ in range(optimizer.moments)]
        yield pair.kernel(
            name,
            optimizer.formula(optimizer.weight_decay),
            (*vectors, *optimizer.scalars(0.1, 3)),
            [(LONG,)] * (1 + optimizer.moments),
        )


def _losses(pair: Pair, loss: Loss, output: Activation) -> Iterator[Check]:
    """The end of a forward pass, the start of a backward one, and the score."""
    shape, one = (ROWS, COLUMNS), (ROWS, 1)
    Y, name = np.eye(COLUMNS)[np.arange(ROWS) % COLUMNS], f"{loss.name} of {output.name}"
    Z, b = pair.draw(*shape), pair.draw(COLUMNS)
    yield pair.kernel(f"{name} dZ", head(loss, output), (Z, b, Y, 1 / ROWS), [shape, shape])
    yield pair.kernel(name, score(loss, output), (Z, Y), [one, one])
    if output.elementwise:
        last_two = end(loss, ACTIVATIONS["tanh"], output)
        arguments = (Z, b, pair.draw(1, COLUMNS), pair.draw(1), Y[:, :1], 1 / ROWS)
        yield pair.kernel(f"{name}, last two layers", last_two, arguments, [shape, one, one, shape])


def _take(pair: Pair) -> Check:
    """Gather bytes and scale them."""
    X = (np.arange(ROWS * COLUMNS) % 256).astype(np.uint8).reshape(ROWS, COLUMNS)
    rows = random.permutation(pair.seed, random.SHUFFLE, 0, ROWS)
    results = []
    for backend in pair.backends:
        out = backend.zeros((ROWS, COLUMNS), pair.dtype)
        backend.take(backend.array(X, "uint8"), backend.array(rows, "int64"), 1 / 255, out=out)
        results.append((out,))
    return pair._worst("take", *results)
