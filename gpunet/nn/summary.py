"""A network in a few lines, for people."""

from __future__ import annotations

from itertools import pairwise
from textwrap import wrap
from typing import Any

from gpunet.nn.architecture import Architecture
from gpunet.nn.input_format import InputFormat
from gpunet.printable import printable

MOST_CLASSES = 12  # whose names are shown
WIDTH = 79


class Summary(str):
    """Text that an interactive session shows as it would be printed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def layers(architecture: Architecture) -> list[dict[str, Any]]:
    """Return what each layer is: its inputs, outputs, activation and number of parameters."""
    activations = (*architecture.hidden, architecture.output)
    return [
        {
            "inputs": fan_in,
            "outputs": fan_out,
            "activation": activation,
            "parameters": fan_in * fan_out + (fan_out if architecture.bias else 0),
        }
        for (fan_in, fan_out), activation in zip(
            pairwise(architecture.sizes), activations, strict=True
        )
    ]


def size(architecture: Architecture) -> tuple[int, int]:
    """Return the number of parameters, and of the bytes that they take."""
    count = sum(layer["parameters"] for layer in layers(architecture))
    return count, count * (8 if architecture.dtype == "float64" else 4)


def summary(architecture: Architecture, known: InputFormat, where: str = "") -> Summary:
    """Return a table of the layers, then the loss, the size, and what was learnt.

    Args:
        architecture, known: The network's.
        where: The device, if it is on one.
    """
    head = ("layer", "inputs", "outputs", "activation", "parameters")
    rows = [
        (str(i), *(f"{layer[k]:,}" for k in ("inputs", "outputs")), layer["activation"],
         f"{layer['parameters']:,}")
        for i, layer in enumerate(layers(architecture), 1)
    ]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if name == "activation" else cell.rjust(width)
            for name, cell, width in zip(head, row, widths, strict=True)
        ).rstrip()
        for row in (head, *rows)
    ]
    count, nbytes = size(architecture)
    lines += [
        "",
        f"{count:,} parameters, {architecture.dtype}, {_bytes(nbytes)}"
        + ("" if architecture.bias else "; no biases")
        + (f"; on {where}" if where else ""),
        f"loss: {architecture.loss}, the {architecture.reduction} over examples"
        + (f"; dropout {architecture.dropout:g}" if architecture.dropout else ""),
    ]
    return Summary("\n".join(lines + _learnt(known)))


def _bytes(count: int) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count} bytes"


def _learnt(known: InputFormat) -> list[str]:
    """Return what is known of the training data, in a line or none."""
    told = []
    if known.image_shape:
        told.append("pictures of {} x {}".format(*known.image_shape))
    if known.scale != 1.0:
        told.append(f"inputs scaled by {known.scale:.6g}")
    if known.classes:
        names = [printable(name) for name in known.classes[:MOST_CLASSES]]
        more = len(known.classes) - len(names)
        told.append(f"classes {', '.join(names)}" + (f" and {more:,} more" if more else ""))
    if not known.name and not told:
        return []
    text = f"learnt from {printable(known.name) or 'arrays'}" + "".join(f"; {t}" for t in told)
    return wrap(text, WIDTH, subsequent_indent="  ")
