"""After warm-up, a training step on the CPU allocates no array."""

import tracemalloc

import numpy as np
import pytest

import gpunet
from gpunet.nn.feed import Feed
from gpunet.training.step import Step

FEATURES, HIDDEN, OUTPUTS = 30, 40, 10

OPTIMIZERS = {
    "sgd": gpunet.SGD(0.1),
    "nesterov": gpunet.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "adamw": gpunet.AdamW(clip_norm=1.0),
    "rmsprop": gpunet.RMSProp(),
}


def peak_of_a_step(n: int, optimizer: str, dropout: float, stored: str) -> int:
    """Return the bytes that a step on n examples holds at its peak, beyond those before it."""
    network = gpunet.Network(
        [FEATURES, HIDDEN, OUTPUTS],
        hidden="gelu",  # its derivative needs the most scratch
        output="softmax",
        loss="categorical_crossentropy",
        dropout=dropout,
        device="cpu",
    )
    random = np.random.default_rng(0)
    X = random.integers(0, 2, (2 * n, FEATURES)).astype(stored)
    feed = Feed(network.backend, network.check(X, random.integers(0, OUTPUTS, 2 * n)))
    mlp, Y, logits = network.mlp, network.mlp.zeros(n, OUTPUTS), network.mlp.zeros(n, OUTPUTS)
    rows = network.backend.array(random.permutation(2 * n)[:n], "int64")
    stepper = OPTIMIZERS[optimizer].start(network.backend, mlp.theta, "float32")

    inputs, outputs = (rows, Y, stepper.scalars), (logits,)
    bound = network.backend.bind(Step(mlp, feed, stepper, n), inputs, outputs)

    def step() -> None:
        stepper.load_scalars(0.0)
        bound(inputs, outputs)

    step()  # starts threads
    tracemalloc.start()
    try:
        for _ in range(5):  # Python's own caches of small objects fill up
            step()
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        step()
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 2048  # nothing is kept but a few small Python objects
    return peak - before


@pytest.mark.parametrize(
    ("optimizer", "dropout", "stored"),
    [
        ("sgd", 0.0, "uint8"),
        ("nesterov", 0.5, "float32"),
        ("adamw", 0.5, "uint8"),
        ("rmsprop", 0.0, "float32"),
    ],
)
def test_a_step_allocates_no_array(optimizer: str, dropout: float, stored: str) -> None:
    # NumPy's ufuncs use buffers of their own where they convert or broadcast: at most
    # np.getbufsize() elements for each of three operands, however large the arrays are. The
    # smaller batch fills them, so whatever the larger one needs beyond that is an array.
    few, many = 2048, 8192
    assert few * OUTPUTS > np.getbufsize()
    small, large = (peak_of_a_step(n, optimizer, dropout, stored) for n in (few, many))
    # The smallest array that grows with the batch: one byte an example, a truth value.
    assert large - small < many - few
    assert small < 3 * 8 * np.getbufsize() + few
