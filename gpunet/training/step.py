"""The whole of a training step, as one text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from gpunet.backends import Array
from gpunet.kernels.expression import BATCH, FLOAT, UINT16
from gpunet.nn.feed import Feed
from gpunet.nn.mlp import MLP
from gpunet.optim.optimizer import Optimizer, Stepper
from gpunet.program.program import Rule
from gpunet.program.rewrites.precision import precision_rules


def step(
    xp: Any,
    mlp: MLP,
    optimizer: Optimizer,
    scale: float,
    theta: Array,
    X: Array,
    Y: Array,
    share: Any,
    scalars: Array,
    step: Array,
    rows: Array = None,
    **moments: Array,
) -> dict[str, Array]:
    """Gather, forward and backward pass, update.

    Args:
        xp: The array namespace.
        mlp, optimizer: What learns, and how.
        scale: What the inputs are multiplied by.
        theta: (parameters,).
        X: (examples, features), of which ``rows`` (n,) make up the batch; or (n, features).
        Y: (n, outputs).
        share: What each example counts: see ``Perceptron.gradient``.
        scalars: The optimizer's, for this step.
        step: (1, 1), the number of steps so far.
        moments: The optimizer's, like theta.
    """
    if rows is not None:
        X = xp.take(X, rows, axis=0)
    X = xp.astype(X, theta.dtype) * scale
    logits, grad = mlp.perceptron.gradient(xp, theta, X, Y, share, step)
    changed = optimizer.step(xp, theta, grad, [*moments.values()], scalars, mlp.slices.weights)
    results = {
        "logits": logits,
        "grad": grad,
        **dict(zip(["theta", *moments], changed, strict=True)),
    }
    if mlp.perceptron.dropout:
        results["step"] = step + 1
    return results


class Step:
    """The step on a device: call it with each step's rows, targets, scalars, and room for logits.

    Args:
        mlp, feed, stepper: What it works on.
        capacity: The most examples of a batch.
        X: The inputs (n, features) where they are the same at each step; else they are gathered.
        precision: Of the products: see gpunet/program/rewrites/precision.py.
        rules: More rewrites.
        keep: Whether ``factors`` may be asked for.
    """

    def __init__(
        self,
        mlp: MLP,
        feed: Feed,
        stepper: Stepper,
        capacity: int,
        X: Array = None,
        precision: str = "float32",
        rules: Sequence[Rule] = (),
        keep: bool = False,
    ) -> None:
        self.mlp, self.feed, self.stepper, self.X = mlp, feed, stepper, X
        raw = precision == "split16"
        specs = dict(mlp.specs)
        del specs["Z"]
        specs |= {"scalars": ((stepper.optimizer.scalar_count,), FLOAT)}
        specs |= {name: specs["theta"] for name in stepper.state}
        if X is None:
            stored = "uint8" if feed.integers else FLOAT
            specs |= {"rows": ((BATCH,), "int64")}
            specs |= {"X": (("examples", mlp.architecture.sizes[0]), stored)}
        elif raw and mlp.backend.bfloat16 == UINT16:
            specs |= {"X": (specs["X"][0], UINT16)}
        scale = feed.scale if X is None or raw else 1.0
        text = partial(step, mlp=mlp, optimizer=stepper.optimizer, scale=scale)
        rules = [*precision_rules(precision, mlp.backend), *rules]
        self.run = mlp.compile(text, specs, capacity, rules, keep)

    def __call__(self, rows: Array, Y: Array, scalars: Array, logits: Array) -> None:
        """Train on some examples.

        Args:
            rows: (n,) int64, which ones.
            Y: (n, outputs), their targets.
            scalars: The optimizer's, for this step.
            logits: (n, outputs), filled.
        """
        mlp, n = self.mlp, Y.shape[0]
        values = {"theta": mlp.theta, "grad": mlp.grad, "step": mlp.step, **self.stepper.state}
        X = self.feed.source if self.X is None else self.X
        values |= {"X": X, "rows": rows, "Y": Y, "share": mlp.share(n), "scalars": scalars}
        self.run(n, values | {"logits": logits})
