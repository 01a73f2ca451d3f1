"""All that defines a network but its weights, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gpunet.errors import ArgumentError, look_up
from gpunet.nn.activations import ACTIVATIONS
from gpunet.nn.losses import LOSSES
from gpunet.ranges import in_range

# Far more than any memory holds: it keeps nonsense from being asked of one.
MOST_PARAMETERS = 2**40


@dataclass(frozen=True)
class Architecture:
    """A network without its weights; the names are those of ``gpunet.Network``'s arguments."""

    sizes: tuple[int, ...]
    hidden: tuple[str, ...]
    output: str
    loss: str
    bias: bool = True
    reduction: str = "mean"
    dropout: float = 0.0
    dtype: str = "float32"


def describe(
    sizes: Sequence[int],
    hidden: str | Sequence[str],
    output: str,
    loss: str,
    bias: bool,
    reduction: str,
    dropout: float,
    dtype: str,
) -> Architecture:
    """Check the arguments of ``gpunet.Network``; raises ArgumentError."""
    sizes = _checked_sizes(sizes)
    layers = len(sizes) - 2
    if not isinstance(hidden, str | list | tuple):
        raise ArgumentError(f"hidden must be the name of an activation, or a list; got {hidden!r}")
    names = (hidden,) * layers if isinstance(hidden, str) else tuple(hidden)
    if len(names) != layers:
        raise ArgumentError(
            f"{len(names)} hidden activations for {layers} hidden layers; give one name for all, "
            "or one for each"
        )
    for name in (hidden,) if isinstance(hidden, str) else names:
        if not look_up("activation", name, ACTIVATIONS).elementwise:
            raise ArgumentError(f"{name} is for the output layer only; try 'relu' for hidden ones")
    _check_output(output, loss, sizes[-1])
    if reduction not in ("mean", "sum"):
        raise ArgumentError(f"reduction must be 'mean' or 'sum'; got {reduction!r}")
    dropout = in_range("dropout", dropout, 0.0, 1.0)
    if not isinstance(bias, bool | np.bool_):
        raise ArgumentError(f"bias must be True or False; got {bias!r}")
    if dtype not in ("float32", "float64"):
        raise ArgumentError(f"dtype must be 'float32' or 'float64'; got {dtype!r}")
    return Architecture(
        sizes, names, output, loss, bool(bias), reduction, float(dropout), str(dtype)
    )


def _checked_sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    try:
        checked = tuple(sizes)
    except TypeError:
        checked = ()
    whole = all(isinstance(s, int | np.integer) and not isinstance(s, bool) for s in checked)
    if len(checked) < 2 or not whole or min(checked) < 1:
        raise ArgumentError(
            "sizes must be at least two whole numbers above 0 (features, hidden layers, outputs), "
            f"such as [784, 196, 1]; got {sizes!r}"
        )
    parameters = sum(int(a) * int(b) + int(b) for a, b in pairwise(checked))
    if parameters > MOST_PARAMETERS:
        raise ArgumentError(
            f"sizes {list(checked)} make {parameters:,} parameters; at most {MOST_PARAMETERS:,} "
            "can be addressed. Choose smaller layers"
        )
    return tuple(int(s) for s in checked)


def _check_output(output: str, loss: str, outputs: int) -> None:
    look_up("activation", output, ACTIVATIONS)
    wanted = look_up("loss", loss, LOSSES).output
    own = next((f"loss={name!r}" for name, x in LOSSES.items() if x.output == output), "")
    elementwise = ACTIVATIONS[output].elementwise
    if wanted is not None and output != wanted:
        fitting = "a squared error" if elementwise else own
        raise ArgumentError(
            f"{loss} goes with output={wanted!r}, not {output!r}; for that one choose {fitting}"
        )
    if wanted is None and not elementwise:
        raise ArgumentError(f"{output} goes with {own}, not {loss!r}")
    if output == "softmax" and outputs == 1:
        raise ArgumentError("softmax over one output is always 1; use output='sigmoid'")
