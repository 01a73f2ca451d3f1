"""A network as a Python object: copies, pickle, and what it prints of itself."""

import copy
import pickle

import numpy as np
import pytest

import gpunet
from gpunet.backends import Backend
from gpunet.nn import state

COPIES = {
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "pickle": lambda network: pickle.loads(pickle.dumps(network)),  # noqa: S301 (our own)
}


@pytest.fixture
def data() -> gpunet.datasets.Dataset:
    return gpunet.datasets.load("mnist58")[0].part(slice(0, 60))


@pytest.fixture
def network(backend: Backend, data: gpunet.datasets.Dataset) -> gpunet.Network:
    """Trained for some steps, with dropout, so that all of its state matters."""
    network = gpunet.Network([784, 5, 1], dropout=0.3, device=backend, seed=2)
    gpunet.fit(network, data, epochs=2, batch_size=20)
    return network


def skip_what_cannot_come_back(network: gpunet.Network, how: str) -> None:
    if how == "pickle" and network.backend.name == "strict-device":
        pytest.skip("a stand-in that only tests can make: its pickle comes back on the CPU")


def parameters(network: gpunet.Network) -> dict[str, np.ndarray]:
    return {k: network.backend.to_numpy(x) for k, x in network.parameters.items()}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_equal_and_goes_on_as_the_original_would(
    network: gpunet.Network, data: gpunet.datasets.Dataset, how: str
) -> None:
    skip_what_cannot_come_back(network, how)
    twin = COPIES[how](network)
    assert twin.architecture == network.architecture
    assert (twin.seed, twin.input_format) == (network.seed, network.input_format)
    ours, theirs = (gpunet.fit(x, data, epochs=3, batch_size=20) for x in (network, twin))
    assert ours.loss == theirs.loss
    for name, values in parameters(network).items():
        np.testing.assert_array_equal(parameters(twin)[name], values)


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_shares_no_array_with_the_original(
    network: gpunet.Network, data: gpunet.datasets.Dataset, how: str
) -> None:
    twin, before = COPIES[how](network), parameters(network)
    gpunet.fit(twin, data, epochs=1)
    for name, values in before.items():
        np.testing.assert_array_equal(parameters(network)[name], values)
        assert (parameters(twin)[name] != values).any()


def test_a_copy_stays_on_the_device_itself(network: gpunet.Network) -> None:
    assert copy.deepcopy(network).backend is network.backend


def test_a_pickle_comes_back_on_the_same_kind_of_device(network: gpunet.Network) -> None:
    skip_what_cannot_come_back(network, "pickle")
    twin = COPIES["pickle"](network)
    assert (twin.backend.name, twin.backend.device) == (
        network.backend.name,
        network.backend.device,
    )


def test_where_the_device_is_gone_a_pickle_comes_back_on_the_cpu(
    network: gpunet.Network, data: gpunet.datasets.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_the_cpu(device: str = "auto", *, xp: object = None) -> Backend:
        if device != "cpu":
            raise gpunet.errors.DeviceError("there is no GPU 7")
        return gpunet.get_backend("cpu")

    stored, expected = network.__getstate__(), network.predict_proba(data)
    stored |= {"device": "cuda:7", "xp": None}
    monkeypatch.setattr(state, "get_backend", only_the_cpu)
    twin = object.__new__(gpunet.Network)
    twin.__setstate__(stored)
    assert twin.backend.device == "cpu"
    assert "cuda:7" in twin.backend.reason
    assert "there is no GPU 7" in twin.backend.reason
    # Sums of 784 products round in another order elsewhere: some 1e-7 each.
    np.testing.assert_allclose(twin.predict_proba(data), expected, atol=1e-5)


def test_a_pickle_holds_plain_arrays(network: gpunet.Network) -> None:
    """So that it can be read where the device's library is not even installed."""
    stored = network.__getstate__()
    assert {type(x) for x in stored["parameters"].values()} == {np.ndarray}
    assert type(stored["step"]) is np.ndarray
    assert "backend" not in stored["kept"]


def test_a_subclass_and_what_is_set_on_a_network_are_copied_too() -> None:
    network = Named([3, 1], device="cpu")
    network.notes = ["first"]
    for make in COPIES.values():
        twin = make(network)
        assert type(twin) is Named
        assert twin.notes == ["first"]
        assert twin.notes is not network.notes


class Named(gpunet.Network):
    notes: list[str]


def test_architectures_are_compared_by_what_they_are() -> None:
    def architecture(**settings: object) -> object:
        return gpunet.Network(**{"sizes": [4, 3, 1], "device": "cpu"} | settings).architecture

    assert architecture() == architecture(hidden=["sigmoid"], sizes=np.array([4, 3, 1]), seed=7)
    assert hash(architecture()) == hash(architecture(seed=7))
    for other in ({"hidden": "relu"}, {"sizes": [4, 2, 1]}, {"bias": False}, {"dtype": "float64"}):
        assert architecture() != architecture(**other)


def test_what_a_network_prints_of_itself_makes_such_a_network() -> None:
    for settings in (
        {"sizes": [4, 3, 1]},
        {"sizes": [4, 1], "bias": False, "reduction": "sum", "seed": 3},
        {"sizes": [4, 3, 2, 5], "hidden": ["relu", "tanh"], "output": "softmax", "dropout": 0.25,
         "loss": "categorical_crossentropy", "dtype": "float64"},
    ):  # fmt: skip
        network = gpunet.Network(**settings, device="cpu")
        again = eval(repr(network), {"Network": gpunet.Network})  # noqa: S307 (our own text)
        assert again.architecture == network.architecture
        assert again.seed == network.seed
        assert again.backend.device == "cpu"


def test_the_summary_counts_what_there_is(data: gpunet.datasets.Dataset) -> None:
    network = gpunet.Network([784, 30, 20, 1], hidden=["relu", "tanh"], device="cpu")
    assert "learnt from" not in network.summary()
    gpunet.fit(network, data, epochs=1)
    shown = network.summary()
    rows = [line.split() for line in shown.splitlines()[1:4]]
    assert [row[3] for row in rows] == ["relu", "tanh", "sigmoid"]
    counts = [int(row[4].replace(",", "")) for row in rows]
    assert sum(counts) == sum(x.size for x in network.parameters.values())
    assert f"{sum(counts):,} parameters" in shown
    assert "learnt from mnist58; pictures of 28 x 28" in shown
    assert repr(shown) == shown == str(shown)


def test_a_summary_cannot_steer_a_terminal() -> None:
    network = gpunet.Network([2, 1], device="cpu")
    X, y = np.zeros((2, 2)), np.array([0, 1])
    named = gpunet.datasets.Dataset(X, y, classes=("\x1b[31mred", "two\nlines"), name="\x1b[2J")
    gpunet.fit(network, named, epochs=1)
    assert "\x1b" not in network.summary()
    assert "two\\nlines" in network.summary()
