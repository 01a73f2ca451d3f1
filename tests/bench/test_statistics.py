"""Medians, quartiles, and ratios round by round."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpunet.bench.statistics import ratios, spread

TIMES = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=20)


def test_a_known_spread() -> None:
    assert spread([5.0, 1.0, 2.0, 4.0, 3.0]) == {"median": 3.0, "q1": 2.0, "q3": 4.0}
    assert spread([7.0]) == {"median": 7.0, "q1": 7.0, "q3": 7.0}


@given(TIMES)
def test_quartiles_enclose_the_median_and_lie_within_the_values(times: list[float]) -> None:
    found = spread(times)
    tiny = 1e-9 * max(times)  # interpolation rounds
    assert min(times) - tiny <= found["q1"] <= found["median"] + tiny
    assert found["median"] - tiny <= found["q3"] <= max(times) + tiny


@given(TIMES, st.floats(0.01, 100))
def test_what_slows_both_of_a_round_leaves_the_ratio_alone(
    times: list[float], factor: float
) -> None:
    found = ratios([factor * time for time in times], times)
    assert found is not None
    assert list(found.values()) == pytest.approx([factor] * 3)


def test_rounds_are_paired_before_the_median_is_taken() -> None:
    # The ratios are 2, 2 and 0.1; the ratio of the two medians would be 1.
    found = ratios([2.0, 20.0, 10.0], [1.0, 10.0, 100.0])
    assert found is not None
    assert found["median"] == 2.0


def test_without_rounds_there_is_no_ratio() -> None:
    assert ratios([], [1.0]) is None
    assert ratios([1.0], []) is None
