"""What a kernel promises about shapes, aliasing and strides."""

import numpy as np
import pytest

from gpunet.backends import Backend

pytestmark = pytest.mark.usefixtures("launches")


def table(dtype: str, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


# Every formula here is of additions and products only, which all devices round alike: so the
# results must agree with NumPy's to the bit.


@pytest.mark.parametrize("n", [1, 3, 4])
@pytest.mark.parametrize("m", [1, 4])
@pytest.mark.parametrize("other", ["(n,m)", "(n,1)", "(1,m)", "(m,)", "(1,1)", "number"])
def test_arguments_broadcast(backend: Backend, dtype: str, n: int, m: int, other: str) -> None:
    x = table(dtype, n, m)
    y = {
        "(n,m)": table(dtype, n, m, seed=1),
        "(n,1)": table(dtype, n, 1, seed=1),
        "(1,m)": table(dtype, 1, m, seed=1),
        "(m,)": table(dtype, m, seed=1),
        "(1,1)": table(dtype, 1, 1, seed=1),
        "number": 0.3,
    }[other]
    device_y = y if isinstance(y, float) else backend.array(y, dtype)
    out = backend.zeros((n, m), dtype)
    kernel = backend.kernel(lambda xp, x, y: x * y + (y - x))
    kernel(backend.array(x, dtype), device_y, out=out)
    np.testing.assert_array_equal(backend.to_numpy(out), x * y + (y - x))


@pytest.mark.parametrize("n", [1, 5])
def test_vectors_of_one_length(backend: Backend, dtype: str, n: int) -> None:
    x, y, out = table(dtype, n), table(dtype, n, seed=1), backend.zeros((n,), dtype)
    kernel = backend.kernel(lambda xp, x, y, rate: x - rate * y)
    kernel(backend.array(x, dtype), backend.array(y, dtype), 0.1, out=out)
    np.testing.assert_array_equal(backend.to_numpy(out), x - np.dtype(dtype).type(0.1) * y)


def test_one_kernel_serves_many_shapes_and_types(backend: Backend) -> None:
    kernel = backend.kernel(lambda xp, x, y: x + y)
    for dtype in ("float32", "float64", "float32"):
        for shape, other in (((2, 3), (3,)), ((3, 3), (3,)), ((3, 3), (3, 1)), ((3,), (3,))):
            x, y = table(dtype, *shape), table(dtype, *other, seed=1)
            out = backend.zeros(shape, dtype)
            kernel(backend.array(x, dtype), backend.array(y, dtype), out=out)
            np.testing.assert_array_equal(backend.to_numpy(out), x + y)


def test_numbers_alone_are_computed_in_the_precision_of_out(backend: Backend) -> None:
    kernel = backend.kernel(lambda xp, a, b: a * b + a)
    for dtype in ("float32", "float64"):
        out = backend.zeros((1, 1), dtype)
        kernel(0.1, 1.0, out=out)
        # The products may be rounded at either precision on the way, but not through the other's.
        assert backend.to_numpy(out)[0, 0] == pytest.approx(0.2, rel=4 * float(np.finfo(dtype).eps))


def test_out_may_be_an_argument(backend: Backend, dtype: str) -> None:
    x, y = table(dtype, 4, 3), table(dtype, 4, 3, seed=1)
    for target in (0, 1):
        arguments = [backend.array(x, dtype), backend.array(y, dtype)]
        kernel = backend.kernel(lambda xp, x, y: (x + y) * (x - y))
        kernel(*arguments, out=arguments[target])
        np.testing.assert_array_equal(backend.to_numpy(arguments[target]), (x + y) * (x - y))
        untouched = (x, y)[1 - target]
        np.testing.assert_array_equal(backend.to_numpy(arguments[1 - target]), untouched)


@pytest.mark.parametrize("shape", [(5,), (4, 3), (3, 1)])
def test_several_outputs_may_all_be_arguments(
    backend: Backend, dtype: str, shape: tuple[int, ...]
) -> None:
    x, y = table(dtype, *shape), table(dtype, *shape, seed=1)
    a, b = backend.array(x, dtype), backend.array(y, dtype)
    backend.kernel(lambda xp, x, y: (x - y, x * y))(a, b, out=(a, b))
    np.testing.assert_array_equal(backend.to_numpy(a), x - y)
    np.testing.assert_array_equal(backend.to_numpy(b), x * y)


def test_a_result_may_be_an_argument_as_it_is(backend: Backend, dtype: str) -> None:
    x, out = table(dtype, 3, 2), backend.zeros((3, 2), dtype)
    backend.kernel(lambda xp, x: x)(backend.array(x, dtype), out=out)
    np.testing.assert_array_equal(backend.to_numpy(out), x)


@pytest.mark.parametrize("shape", [(5,), (4, 3)])
def test_arguments_can_be_exchanged_in_place(
    backend: Backend, dtype: str, shape: tuple[int, ...]
) -> None:
    x, y = table(dtype, *shape), table(dtype, *shape, seed=1)
    a, b = backend.array(x, dtype), backend.array(y, dtype)
    backend.kernel(lambda xp, x, y: (y, x))(a, b, out=(a, b))
    np.testing.assert_array_equal(backend.to_numpy(a), y)
    np.testing.assert_array_equal(backend.to_numpy(b), x)


def test_where_may_write_over_what_it_reads(backend: Backend, dtype: str) -> None:
    x, y = table(dtype, 4, 3), table(dtype, 4, 3, seed=1)
    for target in (0, 1):
        arguments = [backend.array(x, dtype), backend.array(y, dtype)]
        kernel = backend.kernel(lambda xp, x, y: xp.where(x > y, x, y))
        kernel(*arguments, out=arguments[target])
        np.testing.assert_array_equal(backend.to_numpy(arguments[target]), np.maximum(x, y))


def test_out_may_be_every_other_column(backend: Backend, dtype: str) -> None:
    x, whole = table(dtype, 4, 3), backend.zeros((4, 6), dtype)
    kernel = backend.kernel(lambda xp, x: (x + x, -x))
    kernel(backend.array(x, dtype), out=(whole[:, 0::2], whole[:, 1::2]))
    np.testing.assert_array_equal(backend.to_numpy(whole)[:, 0::2], x + x)
    np.testing.assert_array_equal(backend.to_numpy(whole)[:, 1::2], -x)


def test_out_may_be_a_column_that_lies_in_a_row(backend: Backend, dtype: str) -> None:
    """As the losses of the examples do."""
    x, rows = table(dtype, 5, 3), backend.zeros((2, 5), dtype)
    kernel = backend.kernel(lambda xp, x: (xp.max(x, axis=-1, keepdims=True), x * x))
    square = backend.zeros((5, 3), dtype)
    kernel(backend.array(x, dtype), out=(rows[1:2, :].T, square))
    np.testing.assert_array_equal(backend.to_numpy(rows), [np.zeros(5), x.max(axis=1)])
    np.testing.assert_array_equal(backend.to_numpy(square), x * x)


def test_outside_of_out_nothing_is_written(backend: Backend, dtype: str) -> None:
    whole = backend.array(np.full((5, 4), 7.0), dtype)
    kernel = backend.kernel(lambda xp, x: x + 1.0)
    kernel(backend.zeros((3, 2), dtype), out=whole[1:4, 1:3])
    expected = np.full((5, 4), 7.0)
    expected[1:4, 1:3] = 1
    np.testing.assert_array_equal(backend.to_numpy(whole), expected)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 5), (6, 1), (6, 5)])
def test_rows_reduce_to_one_column(backend: Backend, dtype: str, n: int, m: int) -> None:
    x, y = table(dtype, n, m), table(dtype, n, 1, seed=1)

    def formula(xp, x, y):
        largest = xp.max(x, axis=-1, keepdims=True)
        return x - largest + y, xp.sum(xp.maximum(x, y), axis=-1, keepdims=True), largest

    outs = (backend.zeros((n, m), dtype), *(backend.zeros((n, 1), dtype) for _ in range(2)))
    backend.kernel(formula)(backend.array(x, dtype), backend.array(y, dtype), out=outs)
    largest = x.max(axis=1, keepdims=True)
    np.testing.assert_array_equal(backend.to_numpy(outs[0]), x - largest + y)
    np.testing.assert_array_equal(backend.to_numpy(outs[2]), largest)
    # Sums of m <= 5 terms in any order: gamma_4 times the sum of their sizes.
    terms = np.maximum(x, y).astype(np.float64)
    error = np.abs(backend.to_numpy(outs[1]) - terms.sum(axis=1, keepdims=True))
    assert (error <= 4 * np.finfo(dtype).eps * np.abs(terms).sum(axis=1, keepdims=True)).all()


def test_a_column_reduces_to_itself(backend: Backend, dtype: str) -> None:
    """Also beside an argument with more columns."""
    x, y, out = table(dtype, 4, 3), table(dtype, 4, 1, seed=1), backend.zeros((4, 3), dtype)
    kernel = backend.kernel(lambda xp, x, y: x + xp.sum(y, axis=-1, keepdims=True))
    kernel(backend.array(x, dtype), backend.array(y, dtype), out=out)
    np.testing.assert_array_equal(backend.to_numpy(out), x + y)


def test_in_place_with_a_row_reduction(backend: Backend, dtype: str) -> None:
    x = table(dtype, 4, 3)
    a = backend.array(x, dtype)
    backend.kernel(lambda xp, x: x - xp.max(x, axis=-1, keepdims=True))(a, out=a)
    np.testing.assert_array_equal(backend.to_numpy(a), x - x.max(axis=1, keepdims=True))


def test_nan_is_passed_on(backend: Backend, dtype: str) -> None:
    x = np.array([[np.nan, 1.0, -1.0]], dtype)
    a, out = backend.array(x, dtype), backend.zeros((1, 3), dtype)
    for formula in (
        lambda xp, x: xp.maximum(x, 0.0),
        lambda xp, x: xp.minimum(0.0, x),
        lambda xp, x: xp.sign(x),
        lambda xp, x: xp.abs(x),
    ):
        backend.kernel(formula)(a, out=out)
        assert np.isnan(backend.to_numpy(out)).tolist() == [[True, False, False]]
    row = backend.zeros((1, 1), dtype)
    backend.kernel(lambda xp, x: xp.max(x, axis=-1, keepdims=True))(a, out=row)
    assert np.isnan(backend.to_numpy(row)).all()


def test_overflow_and_division_by_zero_are_silent(backend: Backend, dtype: str) -> None:
    x = np.array([[0.0, 1e300 if dtype == "float64" else 1e30]], dtype)
    out = backend.zeros((1, 2), dtype)
    backend.kernel(lambda xp, x: 1.0 / x)(backend.array(x, dtype), out=out)
    assert backend.to_numpy(out)[0, 0] == np.inf
    backend.kernel(lambda xp, x: x * x)(backend.array(x, dtype), out=out)
    assert backend.to_numpy(out)[0, 1] == np.inf


@pytest.mark.parametrize("n", [1, 3])
def test_a_vector_reduces_as_a_row(backend: Backend, dtype: str, n: int) -> None:
    x, y, out = table(dtype, n, 4), table(dtype, 4, seed=1), backend.zeros((n, 4), dtype)
    kernel = backend.kernel(lambda xp, x, y: x - xp.max(y, axis=-1, keepdims=True))
    kernel(backend.array(x, dtype), backend.array(y, dtype), out=out)
    np.testing.assert_array_equal(backend.to_numpy(out), x - y.max())
