"""A text as it stands, called with a device's array namespace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gpunet.backends import Array, Backend
from gpunet.kernels.expression import Node, rewritten
from gpunet.program.evaluate import evaluate
from gpunet.program.program import Rule, Specs, Text, factors, record
from gpunet.program.rewrites.gathers import gathered


class Eager:
    """Calls the text; where it is to be rewritten, node by node what has been recorded of it."""

    def __init__(
        self,
        backend: Backend,
        text: Text,
        specs: Specs,
        dtype: str,
        rules: Sequence[Rule] = (),
        keep: bool = False,
    ) -> None:
        self._backend, self._text, self._specs = backend, text, specs
        self._dtype = np.dtype(dtype) if backend.xp is np else getattr(backend.xp, dtype)
        self._factors: dict[int, Any] = {}
        self._arguments: dict[str, Node] | None = None
        if rules or keep:
            self._arguments, results = record(text, specs)
            nodes = tuple(results.values())
            self._kept = factors(nodes) if keep else {}
            nodes += tuple(x for pair in self._kept.values() for x in pair)
            for rule in (gathered, *rules):
                nodes = rewritten(nodes, rule)
            self._names, self._nodes = list(results), nodes

    def __call__(self, n: int, values: Mapping[str, Any]) -> None:
        """Compute, then put every result into its place."""
        with np.errstate(all="ignore"):  # a loss that overflows shows in its value
            arguments = {name: values[name] for name in self._specs}
            if self._arguments is None:
                results = self._text(self._backend.xp, **arguments)
            else:
                results = self._recorded(n, arguments)
        for name, result in results.items():
            self._backend.assign(values[name], result)

    def factors(self, n: int, values: Mapping[str, Any]) -> Iterator[tuple[int, Array, Array]]:
        """Yield A and B of each product A^T B in a vector of results, and where in it that lies."""
        for start, (A, B) in self._factors.items():
            yield start, A, B

    def _recorded(self, n: int, values: Mapping[str, Any]) -> dict[str, Any]:
        known = {node: values[name] for name, node in (self._arguments or {}).items()}
        found = evaluate(self._backend.xp, self._nodes, known, dtype=self._dtype, n=n)
        kept = iter(found[len(self._names) :])
        self._factors = {start: (next(kept), next(kept)) for start in self._kept}
        return dict(zip(self._names, found, strict=False))
