"""A program for people: its launches, on how much, and from which lines of the text."""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

from gpunet.kernels.expression import BATCH, FLOAT, REDUCTIONS, Node
from gpunet.program.launches import Launch
from gpunet.program.program import Program

BYTES = {"bool": 1, "uint8": 1, "uint16": 2, "uint32": 4, "int64": 8}


@dataclass(frozen=True)
class Row:
    """One launch.

    Attributes:
        kind: "gather", "matmul", "kernel", "sums" or "random".
        reads, writes: What it takes and leaves: "theta[0:153664] (784, 196)".
        bytes: Read and written once each.
        flops: Multiplications, additions and functions.
        lines: Of the text: "backprop.py:38: Z.append(A_in[-1] @ W_l + b_l)".
    """

    kind: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    bytes: int
    flops: int
    lines: tuple[str, ...]


def rows(program: Program, n: int, bytes_of_float: int = 4) -> Iterator[Row]:
    """Yield a program's launches for batches of n examples."""
    show = _Show(program, n, bytes_of_float)
    for launch in program.launches:
        yield show.row(launch)


class _Show:
    def __init__(self, program: Program, n: int, bytes_of_float: int) -> None:
        self.program, self.n, self.sizes = program, n, BYTES | {FLOAT: bytes_of_float}
        self.names = {node: name for name, node in program.arguments.items()}
        self.names |= {node: name for name, node in program.results.items()}
        buffers = dict.fromkeys(program.buffers.values())
        self.buffers = {buffer: f"#{number}" for number, buffer in enumerate(buffers, 1)}

    def row(self, launch: Launch) -> Row:
        touched = [*launch.reads, *launch.writes]
        if launch.kind == "gather":  # of its source only the rows that are chosen
            touched = [launch.reads[1], launch.node, launch.node]
        return Row(
            launch.kind,
            tuple(map(self.name, launch.reads)),
            tuple(map(self.name, launch.writes)),
            sum(self.count(x) * self.sizes[x.dtype] for x in touched),
            self.flops(launch),
            tuple(dict.fromkeys(self.lines(launch))),
        )

    def count(self, node: Node) -> int:
        return prod(self.n if d == BATCH else int(d) for d in node.shape)

    def flops(self, launch: Launch) -> int:
        if launch.kind == "matmul":
            length = launch.reads[1].shape[0]
            return 2 * self.count(launch.node) * (self.n if length == BATCH else int(length))
        work = [x.inputs[0] if x.op in REDUCTIONS else x for x in launch.inside if x.inputs]
        if launch.kind == "sums":
            work += [node.inputs[0] for node in launch.writes]
        return sum(map(self.count, work))

    def name(self, node: Node) -> str:
        shape = ", ".join(map(str, node.shape)) + ("," if len(node.shape) == 1 else "")
        return f"{self.place(node)} ({shape})" if node.shape else self.place(node)

    def place(self, node: Node) -> str:
        node = self.program.sums.total(node)
        if node in self.names:
            return self.names[node]
        if node in self.program.parts:
            whole, start = self.program.parts[node]
            return f"{self.place(whole)}[{start}:{start + self.count(node)}]"
        if node in self.program.buffers:
            return self.buffers[self.program.buffers[node]]
        (inner, *_) = node.inputs
        match node.op:
            case "slice":
                return f"{self.place(inner)}[{node.value[0]}:{node.value[1]}]"
            case "transpose":
                return f"{self.place(inner)}^T"
            case "random_bits":
                return f"random bits of {self.place(inner)}"
        return self.place(inner)

    def lines(self, launch: Launch) -> Iterator[str]:
        for node in [*launch.inside, *launch.writes]:
            if node.line is not None:
                path, number = node.line
                yield f"{Path(path).name}:{number}: {linecache.getline(path, number).strip()}"
