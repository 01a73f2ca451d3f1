"""Launches that a CPU's threads can share out, in pieces that do not depend on each other.

What works row by row is cut along the batch. The products that make up the gradient are cut along
their own rows, and each part of the gradient is followed at once by its part of the update. A
device that takes all rows at once (a GPU) sees the launches as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod

from gpunet.backends import LaunchBackend
from gpunet.kernels.expression import BATCH
from gpunet.program.launches import Launch
from gpunet.program.program import Program

Cut = tuple[Launch, slice | None]  # a launch, and the rows of its results that are meant


@dataclass
class Batch:
    """Launches whose results have a row for each example, each made of the same rows."""

    launches: list[Launch] = field(default_factory=list)

    @property
    def cost(self) -> int:
        """The multiplications of products for each row."""
        factors = [x.reads[1] for x in self.launches if x.kind == "matmul"]
        return sum(prod(map(int, B.shape)) for B in factors)


@dataclass
class Parts:
    """What makes up a flat vector, and kernels of flat vectors that go on from there.

    ``starts`` says where in the vector each launch's results lie; ``size`` is the vector's length.
    """

    size: int
    launches: list[tuple[Launch, list[slice]]] = field(default_factory=list)
    flat: list[tuple[Launch, slice]] = field(default_factory=list)

    def tasks(self, backend: LaunchBackend, examples: int) -> list[list[Cut]]:
        """Return the pieces, each a list of launches and of the rows that they are to compute."""
        tasks: list[tuple[list[Cut], list[slice]]] = []
        for launch, (where, *more) in self.launches:
            if launch.kind != "matmul":
                tasks.append(([(launch, None)], [where, *more]))
                continue
            fan_in, fan_out = map(int, launch.node.shape)
            # The product of some of its rows goes through the whole of dZ.
            for rows in backend.pieces(fan_in, fan_out * examples, few=True):
                flat = slice(where.start + rows.start * fan_out, where.start + rows.stop * fan_out)
                tasks.append(([(launch, rows)], [flat]))
        if len(tasks) <= len(self.launches):  # nothing was worth cutting
            together = [cut for cuts, _ in tasks for cut in cuts]
            return [together + self._of([slice(0, self.size)])]
        return [cuts + self._of(where) for cuts, where in tasks]

    def _of(self, where: list[slice]) -> list[Cut]:
        """Return what the flat kernels have to do for these slices of the vector."""
        found: list[Cut] = []
        for launch, own in self.flat:
            for part in where:
                start, stop = max(part.start, own.start), min(part.stop, own.stop)
                if start < stop:
                    found.append((launch, slice(start - own.start, stop - own.start)))
        return found


def rounds(program: Program) -> Iterator[Launch | Batch | Parts]:
    """Yield the program's launches, those together that can be cut in the same way."""
    current: Batch | Parts | None = None
    for launch in program.launches:
        following = _joined(current, launch, program)
        if following is not current:
            if current is not None:
                yield current
            current = following
        if following is None:
            yield launch
    if current is not None:
        yield current


def _joined(
    current: Batch | Parts | None, launch: Launch, program: Program
) -> Batch | Parts | None:
    """Return the round that the launch has been put in: the current one, a new one, or none."""
    if all(node.shape[:1] == (BATCH,) for node in launch.writes):
        batch = current if isinstance(current, Batch) else Batch()
        batch.launches.append(launch)
        return batch
    where = _where(launch, program)
    if where is None:
        return None
    wholes, slices = where
    size = wholes
    parts = current if isinstance(current, Parts) and current.size == size else Parts(size)
    if launch.kind == "kernel":
        parts.flat.append((launch, slices[0]))
    else:
        parts.launches.append((launch, slices))
    return parts


def _where(launch: Launch, program: Program) -> tuple[int, list[slice]] | None:
    """Return the length of the flat vector that the launch fills parts of, and which parts."""
    if launch.kind not in ("matmul", "sums", "kernel"):
        return None
    slices, sizes = [], set()
    for written in launch.writes:
        size, node = prod(map(int, written.shape)), program.sums.total(written)
        if node in program.parts:
            whole, start = program.parts[node]
            sizes.add(int(whole.shape[0]))
            slices.append(slice(start, start + size))
        elif launch.kind == "kernel" and len(node.shape) == 1:
            sizes.add(size)
            slices.append(slice(0, size))
    if len(slices) < len(launch.writes) or len(sizes) != 1:
        return None
    if launch.kind == "kernel" and any(s != slices[0] for s in slices):
        return None
    return sizes.pop(), slices
