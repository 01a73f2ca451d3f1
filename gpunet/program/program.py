"""A text made into a program: recorded, rewritten, cut into launches, its memory planned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from gpunet.kernels.expression import (
    Namespace,
    Node,
    Shape,
    noting_lines,
    rewritten,
    share_equal_nodes,
)
from gpunet.program.launches import Launch, launches
from gpunet.program.memory import Buffer, Sums, plan
from gpunet.program.rewrites.gathers import gathered
from gpunet.program.rewrites.neutral import without_neutral
from gpunet.program.rewrites.thin import thin_products

Text = Callable[..., Mapping[str, Any]]  # text(xp, **arguments) -> results by name
Rule = Callable[[Node], Node]
Specs = Mapping[str, tuple[Shape, str]]  # arguments' names -> shape and type


@dataclass(frozen=True)
class Program:
    """What a device runs.

    Attributes:
        arguments: By name.
        results: By name; one that has an argument's name takes its place.
        launches: In order.
        buffers: Where results lie that have no place of their own.
        parts: Results that lie within another: the whole, and where they start in it.
        sums: Products that are added to others.
        kept: A and B of products A^T B in a vector of results, by where these start in it.
    """

    arguments: dict[str, Node]
    results: dict[str, Node]
    launches: tuple[Launch, ...]
    buffers: dict[Node, Buffer]
    parts: dict[Node, tuple[Node, int]]
    sums: Sums
    kept: dict[int, tuple[Node, Node]]

    @classmethod
    def of(
        cls, text: Text, specs: Specs, rules: Sequence[Rule] = (), keep: bool = False
    ) -> Program:
        """Record a text for arguments of these shapes and types, and compile it.

        ``rules`` are applied after those that every device has. With ``keep`` the factors of
        products that make up a vector are kept in memory: see ``kept``.
        """
        arguments, results = record(text, specs)
        recorded = tuple(results.values())
        first: tuple[Rule, ...] = (without_neutral, gathered, thin_products)
        for rule in first:
            recorded = share_equal_nodes(rewritten(recorded, _lined(rule)))
        kept = factors(recorded) if keep else {}
        nodes = (*recorded, *(x for pair in kept.values() for x in pair))
        for rule in rules:
            nodes = share_equal_nodes(rewritten(nodes, _lined(rule)))
        rest = iter(nodes[len(results) :])
        kept = {start: (next(rest), next(rest)) for start in kept}
        results = _of_their_own(dict(zip(results, nodes, strict=False)), arguments)
        nodes = (*results.values(), *nodes[len(recorded) :])
        state = [node for name, node in results.items() if name in arguments]
        parts = _parts(results.values())
        inner = [part for part, (whole, _) in parts.items() if whole in state]
        found = tuple(launches(nodes, [*state, *inner]))
        sums, placed = Sums(found), {*results.values(), *parts}
        buffers = plan(found, placed, sums, for_good=nodes)
        return cls(arguments, results, found, buffers, parts, sums, kept)


def _lined(rule: Rule) -> Rule:
    """Return the rule with what it makes of a node coming from the same line."""

    def lined(node: Node) -> Node:
        made = rule(node)
        if made.line is None and made.op != "argument":
            return replace(made, line=node.line)
        return made

    return lined


def _of_their_own(results: dict[str, Node], arguments: dict[str, Node]) -> dict[str, Node]:
    """Return the results without state that does not change; a result has a node of its own."""
    own: dict[str, Node] = {}
    for name, node in results.items():
        if node is arguments.get(name):
            continue
        stored = node
        while stored.op in ("reshape", "transpose", "slice"):
            (stored,) = stored.inputs
        there = stored.op == "argument" or node in own.values()
        own[name] = Node("copy", (node,), node.dtype, node.shape) if there else node
    return own


def record(text: Text, specs: Specs) -> tuple[dict[str, Node], dict[str, Node]]:
    """Return a text's arguments and its results, as nodes by name."""
    arguments = {
        name: Node("argument", (), dtype, shape, name) for name, (shape, dtype) in specs.items()
    }
    with noting_lines():
        return arguments, dict(text(Namespace(), **arguments))


def factors(results: Iterable[Node]) -> dict[int, tuple[Node, Node]]:
    """Return A and B of each product A^T B in a vector of results, by where it starts in that."""
    return {
        start: (node.inputs[0].inputs[0], node.inputs[1])
        for node, (_, start) in _parts(results).items()
        if node.op == "matmul" and node.inputs[0].op == "transpose"
    }


def _parts(results: Iterable[Node]) -> dict[Node, tuple[Node, int]]:
    """Return which results of launches make up the vectors that are put together."""
    parts: dict[Node, tuple[Node, int]] = {}
    for whole in results:
        start = 0
        for inner in whole.inputs if whole.op == "concat" else (whole,):
            part = inner
            # A sum down the columns is transposed into one: the same numbers in the same order.
            while part.op in ("reshape", "transpose"):
                (part,) = part.inputs
            if part is not whole:
                parts[part] = whole, start
                start += prod(map(int, part.shape))
    return parts
