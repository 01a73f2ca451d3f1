"""Whatever is drawn at random is the same on every device, to the bit."""

import numpy as np
from pieces import masks

import gpunet
from gpunet.backends import Backend, get_backend
from gpunet.nn.initializers import INITIALIZERS


def mask(backend: Backend, n: int, steps: int = 2) -> np.ndarray:
    return masks(backend, 6, 0.5, 11, n, steps, "float32")[-1]


def test_initial_weights(backend: Backend, dtype: str) -> None:
    for init in INITIALIZERS:
        ours, numpys = (
            gpunet.Network([7, 5, 2], init=init, device=b, dtype=dtype, seed=4)
            for b in (backend, get_backend("cpu"))
        )
        for name, W in ours.parameters.items():
            found, expected = backend.to_numpy(W), numpys.parameters[name]
            assert found.tobytes() == expected.tobytes(), (init, name)


def test_dropout_masks(backend: Backend) -> None:
    found = mask(backend, 8)
    assert set(np.unique(found)) == {0.0, 2.0}
    assert found.tobytes() == mask(get_backend("cpu"), 8).tobytes()


def test_a_mask_depends_on_its_position_only(backend: Backend) -> None:
    """Not on the size of the batch, nor on the masks of other layers or steps."""
    np.testing.assert_array_equal(mask(backend, 3), mask(backend, 8)[:3])
    assert not np.array_equal(mask(backend, 8, steps=1), mask(backend, 8, steps=2))


def test_shuffles(backend: Backend) -> None:
    """Batches come in the same order: the first step of an epoch sees the same examples."""
    X, Y = np.eye(16, dtype=np.float32), np.arange(16) % 2
    seen = []
    for where in (backend, get_backend("cpu")):
        network = gpunet.Network([16, 1], init="zeros", device=where, seed=9)
        gpunet.fit(network, X, Y, epochs=1, batch_size=4)
        seen.append(where.to_numpy(network.parameters["W1"]))
    # Another order moves the bias differently, which changes the weights by some 1e-3 of them;
    # devices differ by a few units in the last place, 1e-7.
    np.testing.assert_allclose(*seen, rtol=1e-5)
