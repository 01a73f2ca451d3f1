"""One training step."""

from __future__ import annotations

from functools import partial

from gpunet.backends import Array, Work
from gpunet.nn.feed import Feed
from gpunet.nn.mlp import MLP
from gpunet.nn.workspace import Workspace
from gpunet.optim.optimizer import Stepper


class Step:
    """A step on ``ws.n`` examples: gather, both passes, gradients, update.

    Written as two rounds of tasks, over pieces of the batch and over pieces of the parameters, so
    that a CPU can share each round out among its cores. A GPU has one piece of each.

    Args:
        mlp, feed, stepper, ws: What it works on.
        X: The inputs (n, features) where they are the same at each step; else they are gathered.
    """

    def __init__(
        self, mlp: MLP, feed: Feed, stepper: Stepper, ws: Workspace, X: Array = None
    ) -> None:
        self.mlp, self.feed, self.stepper, self.ws, self.X = mlp, feed, stepper, ws, X

    def __call__(self, rows: Array, Y: Array, scalars: Array, logits: Array) -> None:
        """Train on some examples.

        Args:
            rows: (n,) int64, which ones.
            Y: (n, outputs), their targets.
            scalars: The optimizer's, for this step.
            logits: (n, outputs), filled.
        """
        mlp, ws, stepper = self.mlp, self.ws, self.stepper
        backend = mlp.backend
        X = ws.X if self.X is None else self.X
        passes = mlp.passes(X, Y, logits, ws)
        if self.X is None:
            gathers = [
                partial(self.feed.gather, rows[piece], ws.X[piece, :], ws.products.raw)
                for piece in mlp.pieces(ws)
            ]
            passes = [partial(_both, *pair) for pair in zip(gathers, passes, strict=True)]
        backend.parallel(passes)
        parts = mlp.gradient_parts(X, ws)
        updates = [partial(stepper.update, part, scalars) for part, _ in parts]
        if stepper.clips:
            backend.parallel([gradient for _, gradient in parts])
            stepper.clip()
            backend.parallel(updates)
        else:
            backend.parallel(
                [partial(_both, g, u) for (_, g), u in zip(parts, updates, strict=True)]
            )
        mlp.count_step()


def _both(first: Work, second: Work) -> None:
    first()
    second()
