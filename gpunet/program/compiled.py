"""A text on a device: compiled where that pays, or just called."""

from __future__ import annotations

from collections.abc import Sequence

from gpunet.backends import Backend, LaunchBackend
from gpunet.program.eager import Eager
from gpunet.program.program import Program, Rule, Specs, Text
from gpunet.program.run import Run

Compiled = Run | Eager


def compiled(
    backend: Backend,
    text: Text,
    specs: Specs,
    capacity: int,
    dtype: str,
    rules: Sequence[Rule] = (),
    keep: bool = False,
) -> Compiled:
    """Return ``run(n, values)``, which computes the text's results for n examples.

    Args:
        backend: The device.
        text: ``text(xp, **arguments)`` returns a mapping of results.
        specs: The arguments' shapes and types.
        capacity: The most examples.
        dtype: What "float" is.
        rules: Rewrites that this run wants, see ``gpunet/program/rewrites``.
        keep: Whether ``factors`` may be asked for.

    ``values`` has an array for every argument and every result by name, or a number.
    """
    if isinstance(backend, LaunchBackend):
        return Run(backend, Program.of(text, specs, rules, keep), capacity, dtype)
    return Eager(backend, text, specs, dtype, rules, keep)
