"""Optimizers and schedules as Python objects."""

import copy
import pickle

import pytest

import gpunet
from gpunet import schedules

OPTIMIZERS = [
    gpunet.SGD(),
    gpunet.SGD(0.25, momentum=0.9, nesterov=True, clip_norm=1.0),
    gpunet.Adam(schedules.cosine(0.01, epochs=8)),
    gpunet.AdamW(schedules.warm_up(schedules.step(0.01, every=3), epochs=2), weight_decay=0.1),
    gpunet.RMSProp(schedules.exponential(0.1 + 0.2, decay=0.9), rho=0.8),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("how", ["pickle", "deepcopy", "repr"])
def test_another_one_is_made_of_it(optimizer: gpunet.SGD, how: str) -> None:
    if how == "pickle":
        other = pickle.loads(pickle.dumps(optimizer))  # noqa: S301 (our own)
    elif how == "deepcopy":
        other = copy.deepcopy(optimizer)
    else:
        other = eval(repr(optimizer), vars(gpunet.optim) | vars(schedules))  # noqa: S307 (ours)
    assert other is not optimizer
    assert other == optimizer
    assert hash(other) == hash(optimizer)
    for epoch in (0.0, 0.5, 3.0, 7.25):
        assert other.learning_rate(epoch) == optimizer.learning_rate(epoch)


def test_those_that_differ_are_not_equal() -> None:
    for i, one in enumerate(OPTIMIZERS):
        assert [one == other for other in OPTIMIZERS] == [i == j for j in range(len(OPTIMIZERS))]
    assert gpunet.Adam() != gpunet.AdamW(weight_decay=0.0)
    assert gpunet.SGD(0.1) != gpunet.SGD(0.2)
    assert gpunet.SGD(0.1) != 0.1


def test_a_rate_of_one_s_own_is_compared_as_python_compares_functions() -> None:
    def rate(epoch: float) -> float:
        return 0.1

    assert gpunet.SGD(rate) == gpunet.SGD(rate)
    assert gpunet.SGD(rate) != gpunet.SGD(0.1)
