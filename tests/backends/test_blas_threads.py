"""Small products run on one BLAS thread, and the setting is given back."""

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from gpunet.backends import get_backend
from gpunet.backends.devices import numpy_backend
from gpunet.backends.devices.blas_threads import SMALL_PRODUCT


def threads() -> list[int]:
    """Of NumPy's own BLAS, if it brings one: SciPy brings another, and compilers theirs."""
    blas = ThreadpoolController().select(user_api="blas").lib_controllers
    own = [library for library in blas if "numpy" in library.filepath]
    return [library.num_threads for library in own or blas]


@pytest.mark.parametrize(("rows", "alone"), [(32, True), (128, False)])
def test_only_small_products_run_alone(
    monkeypatch: pytest.MonkeyPatch, rows: int, alone: bool
) -> None:
    if not ThreadpoolController().select(user_api="blas").lib_controllers:
        pytest.skip("this NumPy's BLAS has no number of threads to set")
    backend = get_backend("cpu")
    seen: list[list[int]] = []
    product = np.matmul

    def watched(*arguments: object, **options: object) -> object:
        seen.append(threads())
        return product(*arguments, **options)

    monkeypatch.setattr(numpy_backend.np, "matmul", watched)
    A, B = np.ones((rows, 784), np.float32), np.ones((784, 196), np.float32)
    assert (A.size * B.shape[1] <= SMALL_PRODUCT) is alone
    with threadpool_limits(2, user_api="blas"):
        before = threads()
        backend.matmul(A, B, out=np.empty((rows, 196), np.float32))
        assert threads() == before
    assert (set(seen[0]) == {1}) is alone
