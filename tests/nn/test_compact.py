"""Training without the inputs that are always 0: the same network comes out."""

import numpy as np
import pytest

import gpunet
from gpunet.backends.devices.numpy_backend import NumpyBackend
from gpunet.training import Training

UNUSED = [0, 3, 4, 11]


class Whole(NumpyBackend):
    """Leaves nothing out."""

    leaves_zeros_out = False


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    X = random.integers(0, 9, (60, 12)).astype(np.uint8)
    X[:, UNUSED] = 0
    return X, np.arange(60) % 3


def network(backend: gpunet.Backend, dropout: float = 0.0) -> gpunet.Network:
    return gpunet.Network(
        [12, 7, 5, 3],
        output="softmax",
        loss="categorical_crossentropy",
        dropout=dropout,
        device=backend,
        dtype="float64",
        seed=3,
    )


OPTIMIZERS = {
    "sgd": gpunet.SGD(0.05, momentum=0.9, nesterov=True),
    "adam": gpunet.Adam(0.01, clip_norm=0.3),
    "rmsprop": gpunet.RMSProp(0.01),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("batch_size", [16, None])
def test_it_is_the_whole_networks_training(
    data: tuple[np.ndarray, np.ndarray], optimizer: str, batch_size: int | None
) -> None:
    pair = [network(backend, dropout=0.2) for backend in (NumpyBackend(), Whole())]
    start = np.array(pair[0].parameters["W1"])
    trainings = [
        Training(net, *data, optimizer=OPTIMIZERS[optimizer], batch_size=batch_size, epochs=3)
        for net in pair
    ]
    assert [t.epochs.mlp.architecture.sizes[0] for t in trainings] == [8, 12]
    histories = [training.run() for training in trainings]
    # Terms of 0 are left out of sums in float64; over a few steps some roundings of 1e-16.
    np.testing.assert_allclose(histories[0].loss, histories[1].loss, rtol=1e-11)
    for name, value in pair[0].parameters.items():
        np.testing.assert_allclose(value, pair[1].parameters[name], rtol=1e-9, atol=1e-13)
    W1 = pair[0].parameters["W1"]
    np.testing.assert_array_equal(W1[UNUSED], start[UNUSED])
    assert (np.delete(W1, UNUSED, axis=0) != np.delete(start, UNUSED, axis=0)).all()


@pytest.mark.parametrize(
    "optimizer",
    [gpunet.SGD(0.1, weight_decay=1e-3), gpunet.AdamW(0.01)],
    ids=["decay", "decoupled decay"],
)
def test_weight_decay_shrinks_all_weights(
    data: tuple[np.ndarray, np.ndarray], optimizer: gpunet.SGD
) -> None:
    net = network(NumpyBackend())
    start = np.array(net.parameters["W1"])
    gpunet.fit(net, *data, optimizer=optimizer, epochs=2)
    assert (np.abs(net.parameters["W1"][UNUSED]) < np.abs(start[UNUSED])).all()


def test_callbacks_see_and_may_change_the_network(data: tuple[np.ndarray, np.ndarray]) -> None:
    net = network(NumpyBackend())
    seen: list[float] = []

    def look(epoch: int, logs: dict[str, float]) -> None:
        seen.append(net.evaluate(*data)["loss"])
        if epoch == 2:
            net.load_parameters({name: 0 * W for name, W in net.parameters.items()})

    history = gpunet.fit(net, *data, epochs=3, validation=data, callbacks=[look])
    assert history.val_loss == seen
    assert len(set(seen)) == 3
    # The third epoch starts from zeros: three classes, each as likely.
    assert history.loss[2] == pytest.approx(np.log(3))


def test_what_looks_at_each_step_sees_the_network(data: tuple[np.ndarray, np.ndarray]) -> None:
    net = network(NumpyBackend())
    losses: list[float] = []

    class Look(gpunet.Callback):
        def on_batch_end(self, epoch: int, batch: int) -> None:
            losses.append(net.evaluate(*data)["loss"])

    gpunet.fit(net, *data, batch_size=20, epochs=2, callbacks=[Look()])
    assert len(set(losses)) == 6


def test_a_run_that_diverges_leaves_what_it_had_learnt(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    net = network(NumpyBackend())
    start = np.array(net.parameters["W2"])
    with pytest.raises(gpunet.GpunetError):
        gpunet.fit(net, *data, optimizer=gpunet.SGD(1e308), epochs=5)
    assert (net.parameters["W2"] != start).any()


def test_other_inputs_are_left_as_they_are(data: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = data
    for other in (X.astype("float64"), X + 1, np.zeros_like(X)):
        training = Training(network(NumpyBackend()), other, y, batch_size=16)
        assert training.epochs.mlp.architecture.sizes[0] == 12


def test_a_callback_that_fails_leaves_the_network_as_it_last_saw_it(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    net = network(NumpyBackend())

    def fail(epoch: int, logs: dict[str, float]) -> None:
        net.load_parameters({name: 0 * W + 7 for name, W in net.parameters.items()})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        gpunet.fit(net, *data, epochs=3, callbacks=[fail])
    assert (net.parameters["W1"] == 7).all()


def test_dropout_masks_are_those_of_the_networks_seed(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    """Whatever the shuffle's: else a CPU would not train as a GPU does."""
    pair = [network(backend, dropout=0.3) for backend in (NumpyBackend(), Whole())]
    losses = [gpunet.fit(net, *data, batch_size=16, epochs=2, seed=5).loss for net in pair]
    # The same sums of 1e-16 roundings as above; other masks change the second digit.
    np.testing.assert_allclose(*losses, rtol=1e-11)


def test_nothing_learnt_is_lost_after_a_callback_has_failed(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    def fail_once(epoch: int, logs: dict[str, float]) -> None:
        if epoch == 1:
            raise ZeroDivisionError

    pair = [network(backend) for backend in (NumpyBackend(), Whole())]
    for net in pair:
        training = Training(net, *data, batch_size=16, callbacks=[fail_once])
        with pytest.raises(ZeroDivisionError):
            training.advance(1)
        training.advance(2)
    for name, value in pair[0].parameters.items():
        np.testing.assert_allclose(value, pair[1].parameters[name], rtol=1e-9, atol=1e-13)
