"""Saving, loading, and files that are damaged or lie."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save as encode

import gpunet
from gpunet.backends import Backend
from gpunet.errors import ArgumentError, FileError, ModelFileError
from gpunet.nn.input_format import InputFormat


def network(backend: Backend | str = "cpu", dtype: str = "float32") -> gpunet.Network:
    return gpunet.Network(
        [3, 4, 2],
        hidden="gelu",
        output="softmax",
        loss="categorical_crossentropy",
        reduction="sum",
        dropout=0.25,
        device=backend,
        dtype=dtype,
        seed=9,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


def saved(path: Path, backend: Backend | str = "cpu", dtype: str = "float32") -> bytes:
    network(backend, dtype).save(path)
    return path.read_bytes()


@pytest.mark.parametrize("bias", [True, False])
def test_a_round_trip_keeps_every_bit(backend: Backend, dtype: str, path: Path, bias: bool) -> None:
    net = gpunet.Network([3, 4, 2], bias=bias, init="uniform", device=backend, dtype=dtype)
    net.input_format = InputFormat("pictures", 1 / 255, ("five", "eight"), (1, 3))
    net.save(path)
    again = gpunet.load(path, device=backend)
    assert again.architecture == net.architecture
    assert again.seed == net.seed
    assert again.input_format == net.input_format
    assert list(again.parameters) == list(net.parameters)
    for name, p in net.parameters.items():
        np.testing.assert_array_equal(backend.to_numpy(again.parameters[name]), backend.to_numpy(p))


def test_the_same_network_gives_the_same_bytes(backend: Backend, dtype: str, path: Path) -> None:
    assert saved(path, backend, dtype) == saved(path, backend, dtype)
    assert saved(path, backend, dtype) == saved(path, "cpu", dtype)


def test_a_folder_stands_for_its_model(path: Path) -> None:
    saved(path)
    assert gpunet.load(path.parent, device="cpu").architecture == network().architecture


def test_other_programs_can_read_the_file(path: Path) -> None:
    from safetensors.numpy import load_file

    saved(path)
    tensors = load_file(path)
    for name, p in network().parameters.items():
        np.testing.assert_array_equal(tensors[name], p)


def test_no_file(path: Path) -> None:
    with pytest.raises(FileError, match=r"model\.safetensors"):
        gpunet.load(path, device="cpu")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="unchanged"):
        network().save(tmp_path / "missing" / "model.safetensors")


def test_an_unknown_device_is_no_fault_of_the_file(path: Path) -> None:
    saved(path)
    with pytest.raises(ArgumentError, match="unknown device 'gpu'"):
        gpunet.load(path, device="gpu")


def refused(path: Path, content: bytes) -> str:
    """Return the message with which the content is refused."""
    path.write_bytes(content)
    with pytest.raises(ModelFileError) as caught:
        gpunet.load(path, device="cpu")
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_truncated_at_any_point(path: Path) -> None:
    content = saved(path)
    for length in range(0, len(content), 7):
        refused(path, content[:length])


@given(data=st.data())
def test_a_damaged_file_is_refused_or_is_a_network(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Some bytes may change unnoticed (a weight's); but there is no other kind of error."""
    path = tmp_path_factory.mktemp("damaged") / "model.safetensors"
    content = bytearray(saved(path))
    header = 8 + int.from_bytes(content[:8], "little")
    for _ in range(data.draw(st.integers(1, 3))):
        # Mostly in the header, where it matters.
        position = data.draw(st.integers(0, header - 1) | st.integers(0, len(content) - 1))
        content[position] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[: data.draw(st.just(len(content)) | st.integers(0, 2000))]))
    try:
        loaded = gpunet.load(path, device="cpu")
    except ModelFileError:
        pass
    else:
        assert loaded.predict_proba(np.zeros((1, loaded.architecture.sizes[0]))).size


@given(content=st.binary(max_size=100))
def test_garbage(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    refused(tmp_path_factory.mktemp("garbage") / "model.safetensors", content)


def test_another_programs_file(path: Path) -> None:
    tensors = {"weight": np.zeros((2, 2), "f4")}
    assert "another program" in refused(path, encode(tensors))
    assert "another program" in refused(path, encode(tensors, {"format": "pt"}))


def with_header(content: bytes, header: dict) -> bytes:
    length = int.from_bytes(content[:8], "little")
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def test_a_header_without_metadata(path: Path) -> None:
    content = saved(path)
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    refused(path, with_header(content, header | {"__metadata__": None}))
    refused(path, with_header(content, header | {"__metadata__": {"gpunet": "null"}}))
    refused(path, with_header(content, header | {"__metadata__": {"gpunet": "[" * 100_000}}))


ABOUT = {
    "format": 1,
    "architecture": {
        "sizes": [3, 4, 2],
        "hidden": ["gelu"],
        "output": "softmax",
        "loss": "categorical_crossentropy",
        "bias": True,
        "reduction": "sum",
        "dropout": 0.25,
        "dtype": "float32",
    },
    "seed": 9,
    "input": {"name": "", "scale": 1.0, "classes": [], "image_shape": None},
}


def claiming(**changes: object) -> bytes:
    """Return a model file whose metadata are ABOUT with these changes ("a.b" for nested ones)."""
    about = json.loads(json.dumps(ABOUT))
    for name, value in changes.items():
        *outer, last = name.split("__")
        place = about
        for step in outer:
            place = place[step]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    tensors = {n: np.asarray(p) for n, p in network().parameters.items()}
    return encode(tensors, {"gpunet": json.dumps(about)})


def test_unchanged_claims_are_believed(path: Path) -> None:
    path.write_bytes(claiming())
    assert gpunet.load(path, device="cpu").architecture == network().architecture


LIES = {
    "a later format": ({"format": 2}, "upgrade gpunet"),
    "other sizes": ({"architecture__sizes": [3, 5, 2]}, r"W1.*\(3, 5\).*\(3, 4\)"),
    # Terabytes: it must be refused before anything of that size is allocated.
    "huge sizes": ({"architecture__sizes": [10**6, 10**7, 2]}, "contradicts itself"),
    "absurd sizes": ({"architecture__sizes": [10**30, 10**30, 2]}, "contradicts itself"),
    "sizes that are words": ({"architecture__sizes": "three"}, "contradicts itself"),
    "no sizes": ({"architecture__sizes": ...}, "lacks part"),
    "an unknown setting": ({"architecture__depth": 3}, "lacks part"),
    "no biases": ({"architecture__bias": False}, "b1"),
    "an unknown activation": ({"architecture__hidden": ["swish"]}, "swish"),
    "activations that are lists": ({"architecture__hidden": [["gelu"]]}, "."),
    "no loss": ({"architecture__loss": None}, "."),
    "infinite dropout": ({"architecture__dropout": float("inf")}, "dropout"),
    "a seed too large": ({"seed": 2**40}, "seed"),
    "no seed": ({"seed": ...}, "lacks part"),
    "no input": ({"input": ...}, "lacks part"),
    "a scale that is a word": ({"input__scale": "small"}, "lacks part"),
    "a scale without end": ({"input__scale": 10**400}, "."),
    "an infinite scale": ({"input__scale": float("inf")}, "."),
    "a picture of one side": ({"input__image_shape": [28]}, "lacks part"),
    "an infinite picture": ({"input__image_shape": [float("inf"), 1]}, "."),
    "classes that are a number": ({"input__classes": 3}, "lacks part"),
    "no architecture": ({"architecture": 3}, "."),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_contradicts_itself_is_refused(path: Path, lie: str) -> None:
    changes, message = LIES[lie]
    path.write_bytes(claiming(**changes))
    with pytest.raises(ModelFileError, match=message):
        gpunet.load(path, device="cpu")


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {"W1": np.zeros((3, 4), "f4")},
        {n: np.asarray(p).T.copy() for n, p in network().parameters.items()},
        {n: np.asarray(p).astype("f8") for n, p in network().parameters.items()},
        {n: np.asarray(p) for n, p in network().parameters.items()} | {"W3": np.zeros(1, "f4")},
    ],
    ids=["none", "missing", "transposed", "another precision", "one too many"],
)
def test_other_tensors_than_claimed(path: Path, tensors: dict) -> None:
    refused(path, encode(tensors, {"gpunet": json.dumps(ABOUT)}))
