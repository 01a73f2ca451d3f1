"""Settings out of their range are refused by name."""

from collections.abc import Callable

import pytest

import gpunet
from gpunet import schedules
from gpunet.errors import ArgumentError

NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: gpunet.SGD(0), "learning_rate"),
        (lambda: gpunet.SGD(-0.1), "learning_rate"),
        (lambda: gpunet.SGD(NAN), "learning_rate"),
        (lambda: gpunet.SGD(INFINITE), "learning_rate"),
        (lambda: gpunet.SGD("fast"), "learning_rate"),
        (lambda: gpunet.SGD(momentum=1.0), "momentum"),
        (lambda: gpunet.SGD(momentum=-0.1), "momentum"),
        (lambda: gpunet.SGD(nesterov=True), "nesterov needs a momentum"),
        (lambda: gpunet.SGD(weight_decay=-1), "weight_decay"),
        (lambda: gpunet.SGD(clip_norm=0), "clip_norm"),
        (lambda: gpunet.Adam(beta_1=1.0), "beta_1"),
        (lambda: gpunet.Adam(beta_2=NAN), "beta_2"),
        (lambda: gpunet.Adam(epsilon=0), "epsilon"),
        (lambda: gpunet.AdamW(weight_decay=-0.1), "weight_decay"),
        (lambda: gpunet.RMSProp(rho=1.0), "rho"),
        (lambda: gpunet.RMSProp(epsilon=-1), "epsilon"),
        (lambda: schedules.constant(0), "learning_rate"),
        (lambda: schedules.step(0.1, every=0), "every"),
        (lambda: schedules.step(0.1, every=1, factor=0), "factor"),
        (lambda: schedules.exponential(0.1, decay=0), "decay"),
        (lambda: schedules.cosine(0.1, epochs=0), "epochs"),
        (lambda: schedules.cosine(0.1, epochs=1, final=-1), "final"),
        (lambda: schedules.warm_up(0.1, epochs=0), "epochs"),
    ],
)
def test_out_of_range(make: Callable[[], object], name: str) -> None:
    with pytest.raises(ArgumentError, match=name):
        make()
