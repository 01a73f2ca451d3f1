"""Each kind of kernel at the sizes of the main job, and around each constant of a GPU's launches.

Numbers are small integers wherever it can be so: then sums of any order are exact, and one element
that is left out, taken twice or written elsewhere is a difference.
"""

from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
import textbook
from pieces import Updates, end
from whole_runs import as_float32

from gpunet import optim, random
from gpunet.backends import Array, Backend
from gpunet.kernels.cuda_source import SUM_THREADS
from gpunet.kernels.expression import BATCH, FLOAT
from gpunet.kernels.launch import MOST_BLOCKS, MOST_CHUNKS, ROWS_SUMMED, THREADS, WARP, chunks_of
from gpunet.nn.activations import ACTIVATIONS
from gpunet.nn.architecture import describe
from gpunet.nn.backprop import Perceptron
from gpunet.nn.losses import LOSSES
from gpunet.parity import UNIT_ROUNDOFF, assert_within_bound, gamma
from gpunet.program.compiled import compiled

MAIN = (11_272, 196)  # the examples of mnist58, and the hidden layer
PARAMETERS = 784 * 196 + 196 + 196 + 1
GRID = MOST_BLOCKS * THREADS  # all threads that are launched at once; what is more takes turns

pytestmark = pytest.mark.usefixtures("launches")


def around(*sizes: int) -> list[int]:
    return [size + step for size in sizes for step in (-1, 0, 1)]


# A thread for each element; a warp for each row; a warp for each so many rows of 32 columns.
ELEMENTS = [*around(WARP, THREADS, GRID), 2 * GRID + 1]
ROWS = [*product(around(THREADS // WARP), (1, *around(WARP, 2 * WARP)))]
ROWS += [*product(around(GRID // WARP), (3,)), MAIN]
ENDS = (SUM_THREADS // WARP, ROWS_SUMMED, 2 * ROWS_SUMMED, 1000, ROWS_SUMMED * MOST_CHUNKS)
COLUMNS = [*product(around(*ENDS), around(WARP)), (11_273, 1), MAIN]


def test_these_sizes_take_all_ways() -> None:
    """Also after somebody has changed a constant."""
    assert MAIN[0] * MAIN[1] > 2 * GRID  # some threads take a third turn
    assert {chunks_of(rows) for rows, _ in COLUMNS} >= {1, 2, MOST_CHUNKS - 1, MOST_CHUNKS}
    assert max(rows for rows, _ in ROWS) > GRID // WARP


@cache
def integers(*shape: int, most: int = 127, seed: int = 0) -> np.ndarray:
    """Return int64 numbers of -most to most."""
    return np.random.default_rng(seed).integers(-most, most + 1, shape)


def check(backend: Backend, found: Array, expected: np.ndarray, what: Any) -> None:
    np.testing.assert_array_equal(backend.to_numpy(found), expected, err_msg=str(what))


def test_elementwise(backend: Backend, dtype: str) -> None:
    longest = max(ELEMENTS)
    x, y = integers(longest), integers(longest, seed=1)
    device_x, device_y = (backend.array(a, dtype) for a in (x, y))
    kernel = backend.kernel(lambda xp, x, y: (x * y + (y - x), xp.maximum(x, y)))
    for n in ELEMENTS:
        outs = backend.zeros((n,), dtype), backend.zeros((n,), dtype)
        kernel(device_x[:n], device_y[:n], out=outs)
        check(backend, outs[0], x[:n] * y[:n] + (y[:n] - x[:n]), n)
        check(backend, outs[1], np.maximum(x[:n], y[:n]), n)


def test_elementwise_on_tables(backend: Backend, dtype: str) -> None:
    """With a row, a column and a number, and a frame that nobody writes to."""
    n, m = MAIN
    x, row, column = integers(n, m), integers(m, seed=1), integers(n, 1, seed=2)
    whole = backend.array(np.full((n + 1, m + 1), 7), dtype)
    kernel = backend.kernel(lambda xp, x, row, column, c: c * x + row * column)
    arguments = (backend.array(a, dtype) for a in (x, row, column))
    kernel(*arguments, 2.0, out=whole[:n, :m])
    expected = np.full((n + 1, m + 1), 7)
    expected[:n, :m] = 2 * x + row * column
    check(backend, whole, expected, MAIN)


def test_row_reductions(backend: Backend, dtype: str) -> None:
    """Two of them, the second of what the first has changed, and in place."""

    def formula(xp: Any, x: Array, y: Array) -> tuple[Array, ...]:
        largest = xp.max(x, axis=-1, keepdims=True)
        return x - largest + y, xp.sum(largest - x, axis=-1, keepdims=True), largest

    kernel = backend.kernel(formula)
    for n, m in ROWS:
        x, y = integers(n, m), integers(n, 1, seed=1)
        outs = backend.array(x, dtype), backend.zeros((n, 1), dtype), backend.array(y, dtype)
        kernel(outs[0], outs[2], out=outs)
        largest = x.max(axis=1, keepdims=True)
        check(backend, outs[0], x - largest + y, (n, m))
        check(backend, outs[1], (largest - x).sum(axis=1, keepdims=True), (n, m))
        check(backend, outs[2], largest, (n, m))


def test_column_sums(backend: Backend, dtype: str) -> None:
    """Three in one kernel, as dW, db of the last two layers are: of a product, a table, a column.

    The terms are at most 127 and the rows at most 11,273: every sum is below 2^24, so exact.
    """
    kernel = backend.column_sums(lambda xp, x, y: (x * y, x, y))
    for n, m in COLUMNS:
        x, y = integers(n, m), integers(n, 1, most=1, seed=1)
        device_x, device_y = backend.array(x, dtype), backend.array(y, dtype)
        for _ in range(2):  # the second finds the counters as the first has left them
            outs = tuple(backend.zeros((1, columns), dtype) for columns in (m, m, 1))
            kernel(device_x, device_y, out=outs)
            for out, terms in zip(outs, (x * y, x, y), strict=True):
                check(backend, out, terms.sum(axis=0, keepdims=True), (n, m))


def test_sums_along_both_axes(backend: Backend, dtype: str) -> None:
    for n, m in ((ROWS_SUMMED + 1, WARP + 1), (2, MAIN[0]), MAIN):
        x = integers(n, m)
        device = backend.array(x, dtype)
        for axis, length in ((0, m), (1, n)):
            out = backend.zeros((length,), dtype)
            backend.sum(device, axis, out=out)
            check(backend, out, x.sum(axis=axis), (n, m, axis))


# Rows of one table of the images' width, so that there is something between them.
GATHERED = [(n, 1) for n in around(WARP, THREADS)]
GATHERED += [(n, GRID // 4096) for n in around(4096)] + [MAIN]


@pytest.mark.parametrize("source", ["uint8", "float32"])
def test_gathers(backend: Backend, dtype: str, source: str) -> None:
    """Of slices and of lists with repetitions; a power of two as the scale is exact."""
    X = np.abs(integers(MAIN[0] + 7, GRID // 4096 + 3, most=255))
    device = backend.array(X, source if source == "uint8" else dtype)
    order = np.random.default_rng(1).integers(0, len(X), MAIN[0])
    chosen = backend.array(order, "int64")
    targets = (dtype, backend.bfloat16) if source == "uint8" and dtype == "float32" else (dtype,)
    for (n, m), target in product(GATHERED, targets):
        scale = 0.25 if target == dtype else 1.0
        for rows, host_rows in ((slice(7, 7 + n), slice(7, 7 + n)), (chosen[:n], order[:n])):
            out = backend.zeros((n, m), target)
            backend.take(device[:, :m], rows, scale, out=out)
            found = as_float32(backend.to_numpy(out))
            np.testing.assert_array_equal(found, scale * X[host_rows, :m], err_msg=str((n, m)))


def test_the_end_of_the_main_network(backend: Backend, dtype: str) -> None:
    """From the first product to its gradient, one warp for each of 11,272 rows."""
    n, m = MAIN
    arrays, expected, bounds = the_end(dtype)
    arguments = [backend.array(a, dtype) for a in arrays]
    shapes = ((n, m), (n, 1), (n, 1), (n, m))
    outs = tuple(backend.zeros(shape, dtype) for shape in shapes)
    sigmoid = ACTIVATIONS["sigmoid"]
    kernel = backend.kernel(end(LOSSES["binary_crossentropy"], sigmoid, sigmoid))
    kernel(*arguments, 1 / n, out=outs)
    for name, found, right, bound in zip(
        ("A1", "Z2", "dZ2", "dZ1"), outs, expected, bounds, strict=True
    ):
        assert_within_bound(backend.to_numpy(found), right, bound, name)


@cache
def the_end(dtype: str) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Return the arguments but the last, what is right for them, and how far it may be off."""
    random, (n, m) = np.random.default_rng(0), MAIN
    arrays = [random.normal(size=shape).astype(dtype).clip(-4, 4) for shape in
              ((n, m), (m,), (1, m), (1,))]  # fmt: skip
    arrays[2] /= 16
    arrays.append(random.integers(0, 2, (n, 1)).astype(dtype))
    Z1, b1, W2_T, b2, Y = (a.astype(np.float64) for a in arrays)
    A1 = textbook.sigmoid(Z1 + b1)
    Z2 = A1 @ W2_T.T + b2
    dZ2 = (textbook.sigmoid(Z2) - Y) / n
    dZ1 = dZ2 * W2_T * A1 * (1 - A1)

    def g(k: int) -> float:  # what is compared with has float64's own roundings
        return gamma(k, UNIT_ROUNDOFF[dtype] + UNIT_ROUNDOFF["float64"])

    # A1: exp errs by 8 units; the rounding of Z1 + b1, of at most 8, is 8 units more of exp, and
    # three operations follow. Z2 is a sum of 196 such terms and b2; sigmoid is at most 1/4 steep.
    relative = g(20)
    E_Z2 = (g(m + 1) + relative) * (A1 @ np.abs(W2_T.T) + np.abs(b2))
    E_dZ2 = (E_Z2 / 4 + relative) / n + g(3) * np.abs(dZ2)
    # A1 (1 - A1) errs by A1's error in each factor, and by four roundings with W2 and dZ2.
    slope = relative * A1 * (1 - A1) + A1 * (relative * A1 + g(1))
    E_dZ1 = np.abs(W2_T) * (E_dZ2 * A1 * (1 - A1) + np.abs(dZ2) * slope) + g(4) * np.abs(dZ1)
    # Products of two such errors are below a thousandth of the bounds.
    bounds = [1.001 * E for E in (relative * A1, E_Z2, E_dZ2, E_dZ1)]
    return arrays, [A1, Z2, dZ2, dZ1], bounds


def test_momentum_on_more_parameters_than_threads(backend: Backend, dtype: str) -> None:
    """Every product is exact: 1/2 and 1/4 of multiples of 16."""
    for size in around(GRID):
        theta, grad = integers(size), 16 * integers(size, seed=1)
        device = backend.array(theta, dtype)
        rule = optim.SGD(0.25, momentum=0.5)
        stepper = Updates(rule, backend, device, backend.array(grad, dtype), size)
        stepper.step(0.0)
        stepper.step(0.0)
        # v1 = -g/4; v2 = v1/2 - g/4 = -3g/8; theta + v1 + v2
        check(backend, stepper.stepper.moments[0], -grad * 3 // 8, size)
        check(backend, device, theta - grad * 5 // 8, size)


RULES: dict[str, tuple[optim.Optimizer, Any]] = {
    "adamw": (
        optim.AdamW(0.01, weight_decay=0.125),
        lambda *a: textbook.adamw(*a, 0.01, 0.9, 0.999, 1e-8, DECAY),
    ),
    "rmsprop": (optim.RMSProp(0.01), lambda *a: textbook.rmsprop(*a, 0.01, 0.9, 1e-8)),
}
WEIGHTS = 784 * 196 + 196
DECAY = 0.125 * (np.arange(PARAMETERS) < WEIGHTS)


@pytest.mark.parametrize("name", RULES)
def test_rules_on_the_main_network(backend: Backend, dtype: str, name: str) -> None:
    optimizer, rule = RULES[name]
    theta, grad = np.random.default_rng(0).uniform(0.5, 1, (2, PARAMETERS)).astype(dtype)
    device = backend.array(theta, dtype)
    stepper = Updates(optimizer, backend, device, backend.array(grad, dtype), WEIGHTS)
    state: dict[str, Any] = {}
    expected = start = theta.astype(np.float64)
    for t in (1, 2):
        stepper.step(0.0)
        expected = rule(expected, grad.astype(np.float64), state, t)
    # All terms of the averages and of the steps are positive, so that each of fewer than 20
    # operations and constants of a step adds a unit of what it computes; twice that, as the
    # oracle has its own. The weights themselves are rounded twice a step.
    u = UNIT_ROUNDOFF[dtype]
    bound = gamma(80, u) * np.abs(expected - start) + gamma(8, u) * start
    assert_within_bound(backend.to_numpy(device), expected, bound, name)
    for moment, right in zip(stepper.stepper.moments, state.values(), strict=True):
        assert_within_bound(backend.to_numpy(moment), right, gamma(40, u) * right, name)


def test_dropout_masks(backend: Backend) -> None:
    """Four columns at a time; 0 or 2, so that the products are exact."""
    n, m = MAIN
    A = integers(n, m)
    perceptron = Perceptron.of(
        describe([m, m, 1], "relu", "sigmoid", "binary_crossentropy", True, "mean", 0.5, "float32"),
        seed=3,
    )

    def text(xp: Any, A: Any, step: Any) -> dict[str, Any]:
        return {"dropped": A * perceptron.masks(xp, A, step)[0]}

    specs = {"A": ((BATCH, m), FLOAT), "step": ((1, 1), "uint32")}
    values = {"A": backend.array(A, "float32"), "step": backend.array([[5]], "uint32")}
    values["dropped"] = backend.zeros(MAIN, "float32")
    compiled(backend, text, specs, n, "float32")(n, values)
    check(backend, values["dropped"], A * mask(3, 0, 5), MAIN)


@cache
def mask(seed: int, layer: int, step: int) -> np.ndarray:
    n, m = MAIN
    rows, columns = np.arange(n, dtype=np.uint32)[:, None], np.arange(m // 4, dtype=np.uint32)
    counter = (columns + 0 * rows, rows + 0 * columns, np.full((n, m // 4), step, np.uint32))
    key = (seed, random.DROPOUT + layer)
    words = random.philox(np, key, (*counter, np.zeros((n, m // 4), np.uint32)))
    return 2 * (np.stack(words, axis=-1).reshape(n, m) >= 2**31)
