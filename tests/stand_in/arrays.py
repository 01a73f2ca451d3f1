"""Arrays refuse what CuPy's refuse, and have nothing that gpunet does not use."""

import cupy
import numpy as np
import pytest

HOST = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_the_host_reads_by_get_only() -> None:
    x = cupy.array(HOST)
    np.testing.assert_array_equal(cupy.asnumpy(x), HOST)
    np.testing.assert_array_equal(x.get(), HOST)
    for read in (np.asarray, np.sum, lambda x: np.add(x, 1)):
        with pytest.raises(TypeError):
            read(x)
    for use in (bool, float, list, lambda x: x == 0, lambda x: x + HOST, lambda x: HOST + x):
        with pytest.raises((TypeError, AttributeError)):
            use(x)


def test_host_and_device_do_not_mix() -> None:
    x = cupy.array(HOST)
    for mix in (
        lambda: cupy.copyto(x, HOST),
        lambda: x[np.array([0])],
        lambda: x.fill(HOST),
        lambda: cupy.matmul(x, HOST.T, out=cupy.zeros((2, 2), "float32")),
    ):
        with pytest.raises((TypeError, AttributeError)):
            mix()


def test_set_wants_the_same_type_and_shape_and_contiguous_memory() -> None:
    x = cupy.zeros((2, 6), "float32")
    with pytest.raises(TypeError, match="float64 array cannot be set to float32 array"):
        x.set(np.zeros((2, 6)))
    with pytest.raises(ValueError, match="Shape mismatch"):
        x.set(HOST)
    with pytest.raises(RuntimeError, match="Cannot set to non-contiguous array"):
        x[:, ::2].set(HOST)
    with pytest.raises(TypeError, match=r"Only numpy\.ndarray"):
        x[:, :3].set(HOST.tolist())


def test_views_share_memory_and_addresses_say_where() -> None:
    x = cupy.array(np.arange(12.0))
    row = x[4:8].reshape((2, 2))
    assert row.data.ptr == x.data.ptr + 4 * x.itemsize
    assert row.T.strides == (8, 16)
    assert x[3].shape == ()
    row.fill(0)
    assert cupy.asnumpy(x).tolist() == [0, 1, 2, 3, 0, 0, 0, 0, 8, 9, 10, 11]


def test_the_rest_of_cupy_is_named_as_missing() -> None:
    x = cupy.array(HOST)
    for use in (lambda: cupy.einsum, lambda: x.mean, lambda: cupy.cuda.cub, lambda: x.item):
        with pytest.raises(AttributeError, match="tests/cupy_stand_in is to be extended"):
            use()


def test_arrays_of_another_device_are_refused() -> None:
    x = cupy.zeros(3)
    with cupy.cuda.Device(1):
        assert cupy.zeros(3).device.id == 1
        with pytest.raises(ValueError, match="array device = 0 while current = 1"):
            cupy.copyto(cupy.zeros(3), x)
    with pytest.raises(RuntimeError, match="cudaErrorInvalidDevice"):
        cupy.cuda.Device(2).use()


def test_nobody_takes_it_for_a_gpu() -> None:
    assert cupy.cuda.runtime.getDeviceProperties(0)["name"] == b"CuPy stand-in"
    assert "stand" in cupy.__version__
