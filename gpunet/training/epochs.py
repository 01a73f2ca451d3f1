"""What happens on the device in an epoch: all its steps, and the losses made of their logits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from gpunet import random
from gpunet.backends import Array, Bound, Work
from gpunet.nn.feed import Feed
from gpunet.nn.mlp import MLP
from gpunet.optim import Optimizer
from gpunet.training.step import Step

# Examples whose logits are collected before they are made into losses: a step has the less to do.
SCORED_TOGETHER = 8192
# A graph holds every launch of its steps; an epoch of more steps than this would fill the memory
# with graphs.
MOST_STEPS_CAPTURED = 16_384


class Epochs:
    """The epochs of a training run, cut into chunks of steps that are scored together.

    Args:
        mlp, feed, optimizer, batch_size: What is trained, on what, and how.
        shuffle: The seed of the shuffles, or None for the examples' own order.
        precision: Of the matrix products.
        kept: How many epochs' losses are to be kept before they are read.

    Attributes:
        chunks: The numbers of the steps in each chunk.
        totals: (kept * chunks, 2), the sums of (loss, correct) of each chunk.
    """

    def __init__(
        self,
        mlp: MLP,
        feed: Feed,
        optimizer: Optimizer,
        batch_size: int,
        shuffle: int | None,
        precision: str,
        kept: int,
    ) -> None:
        self.mlp, self.feed, self.backend = mlp, feed, mlp.backend
        self.batch_size, self._seed = batch_size, shuffle
        self.steps = -(-feed.n // batch_size)
        self.chunks = chunks_of(feed.n, batch_size)
        backend, n, dtype = self.backend, feed.n, mlp.architecture.dtype
        self._stepper = optimizer.start(backend, mlp.theta, dtype)
        scored, outputs = min(n, len(self.chunks[0]) * batch_size), mlp.architecture.sizes[-1]
        self._targets = backend.zeros((scored, outputs), dtype)
        self._logits = backend.zeros((scored, outputs), dtype)
        self.totals = backend.zeros((kept * len(self.chunks), 2), dtype)
        self._scalars = backend.zeros((self.steps, *self._stepper.scalars.shape), dtype)
        self._loaded: list[tuple[float, ...]] = []  # what `_scalars` holds
        self._order = backend.array(np.arange(n), "int64")
        self._whole_X = self._gather_all(precision == "split16") if batch_size == n else None
        self._work = Step(mlp, feed, self._stepper, batch_size, self._whole_X, precision)
        self._bound: dict[int, Bound] = {}
        self._captured: dict[int, Work] = {}

    def _gather_all(self, raw: bool) -> Array:
        """Return the whole of the data where it stays, the examples in their own order."""
        batch = self.mlp.batch(self.feed.n, raw)
        if raw:
            self.feed.gather(self._order, batch.X, raw=True)
            self.feed.gather_targets(self._order, self._targets)
            return batch.X
        X, Y = self.feed.load(slice(0, self.feed.n), batch)
        self.backend.assign(self._targets, Y)
        return X

    def begin(self, epoch: int) -> None:
        """Get ready for an epoch: its order, and what the optimizer needs at each step."""
        order = None
        if self._seed is not None:
            order = random.permutation(self._seed, random.SHUFFLE, epoch, self.feed.n)
            self.backend.assign(self._order, order)
        self.feed.begin(order, len(self.chunks[0]) * self.batch_size)
        scalars = [
            self._stepper.next_scalars(epoch + step / self.steps) for step in range(self.steps)
        ]
        if scalars != self._loaded:
            self._loaded = scalars
            self.backend.assign(self._scalars, np.array(scalars, self.mlp.architecture.dtype))

    def train(self, chunk: int, after_step: Callable[[int], bool] | None, row: int) -> int:
        """Take a chunk's steps and put their sums into a row of ``totals``.

        Args:
            chunk: Its number.
            after_step: Called with the step's number; returns whether to go on. Without it the
                whole chunk may be one launch.
            row: Of ``totals``.

        Returns:
            How many examples were seen.
        """
        steps = self.chunks[chunk]
        start = steps.start * self.batch_size
        stop = min(steps.stop * self.batch_size, self.feed.n)
        rows, turns = self.feed.chunk(self._order[start:stop]), self.mlp.turns
        if after_step is None and self.steps <= MOST_STEPS_CAPTURED:
            if chunk not in self._captured:
                work = partial(self._all_steps, steps, rows)
                self._captured[chunk] = self.backend.capture(work)
            turns.take(self._captured[chunk])
            examples = stop - start
        else:
            self._targets_of(steps)
            for step in steps:
                turns.take(partial(self._step, step, rows))
                if after_step is not None and not after_step(step):
                    break
            examples = min((step + 1) * self.batch_size, stop) - start
        Z, Y = self._logits[:examples, :], self._targets[:examples, :]
        self.mlp.score(Z, Y, self.totals[row, :])
        return examples

    def _all_steps(self, steps: range, rows: Array) -> None:
        self._targets_of(steps)
        for step in steps:
            self._step(step, rows)

    def _targets_of(self, steps: range) -> None:
        if self._whole_X is None:
            start, stop = (min(s * self.batch_size, self.feed.n) for s in (steps.start, steps.stop))
            self.feed.gather_targets(self._order[start:stop], self._targets[: stop - start, :])

    def _step(self, step: int, rows: Array) -> None:
        """Take one step; ``rows`` are the examples of its chunk."""
        first = step % len(self.chunks[0]) * self.batch_size
        n = min(self.batch_size, self.feed.n - step * self.batch_size)
        here = slice(first, first + n)
        inputs = rows[here], self._targets[here, :], self._scalars[step, :]
        outputs = (self._logits[here, :],)
        bound = self._bound.get(n)
        if bound is None:
            bound = self._bound[n] = self.backend.bind(self._work, inputs, outputs)
        bound(inputs, outputs)


def chunks_of(n: int, batch_size: int) -> list[range]:
    """Return an epoch's steps in groups of about SCORED_TOGETHER examples."""
    steps, together = -(-n // batch_size), max(1, SCORED_TOGETHER // batch_size)
    return [range(s, min(s + together, steps)) for s in range(0, steps, together)]
