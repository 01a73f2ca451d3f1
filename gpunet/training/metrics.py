"""Figures of a user's own, on the validation data after each epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet.errors import ArgumentError
from gpunet.nn.examples import Examples
from gpunet.nn.feed import Feed
from gpunet.nn.network import Network

Metric = Callable[[NDArray, NDArray], Any]
Metrics = Mapping[str, Metric] | Iterable[Metric]
OWN = ("loss", "accuracy")  # names that are taken


def checked_metrics(metrics: Metrics) -> dict[str, Metric]:
    """Return the functions by their names; ArgumentError for anything else."""
    if isinstance(metrics, Mapping):
        named = dict(metrics)
    else:
        functions = list(metrics) if isinstance(metrics, Iterable) else [metrics]
        named = {str(getattr(f, "__name__", f)): f for f in functions}
        if len(named) != len(functions):
            raise ArgumentError("two metrics have the same name; pass {name: function, ...}")
    for name, function in named.items():
        if not callable(function) or not isinstance(name, str):
            raise ArgumentError(
                "metrics must be functions (y, predicted), or {name: function, ...}; got "
                f"{name!r}: {function!r}"
            )
        if name in OWN:
            raise ArgumentError(f"there is a metric {name!r} already; call yours otherwise")
    return named


def validation_metrics(
    network: Network, feed: Feed | None, examples: Examples | None, metrics: Metrics
) -> ValidationMetrics | None:
    """Return what measures the network, or None if there are no metrics.

    Args:
        network: What is measured.
        feed, examples: The validation data, on the device and on the host, if there are any.
        metrics: As ``fit`` was given them.

    Raises:
        ArgumentError: They are no metrics, or there is nothing to measure them on.
    """
    named = checked_metrics(metrics)
    if not named:
        return None
    if feed is None or examples is None or examples.Y is None:
        raise ArgumentError(
            f"metrics ({', '.join(named)}) are of the validation data; pass validation too"
        )
    return ValidationMetrics(network, feed, examples.Y, named)


class ValidationMetrics:
    """The metrics of one run.

    Args:
        network, feed: What predicts, and for what.
        Y: The targets (n, outputs) of the same examples.
        metrics: As ``checked_metrics`` returns them.
    """

    def __init__(
        self, network: Network, feed: Feed, Y: NDArray, metrics: Mapping[str, Metric]
    ) -> None:
        self._network, self._feed, self._metrics = network, feed, metrics
        self._y = network.decide(np.asarray(Y))

    def __call__(self) -> dict[str, float]:
        """Return {"val_NAME": value, ...} of the network as it is.

        Raises:
            ArgumentError: A metric returned something else than a number.
        """
        predicted = self._network.decide(self._network.outputs(self._feed))
        return {
            f"val_{name}": _number(name, metric(self._y, predicted))
            for name, metric in self._metrics.items()
        }


def _number(name: str, value: Any) -> float:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if not isinstance(value, Real | np.bool_):
        raise ArgumentError(f"the metric {name} must return a number; it returned {value!r}")
    return float(value)
