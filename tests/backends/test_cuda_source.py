"""The CUDA source of every formula, run as C++ against the NumPy backend."""

import random

import numpy as np
import pytest
from cuda_as_cpp import COMPILER, CudaAsCpp
from formula_calls import OPTIMIZERS, FormulaCall, formula_calls
from random_formulas import RandomFormula, plain, random_arguments
from whole_runs import NETWORKS, TRAINING, bfloat16_words, gather_all, train

from gpunet.backends import Backend, get_backend
from gpunet.kernels.expression import Graph
from gpunet.kernels.launch import MOST_CHUNKS, ROWS_SUMMED

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no g++ to compile the kernels with")

# IEEE 754 rounds these in one way only. A row's sum is not among them: NumPy adds in pairs.
EXACT = {"argument", "constant", "add", "subtract", "multiply", "divide", "negative", "sqrt"}
EXACT |= {"sign", "abs", "maximum", "minimum", "max", "where", "astype"}
EXACT |= {"greater", "greater_equal", "less", "less_equal", "equal"}
EXACT |= {"bitwise_xor", "bitwise_and", "bitwise_right_shift"}

# Three steps on numbers of order 1. Within a step, exp and tanh differ by a few units (240 at the
# very most, see below) and every product passes that on; 64 units a step are ten times what is
# seen, and less than a thousandth of what is learnt.
TRAINING_UNITS = 3 * 64
PRECISIONS = ("tf32", "split16")  # of networks of float32
single_only = pytest.mark.parametrize("dtype", ["float32"], indirect=True)

UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}


def is_exact(graph: Graph) -> bool:
    return all(node.op in EXACT for node in graph.nodes)


# --- everything that is run, so that one compilation per precision serves all tests -------------

RANDOM_FORMULAS = 60


def random_formula_calls(dtype: str) -> list[tuple[FormulaCall, list[np.ndarray]]]:
    """Return calls of random formulas with what NumPy itself makes of them."""
    found = []
    for seed in range(RANDOM_FORMULAS):
        choose = random.Random(seed).randrange
        n, m = [(1, 1), (7, 1), (1, 7), (5, 4), (13, 3)][choose(5)]
        arguments = random_arguments(choose, n, m, dtype)
        formula = RandomFormula(choose, len(arguments))
        expected = plain(formula, arguments, n, m)
        # Sometimes the first output takes the place of the first argument.
        outs = [np.empty((n, m), dtype) for _ in expected]
        if choose(2):
            outs[0] = arguments[0]
        call = FormulaCall(f"{seed}: {formula}", formula, tuple(arguments), tuple(outs))
        found.append((call, expected))
    return found


# Around one chunk, two, the most there are; and the main network's full batch.
MANY_ROWS = [2, 2 * ROWS_SUMMED - 1, 2 * ROWS_SUMMED, 1001, 1030, ROWS_SUMMED * MOST_CHUNKS - 1]
MANY_ROWS += [ROWS_SUMMED * MOST_CHUNKS + 1, 11_272]


def column_sums(
    backend: Backend, dtype: str, rows: int
) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Return the sums down the columns of a product, a table and a column; and their terms."""
    generator = np.random.default_rng(rows)
    x, y = generator.integers(-99, 100, (rows, 5)), generator.integers(-1, 2, (rows, 1))
    outs = tuple(np.full((1, m), np.nan, dtype) for m in (5, 5, 1))
    kernel = backend.column_sums(lambda xp, x, y: (x * y, x, y))
    kernel(x.astype(dtype), y.astype(dtype), out=outs)
    return outs, (x * y, x, y)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory, dtype: str) -> CudaAsCpp:
    backend = CudaAsCpp()
    for call in formula_calls(dtype):
        arguments, outs = call.copies()
        backend.kernel(call.formula)(*arguments, out=outs)
    for call, _ in random_formula_calls(dtype):
        arguments, outs = call.copies()
        backend.kernel(call.formula)(*arguments, out=outs)
    for kind in NETWORKS:
        for optimizer in TRAINING:
            train(backend, dtype, kind, optimizer)
    gather_all(backend, dtype)
    column_sums(backend, dtype, MANY_ROWS[0])  # one text for all numbers of rows
    if dtype == "float32":
        for precision in PRECISIONS:
            train(backend, dtype, "one output", "adamw", precision)
        bfloat16_words(backend)
    backend.compile(tmp_path_factory.mktemp("cuda_as_cpp"))
    return backend


# --- the tests ----------------------------------------------------------------------------------


def names() -> list[str]:
    return [call.name for call in formula_calls("float32")]


@pytest.mark.parametrize("name", names())
def test_a_formula_is_what_numpy_computes(compiled: CudaAsCpp, dtype: str, name: str) -> None:
    call = next(c for c in formula_calls(dtype) if c.name == name)
    arguments, outs = call.copies()
    compiled.kernel(call.formula)(*arguments, out=outs)
    numpy_arguments, numpy_outs = call.copies()
    get_backend("cpu").kernel(call.formula)(*numpy_arguments, out=numpy_outs)
    exact = is_exact(compiled.graphs[-1])
    for x, y in zip((*outs, *arguments), (*numpy_outs, *numpy_arguments), strict=True):
        found, expected = np.asarray(x), np.asarray(y)
        if exact:
            np.testing.assert_array_equal(found, expected)
        else:
            # exp, log, tanh of the C library and of NumPy are each within 4 ulp of the truth; a
            # formula uses at most 3 of them, and multiplies their errors by at most 10 (gelu's
            # slope, at its steepest): 2 * 4 * 3 * 10 = 240 units of what is largest on the way,
            # the result itself or 1.
            np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
            found, expected = found[~np.isnan(found)], expected[~np.isnan(found)]
            allowed = 240 * UNIT[dtype] * np.maximum(1, np.abs(expected))
            assert (np.abs(found - expected) <= allowed).all()


def test_the_exact_ones_are_many(compiled: CudaAsCpp, dtype: str) -> None:
    """So that no change of a formula silently loosens the test above."""
    exact = []
    for call in formula_calls(dtype):
        arguments, outs = call.copies()
        compiled.kernel(call.formula)(*arguments, out=outs)
        if is_exact(compiled.graphs[-1]):
            exact.append(call.name)
    assert {f"{name}, decay {decay}" for name in OPTIMIZERS for decay in (0.0, 0.01)} < set(exact)
    activations = ("identity", "relu", "leaky_relu")
    assert {f"{a} {way}" for a in activations for way in ("forward", "slope")} < set(exact)
    assert {"sigmoid slope", "tanh slope"} < set(exact)


@pytest.mark.parametrize("number", range(RANDOM_FORMULAS))
def test_random_formulas_agree_to_the_bit(compiled: CudaAsCpp, dtype: str, number: int) -> None:
    call, expected = random_formula_calls(dtype)[number]
    arguments, outs = call.copies()
    compiled.kernel(call.formula)(*arguments, out=outs)
    for out, value in zip(outs, expected, strict=True):
        np.testing.assert_array_equal(out, value, err_msg=call.name)


def test_gathers_agree_to_the_bit(compiled: CudaAsCpp, dtype: str) -> None:
    for found, expected in zip(
        gather_all(compiled, dtype), gather_all(get_backend("cpu"), dtype), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
        assert expected.any()


@pytest.mark.parametrize("rows", MANY_ROWS)
def test_columns_of_many_rows_are_summed(compiled: CudaAsCpp, dtype: str, rows: int) -> None:
    """In as many pieces as on a GPU. Sums of small integers are exact, in any order."""
    found, terms = column_sums(compiled, dtype, rows)
    for out, x in zip(found, terms, strict=True):
        np.testing.assert_array_equal(out, x.sum(axis=0, keepdims=True))


@single_only
def test_words_of_16_bits_hold_the_same_numbers(compiled: CudaAsCpp, dtype: str) -> None:
    """The split and the gather to bfloat16, which on a CPU are float32 numbers."""
    for found, expected in zip(
        bfloat16_words(compiled), bfloat16_words(get_backend("cpu")), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
        assert expected.any()


@single_only
@pytest.mark.parametrize("precision", PRECISIONS)
def test_training_in_another_precision_agrees(
    compiled: CudaAsCpp, dtype: str, precision: str
) -> None:
    found = train(compiled, dtype, "one output", "adamw", precision)
    expected = train(get_backend("cpu"), dtype, "one output", "adamw", precision)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=TRAINING_UNITS * UNIT[dtype])


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("optimizer", TRAINING)
def test_training_agrees(compiled: CudaAsCpp, dtype: str, kind: str, optimizer: str) -> None:
    """Masks, clipping, every kernel in its place and with its real strides."""
    found = train(compiled, dtype, kind, optimizer)
    expected = train(get_backend("cpu"), dtype, kind, optimizer)
    start = NETWORKS[kind](get_backend("cpu"), dtype).parameters
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=TRAINING_UNITS * UNIT[dtype])
        assert np.abs(value - start[name]).max() > 1e-3


def test_no_thread_writes_outside(compiled: CudaAsCpp, dtype: str) -> None:
    """Kernels with more threads than elements leave what is beside their output alone."""
    call, expected = random_formula_calls(dtype)[0]
    arguments, outs = call.copies()
    frames = [np.full((out.shape[0] + 2, out.shape[1] + 2), 7, dtype) for out in outs]
    inner = tuple(frame[1:-1, 1:-1] for frame in frames)
    compiled.kernel(call.formula)(*arguments, out=inner)
    for frame, view, value in zip(frames, inner, expected, strict=True):
        np.testing.assert_array_equal(view, value)
        view[...] = 7
        np.testing.assert_array_equal(frame, np.full_like(frame, 7))
