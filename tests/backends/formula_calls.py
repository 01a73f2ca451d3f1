"""Every formula of the package, with arguments of the shapes that it is called with.

Each call is a name, the formula, its arguments and its outputs (arrays to be written).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from pieces import end, head, rule, score

from gpunet import optim
from gpunet.nn.activations import ACTIVATIONS
from gpunet.nn.losses import LOSSES


@dataclass
class FormulaCall:
    name: str
    formula: Any
    arguments: tuple[Any, ...]
    outs: tuple[np.ndarray, ...]

    def copies(self) -> tuple[tuple[Any, ...], tuple[np.ndarray, ...]]:
        """Return fresh arguments and outputs; what is shared between them stays shared."""
        fresh: dict[int, Any] = {}

        def copy(x: Any) -> Any:
            if not isinstance(x, np.ndarray):
                return x
            return fresh.setdefault(id(x), copy_with_strides(x))

        return tuple(map(copy, self.arguments)), tuple(map(copy, self.outs))


def copy_with_strides(x: np.ndarray) -> np.ndarray:
    """Return a copy of the table or vector that lies as sparsely in its memory as ``x`` does."""
    steps = [s // x.itemsize for s in x.strides]
    memory = np.zeros(1 + sum(s * (n - 1) for s, n in zip(steps, x.shape, strict=True)), x.dtype)
    view = np.lib.stride_tricks.as_strided(memory, x.shape, x.strides)
    view[...] = x
    return view


def special_values(dtype: str) -> np.ndarray:
    """Return logits that have broken formulas before: signed zeros, denormals, far tails, NaN."""
    kind = np.finfo(dtype)
    # A quarter of the largest number, so that the difference of two of them is still finite.
    finite = [0.0, kind.smallest_subnormal, kind.tiny, kind.eps, 1e-3, 0.5, 1.0, 9.99, 10.0, 10.01]
    finite += [20.0, 37.0, 88.0, 90.0, 104.0, 709.0, 746.0, 1e4, float(kind.max) / 4]
    return np.array([*finite, *(-x for x in finite), np.nan], dtype)


# Beyond this, outputs are infinite, rightly.
OVERFLOWS = {"exp": 80.0}


def formula_calls(dtype: str) -> Iterator[FormulaCall]:
    yield from activation_calls(dtype)
    yield from head_calls(dtype)
    yield from optimizer_calls(dtype)
    yield from other_calls(dtype)


def activation_calls(dtype: str) -> Iterator[FormulaCall]:
    random = np.random.default_rng(1)
    Z = np.concatenate([special_values(dtype), random.normal(size=41) * 3]).astype(dtype)
    for name, activation in ACTIVATIONS.items():
        held = Z[np.isfinite(Z) & (OVERFLOWS.get(name, np.inf) > Z)]
        rows = len(held) // 4
        table = Z.reshape(-1, 1) if activation.elementwise else held[: 4 * rows].reshape(rows, 4)
        b = np.zeros(table.shape[1], dtype)
        g, g_prime = activation.g, activation.g_prime
        yield FormulaCall(
            f"{name} forward", lambda xp, Z, b, g=g: g(xp, Z + b), (table, b), (table.copy(),)
        )
        if g_prime is not None:
            dA = random.uniform(-2, 2, table.shape).astype(dtype)
            with np.errstate(all="ignore"):
                A = np.asarray(g(np, table), dtype)

            def slope(xp: Any, dA: Any, Z: Any, b: Any, A: Any, g_prime: Any = g_prime) -> Any:
                return dA * g_prime(xp, Z + b, A)

            yield FormulaCall(f"{name} slope", slope, (dA, table, b, A), (dA,))


def head_calls(dtype: str) -> Iterator[FormulaCall]:
    for loss in LOSSES.values():
        for activation in ACTIVATIONS.values():
            if loss.output not in (None, activation.name):
                continue
            if loss.output is None and not activation.elementwise:
                continue
            for outputs in (1, 3):
                if activation.name == "softmax" and outputs == 1:
                    continue
                yield from loss_calls(dtype, loss, activation, outputs)


def loss_calls(dtype: str, loss: Any, activation: Any, outputs: int) -> Iterator[FormulaCall]:
    random = np.random.default_rng(2)
    logits = special_values(dtype)
    # Squares of the others overflow, rightly.
    logits = logits[np.abs(logits) <= OVERFLOWS.get(activation.name, 1e4)]
    Z = np.concatenate([logits, random.normal(size=3 * 41 - logits.size)]).reshape(-1, outputs)
    Z, b = Z.astype(dtype), random.normal(size=outputs).astype(dtype)
    Y = np.eye(outputs)[random.integers(0, outputs, len(Z))]
    if outputs == 1:
        Y = random.integers(0, 2, (len(Z), 1))
    Y = Y.astype(dtype)
    scores = np.zeros((2, len(Z)), dtype)
    name = f"{loss.name} of {activation.name}, {outputs} outputs"
    yield FormulaCall(
        f"{name}, dZ", head(loss, activation), (Z, b, Y, 1 / len(Z)), (Z.copy(), np.zeros_like(Z))
    )
    columns = (scores[0:1, :].T, scores[1:2, :].T)
    yield FormulaCall(f"{name}, score", score(loss, activation), (Z + b, Y), columns)
    if activation.elementwise:
        Z1, W2_T = (random.normal(size=(n, 5)).astype(dtype) for n in (len(Z), 1))
        column = np.zeros((len(Z), 1), dtype)
        yield FormulaCall(
            f"{name}, last two layers",
            end(loss, ACTIVATIONS["sigmoid"], activation),
            (Z1, np.ones(5, dtype), W2_T, b[:1], Y[:, :1], 1 / len(Z)),
            (Z1, column, column.copy(), np.zeros_like(Z1)),
        )


OPTIMIZERS = {
    "sgd": optim.SGD(0.1),
    "momentum": optim.SGD(0.1, momentum=0.9),
    "nesterov": optim.SGD(0.1, momentum=0.9, nesterov=True),
    "adam": optim.Adam(),
    "adamw": optim.AdamW(),
    "rmsprop": optim.RMSProp(),
}


def optimizer_calls(dtype: str) -> Iterator[FormulaCall]:
    for name, optimizer in OPTIMIZERS.items():
        for decay in (0.0, 0.01):
            random = np.random.default_rng(3)
            theta, grad = random.normal(size=(2, 50)).astype(dtype)
            moments = [random.uniform(size=50).astype(dtype) for _ in range(optimizer.moments)]
            yield FormulaCall(
                f"{name}, decay {decay}",
                rule(optimizer, decay),
                (theta, grad, *moments, *optimizer.scalars(0.1, 3)),
                (theta, *moments),
            )


def other_calls(dtype: str) -> Iterator[FormulaCall]:
    """Shapes and strides that the package's own formulas do not have at present."""
    x, y, wide = (
        np.random.default_rng(4).normal(size=shape).astype(dtype)
        for shape in ((5, 3), (5, 1), (5, 6))
    )
    out = np.zeros_like(x)
    yield FormulaCall(
        "beside a column's sum",
        lambda xp, x, y: x + xp.sum(y, axis=-1, keepdims=True),
        (x, y),
        (out,),
    )
    yield FormulaCall("every other column", lambda xp, x: x + 1.0, (wide[:, ::2],), (out,))
    yield FormulaCall("turned", lambda xp, x: x + 1.0, (wide.T,), (np.zeros_like(wide.T),))
