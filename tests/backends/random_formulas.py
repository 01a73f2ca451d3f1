"""Random formulas, for comparing one way of executing them with another.

They use only operations that IEEE 754 rounds in one way (no exp, no tanh), so any two ways must
agree to the bit.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

Choose = Callable[[int], int]  # choose(n) returns one of 0 .. n-1

UNARY = ("negative", "abs", "sign", "sqrt", "max")
BINARY = ("add", "subtract", "multiply", "divide", "maximum", "minimum", "where")


class RandomFormula:
    """A formula of ``count`` arguments, and a description to rebuild it from when a test fails."""

    def __init__(self, choose: Choose, count: int, reductions: bool = True) -> None:
        self.count = count
        self.steps: list[tuple[str, int, int, int]] = []
        operations = [op for op in (*UNARY, *BINARY) if reductions or op != "max"]
        for _ in range(1 + choose(8)):
            known = count + len(self.steps)
            op = operations[choose(len(operations))]
            # known + 0 .. known + 2 stand for constants
            self.steps.append((op, choose(known), choose(known + 3), choose(known)))
        self.known = count + len(self.steps)
        self.outputs = [choose(self.known) for _ in range(1 + choose(3))]

    def __repr__(self) -> str:
        return f"{self.count} arguments; {self.steps}; outputs {self.outputs}"

    def __call__(self, xp: Any, *arguments: Any) -> tuple[Any, ...]:
        values = list(arguments)
        for op, i, j, k in self.steps:
            x = values[i]
            known = len(values)
            y = values[j] if j < known else (0.5, -3.0, 1e-3)[j - known]
            if op == "negative":
                value = -x
            elif op == "sqrt":
                value = xp.sqrt(xp.abs(x))
            elif op == "max":
                value = xp.max(x, axis=-1, keepdims=True)
            elif op in UNARY:
                value = getattr(xp, op)(x)
            elif op == "add":
                value = x + y
            elif op == "subtract":
                value = y - x
            elif op == "multiply":
                value = x * y
            elif op == "divide":
                value = x / y
            elif op == "where":
                value = xp.where(x <= y, y, values[k])
            else:
                value = getattr(xp, op)(x, y)
            values.append(value)
        return tuple(values[o] for o in self.outputs)


def random_arguments(choose: Choose, n: int, m: int, dtype: str) -> list[np.ndarray]:
    """Return one to four tables: the first (n, m), the others of any shape that broadcasts."""
    random = np.random.default_rng(choose(1000))
    shapes = [(n, m), (n, 1), (1, m), (m,), (1, 1)]
    chosen = [(n, m), *(shapes[choose(len(shapes))] for _ in range(choose(4)))]
    tables = [random.normal(size=shape).astype(dtype) for shape in chosen]
    for x in tables:  # some values that are special
        x.flat[choose(x.size)] = (0.0, -0.0, np.inf, np.nan)[choose(4)]
    return tables


def plain(formula: RandomFormula, arguments: list[np.ndarray], n: int, m: int) -> list[np.ndarray]:
    """Return what NumPy itself makes of the formula, each output as a whole (n, m) table."""
    tables = [a.reshape(1, -1) if a.ndim == 1 else a for a in arguments]
    with np.errstate(all="ignore"):
        return [np.broadcast_to(x, (n, m)).copy() for x in formula(np, *tables)]
