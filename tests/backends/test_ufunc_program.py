"""The NumPy backend's blocked programs against NumPy itself, to the bit."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_formulas import RandomFormula, plain, random_arguments

from gpunet.backends import get_backend
from gpunet.kernels import ufunc_program

SMALL_BLOCK = 24


@pytest.fixture(scope="module", autouse=True)
def _small_blocks():
    """Make blocks so small that small tables need several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ufunc_program, "BLOCK", SMALL_BLOCK)
        yield


# Rows of m columns: a block holds SMALL_BLOCK // m of them. One row, just below a block, a block,
# just above, several with a rest, and rows that are longer than a block.
SIZES = [(1, 4), (5, 4), (6, 4), (7, 4), (12, 4), (23, 1), (24, 1), (25, 1), (50, 1), (20, 5)]
SIZES += [(3, SMALL_BLOCK), (3, SMALL_BLOCK + 1), (1, 100)]


# Drawn from a seed rather than by hypothesis itself, whose examples are often too simple to need
# more than one register.
SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=300)
@given(seed=SEEDS, size=st.sampled_from(SIZES))
def test_a_program_is_the_formula(seed: int, size: tuple[int, int]) -> None:
    (n, m), choose = size, random.Random(seed).randrange
    arguments = random_arguments(choose, n, m, "float64")
    formula = RandomFormula(choose, len(arguments))
    expected = plain(formula, arguments, n, m)
    outs = tuple(np.empty((n, m)) for _ in expected)
    kernel = get_backend("cpu").kernel(formula)
    for _ in range(2):  # the second run finds registers that are full of the first one's values
        kernel(*arguments, out=outs)
        for out, value in zip(outs, expected, strict=True):
            np.testing.assert_array_equal(out, value, err_msg=repr(formula))


@settings(max_examples=300)
@given(seed=SEEDS, size=st.sampled_from(SIZES))
def test_outputs_may_be_arguments(seed: int, size: tuple[int, int]) -> None:
    (n, m), choose = size, random.Random(seed).randrange
    arguments = random_arguments(choose, n, m, "float64")
    formula = RandomFormula(choose, len(arguments))
    expected = plain(formula, arguments, n, m)
    # Outputs take the places of some of the (n, m) arguments, in any order.
    free = [a for a in arguments if a.shape == (n, m)]
    outs = []
    for _ in expected:
        reuse = free and choose(3)
        outs.append(free.pop(choose(len(free))) if reuse else np.empty((n, m)))
    get_backend("cpu").kernel(formula)(*arguments, out=tuple(outs))
    for out, value in zip(outs, expected, strict=True):
        np.testing.assert_array_equal(out, value, err_msg=repr(formula))


@settings(max_examples=200)
@given(seed=SEEDS, size=st.sampled_from([1, 23, 24, 25, 48, 50]))
def test_vectors_in_place(seed: int, size: int) -> None:
    """As an optimizer's step: every array is a vector, outputs are arguments."""
    choose = random.Random(seed).randrange
    arguments = [
        np.random.default_rng(choose(1000)).normal(size=size) for _ in range(1 + choose(3))
    ]
    formula = RandomFormula(choose, len(arguments), reductions=False)
    with np.errstate(all="ignore"):
        expected = formula(np, *[a.copy() for a in arguments])
    outs = [*arguments, *(np.empty(size) for _ in range(3))][: len(expected)]
    get_backend("cpu").kernel(formula)(*arguments, out=tuple(outs))
    for out, value in zip(outs, expected, strict=True):
        np.testing.assert_array_equal(out, value, err_msg=repr(formula))


def test_where_does_not_lose_what_it_chooses_from() -> None:
    """Its result is filled with y before x is read, so x must lie elsewhere."""
    x, y = np.random.default_rng(0).normal(size=(2, 7, 4))
    for formula in (
        lambda xp, x, y: xp.where(x > y, x * 2.0, y) * 0.5,
        lambda xp, x, y: xp.where(x > y, x * 2.0, y * 3.0) * 0.5,
    ):
        out = np.empty_like(x)
        get_backend("cpu").kernel(formula)(x, y, out=out)
        np.testing.assert_array_equal(out, formula(np, x, y))


def test_programs_of_one_backend_share_scratch_without_harm() -> None:
    """A program that needs larger blocks comes between two runs of one with smaller ones."""
    backend = get_backend("cpu")
    kernel = backend.kernel(lambda xp, x: (x + 1.0) * (x - 1.0) / (x + 2.0))
    for m in (4, 40, 4, 200, 40):
        x, out = np.linspace(0, 1, 9 * m).reshape(9, m), np.empty((9, m))
        kernel(x, out=out)
        np.testing.assert_array_equal(out, (x + 1) * (x - 1) / (x + 2))
