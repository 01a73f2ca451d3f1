"""Learning rates over time."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpunet import schedules

TIMES = st.floats(0, 1000)


def close(value: float) -> object:
    return pytest.approx(value, rel=1e-14)  # a dozen roundings in float64


@given(time=TIMES)
def test_constant(time: float) -> None:
    assert schedules.constant(0.3)(time) == 0.3


def test_step() -> None:
    schedule = schedules.step(0.8, every=10, factor=0.5)
    times = (0, 9.99, 10, 19.99, 20, 30)
    assert [schedule(t) for t in times] == [close(x) for x in (0.8, 0.8, 0.4, 0.4, 0.2, 0.1)]


@given(time=TIMES)
def test_exponential(time: float) -> None:
    assert schedules.exponential(0.8, 0.9)(time) == close(0.8 * math.exp(time * math.log(0.9)))


def test_cosine() -> None:
    schedule = schedules.cosine(1.0, epochs=12, final=0.2)
    found = [schedule(t) for t in (0, 4, 6, 8, 12, 100)]
    assert found == [close(x) for x in (1.0, 0.8, 0.6, 0.4, 0.2, 0.2)]


@given(time=st.floats(0, 30))
def test_cosine_never_rises(time: float) -> None:
    schedule = schedules.cosine(1.0, epochs=12)
    assert 0 <= schedule(time + 0.5) <= schedule(time) <= 1


def test_warm_up_rises_to_the_start_of_what_follows() -> None:
    after = schedules.exponential(0.8, 0.5)
    schedule = schedules.warm_up(after, epochs=4)
    found = [schedule(t) for t in (0, 1, 3, 4, 5, 6)]
    assert found == [close(x) for x in (0, 0.2, 0.6, 0.8, 0.4, 0.2)]


def test_warm_up_to_a_number() -> None:
    schedule = schedules.warm_up(0.8, epochs=2)
    assert [schedule(t) for t in (0, 1, 2, 50)] == [0, 0.4, 0.8, 0.8]


@given(epochs=st.floats(0.1, 10))
def test_warm_up_is_continuous(epochs: float) -> None:
    schedule = schedules.warm_up(schedules.cosine(0.8, 5), epochs)
    just_before = epochs * (1 - 1e-12)
    assert schedule(just_before) == pytest.approx(schedule(epochs), rel=1e-11)
