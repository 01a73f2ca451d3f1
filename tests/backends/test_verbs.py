"""The verbs of a backend, one body for all of them."""

import numpy as np
import pytest

from gpunet.backends import Backend

# gamma_k = k u / (1 - k u) bounds a dot product of length k (Higham 2002, section 3.1), whatever
# the order of its additions; fused multiply-adds only make it better.
UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}


def gamma(k: int, dtype: str) -> float:
    return k * UNIT[dtype] / (1 - k * UNIT[dtype])


def table(dtype: str, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def test_array_copies_the_host(backend: Backend, dtype: str) -> None:
    host = table(dtype, 3, 2)
    before = host.copy()
    x = backend.array(host, dtype)
    host[:] = 0
    np.testing.assert_array_equal(backend.to_numpy(x), before)


def test_to_numpy_copies_the_device(backend: Backend, dtype: str) -> None:
    x = backend.array(table(dtype, 3, 2), dtype)
    host = backend.to_numpy(x)
    host[:] = 0
    assert type(host) is np.ndarray
    np.testing.assert_array_equal(backend.to_numpy(x), table(dtype, 3, 2))


def test_array_converts(backend: Backend) -> None:
    x = backend.array([[1, 2], [3, 4]], "float32")
    assert backend.to_numpy(x).dtype == np.float32
    assert backend.to_numpy(x).tolist() == [[1, 2], [3, 4]]


def test_a_backend_owns_its_arrays_and_no_others(backend: Backend) -> None:
    assert backend.owns(backend.zeros((2,), "float32"))
    assert not backend.owns([1.0])
    assert backend.owns(np.zeros(1)) == (backend.name == "numpy")


def test_zeros(backend: Backend, dtype: str) -> None:
    x = backend.to_numpy(backend.zeros((2, 3), dtype))
    assert x.dtype == dtype
    assert x.tolist() == [[0, 0, 0], [0, 0, 0]]


def test_reshape_is_a_view(backend: Backend, dtype: str) -> None:
    x = backend.zeros((6,), dtype)
    view = backend.reshape(x, (2, 3))
    backend.assign(view, table(dtype, 2, 3))
    np.testing.assert_array_equal(backend.to_numpy(x), table(dtype, 2, 3).ravel())


def test_a_slice_of_a_vector_is_a_view(backend: Backend, dtype: str) -> None:
    x = backend.zeros((6,), dtype)
    backend.assign(x[2:4], np.array([1, 2], dtype))
    assert backend.to_numpy(x).tolist() == [0, 0, 1, 2, 0, 0]


def test_assign_takes_host_and_device_arrays(backend: Backend, dtype: str) -> None:
    x = backend.zeros((2, 2), dtype)
    backend.assign(x, table(dtype, 2, 2))
    np.testing.assert_array_equal(backend.to_numpy(x), table(dtype, 2, 2))
    backend.assign(x, backend.array(table(dtype, 2, 2, seed=1), dtype))
    np.testing.assert_array_equal(backend.to_numpy(x), table(dtype, 2, 2, seed=1))


def test_assigned_values_are_copied(backend: Backend, dtype: str) -> None:
    x, host = backend.zeros((2,), dtype), np.ones(2, dtype)
    backend.assign(x, host)
    host[:] = 7
    assert backend.to_numpy(x).tolist() == [1, 1]


ROWS = {"slice": slice(1, 4), "shuffled": [4, 0, 4], "one": [2]}


@pytest.mark.parametrize("source", ["uint8", "same", "other"])
@pytest.mark.parametrize("scale", [1.0, 1 / 255])
@pytest.mark.parametrize("rows", ROWS)
def test_take_gathers_and_scales_in_the_precision_of_out(
    backend: Backend, dtype: str, source: str, scale: float, rows: str
) -> None:
    stored = {"uint8": "uint8", "same": dtype, "other": "float64"}[source]
    if source == "uint8":
        host = np.random.default_rng(0).integers(0, 256, (5, 3), np.uint8)
    else:
        host = table(dtype, 5, 3).astype(stored)  # values that both precisions hold
    chosen = ROWS[rows]
    expected = host[chosen].astype(dtype) * np.dtype(dtype).type(scale)
    out = backend.zeros(expected.shape, dtype)
    index = chosen if isinstance(chosen, slice) else backend.array(chosen, "int64")
    backend.take(backend.array(host, stored), index, scale, out=out)
    # One rounding, of the product: every device must agree to the bit.
    np.testing.assert_array_equal(backend.to_numpy(out), expected)


def test_take_leaves_its_source_alone(backend: Backend, dtype: str) -> None:
    X, out = backend.array(table(dtype, 4, 2), dtype), backend.zeros((2, 2), dtype)
    backend.take(X, backend.array([1, 3], "int64"), 2.0, out=out)
    backend.take(X, slice(0, 2), 2.0, out=out)
    np.testing.assert_array_equal(backend.to_numpy(X), table(dtype, 4, 2))


@pytest.mark.usefixtures("launches")
@pytest.mark.parametrize("turned", ["", "A", "B", "AB"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 3, 4), (2, 300, 3), (4, 1, 5)])
def test_matmul_is_within_its_error_bound(
    backend: Backend, dtype: str, turned: str, shape: tuple[int, int, int]
) -> None:
    n, k, m = shape
    A, B = table(dtype, n, k), table(dtype, k, m, seed=1)
    a = backend.array(A.T, dtype).T if "A" in turned else backend.array(A, dtype)
    b = backend.array(B.T, dtype).T if "B" in turned else backend.array(B, dtype)
    out = backend.array(np.full((n, m), 9.0), dtype)
    backend.matmul(a, b, out=out)
    exact = A.astype(np.longdouble) @ B.astype(np.longdouble)
    bound = gamma(k, dtype) * (np.abs(A).astype(np.longdouble) @ np.abs(B))
    assert (np.abs(backend.to_numpy(out) - exact) <= bound).all()


@pytest.mark.usefixtures("launches")
def test_matmul_writes_into_a_part_of_a_vector(backend: Backend, dtype: str) -> None:
    flat = backend.zeros((8,), dtype)
    out = backend.reshape(flat[1:7], (2, 3))
    backend.matmul(backend.array([[1], [2]], dtype), backend.array([[1, 2, 3]], dtype), out=out)
    assert backend.to_numpy(flat).tolist() == [0, 1, 2, 3, 2, 4, 6, 0]


@pytest.mark.usefixtures("launches")
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (7, 1), (300, 4), (3, 300)])
def test_sum_is_within_its_error_bound(
    backend: Backend, dtype: str, axis: int, shape: tuple[int, int]
) -> None:
    x = table(dtype, *shape)
    out = backend.zeros((shape[1 - axis],), dtype)
    backend.sum(backend.array(x, dtype), axis=axis, out=out)
    exact = x.astype(np.longdouble).sum(axis=axis)
    bound = gamma(shape[axis], dtype) * np.abs(x).astype(np.longdouble).sum(axis=axis)
    assert (np.abs(backend.to_numpy(out) - exact) <= bound).all()


@pytest.mark.usefixtures("launches")
@pytest.mark.parametrize("axis", [0, 1])
def test_the_same_sum_twice_gives_the_same_bits(backend: Backend, axis: int) -> None:
    x = backend.array(table("float32", 257, 129), "float32")
    results = []
    for _ in range(2):
        out = backend.zeros((x.shape[1 - axis],), "float32")
        backend.sum(x, axis=axis, out=out)
        results.append(backend.to_numpy(out))
    np.testing.assert_array_equal(*results)


@pytest.mark.usefixtures("launches")
def test_a_shorter_sum_after_a_longer_one(backend: Backend) -> None:
    """The vector of ones that a backend may keep is longer than the second table."""
    for n in (5, 3, 6):
        out = backend.zeros((2,), "float64")
        backend.sum(backend.array(np.ones((n, 2)), "float64"), axis=0, out=out)
        assert backend.to_numpy(out).tolist() == [n, n]


@pytest.mark.usefixtures("launches")
def test_products_that_overflow_do_so_silently(backend: Backend) -> None:
    big, out = backend.array([[1e30]], "float32"), backend.zeros((1, 1), "float32")
    backend.matmul(big, big, out=out)
    assert backend.to_numpy(out)[0, 0] == np.inf


def test_describe_names_the_device(backend: Backend) -> None:
    backend.synchronize()
    assert backend.describe().startswith(backend.device)
