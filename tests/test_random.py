"""The counter-based generator: the published numbers, on every device."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pieces import kernel

from gpunet import random
from gpunet.backends import Backend

# Random123's kat_vectors for philox4x32, 10 rounds: counter, key, and the four words.
KNOWN = [
    ("0 0 0 0", "0 0", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    (
        "ffffffff ffffffff ffffffff ffffffff",
        "ffffffff ffffffff",
        "408f276d 41c83b0e a20bc7c6 6d5451fd",
    ),
    (
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


def words(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_known_answers(counter: str, key: str, expected: str) -> None:
    c = tuple(np.array([word], np.uint32) for word in words(counter))
    found = random.philox(np, tuple(words(key)), c)
    assert [int(word[0]) for word in found] == words(expected)


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_known_answers_on_every_device(
    backend: Backend, counter: str, key: str, expected: str
) -> None:
    """Through a traced kernel, as dropout masks are drawn."""
    k = tuple(words(key))
    run = kernel(backend, lambda xp, *c: random.philox(xp, k, c))
    # Two rows and three columns, as the masks' counters: each varies along one axis or neither.
    c0, c1, c2, c3 = (np.full((1, 1), word, np.uint32) for word in words(counter))
    arguments = [np.repeat(c0, 3, axis=1), np.repeat(c1, 2, axis=0), c2, c3]
    outs = tuple(backend.zeros((2, 3), "uint32") for _ in range(4))
    run(*(backend.array(a, "uint32") for a in arguments), out=outs)
    for out, word in zip(outs, words(expected), strict=True):
        np.testing.assert_array_equal(backend.to_numpy(out), np.full((2, 3), word))


SEEDS = st.integers(0, 2**32 - 1)
COUNTS = st.integers(0, 30)


@given(seed=SEEDS, n=COUNTS, m=COUNTS)
def test_fewer_words_are_a_prefix_of_more(seed: int, n: int, m: int) -> None:
    few, many = sorted((n, m))
    np.testing.assert_array_equal(random.words(seed, 1, few), random.words(seed, 1, many)[:few])


@given(seed=SEEDS, shape=st.lists(st.integers(0, 5), max_size=3))
def test_shapes(seed: int, shape: list[int]) -> None:
    assert random.uniform(seed, 1, tuple(shape)).shape == tuple(shape)
    assert random.normal(seed, 1, tuple(shape)).shape == tuple(shape)


@given(seed=SEEDS)
def test_uniform_numbers_are_from_0_up_to_1(seed: int) -> None:
    x = random.uniform(seed, 1, (100,))
    assert x.min() >= 0
    assert x.max() < 1


def test_uniform_numbers_from_all_ones_stay_below_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "words", lambda s, t, n: np.full(n, 0xFFFFFFFF, np.uint32))
    assert random.uniform(0, 1, (1,))[0] == 1 - 2.0**-53
    assert np.isfinite(random.normal(0, 1, (2,))).all()


def test_words_are_evenly_spread() -> None:
    """Each of 256 leading bytes about n/256 times: chi-squared with 255 degrees of freedom."""
    n = 1 << 16
    counts = np.bincount(random.words(0, 1, n) >> 24, minlength=256)
    chi_squared = ((counts - n / 256) ** 2 / (n / 256)).sum()
    # Mean 255, standard deviation sqrt(2 * 255); the seed is fixed, and 5 of those is once in a
    # million seeds.
    assert abs(chi_squared - 255) < 5 * np.sqrt(2 * 255)


@given(seed=SEEDS, epoch=st.integers(0, 2**32 - 1), n=st.integers(1, 200))
def test_permutations_are_permutations(seed: int, epoch: int, n: int) -> None:
    order = random.permutation(seed, random.SHUFFLE, epoch, n)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(n))


def test_every_order_of_three_comes_about_equally_often() -> None:
    orders = [tuple(random.permutation(0, 1, epoch, 3).tolist()) for epoch in range(1500)]
    counts = {order: orders.count(order) for order in set(orders)}
    assert len(counts) == 6
    # 250 each, with the standard deviation sqrt(1500 * 1/6 * 5/6) = 14.4.
    assert all(abs(count - 250) < 5 * 14.4 for count in counts.values())


def test_streams_seeds_and_epochs_differ() -> None:
    one = random.words(0, 1, 100)
    for other in (random.words(0, 2, 100), random.words(1, 1, 100)):
        # Equal words are of probability 100 * 2^-32.
        assert not (one == other).any()
    first, second = (random.permutation(0, 1, epoch, 50) for epoch in (0, 1))
    assert (first != second).any()


def test_streams_of_the_package_do_not_meet() -> None:
    layers = 1000
    streams = [random.SHUFFLE, random.SPLIT, random.DIRECTION]
    streams += [base + l for base in (random.WEIGHTS, random.DROPOUT) for l in range(layers)]  # noqa: E741
    assert len(set(streams)) == len(streams)
