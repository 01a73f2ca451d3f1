"""The model file: safetensors, with the architecture as JSON in its metadata."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpunet.backends import Backend, get_backend
from gpunet.errors import ArgumentError, FileError, GpunetError, ModelFileError
from gpunet.files import write_atomically
from gpunet.nn.architecture import describe
from gpunet.nn.input_format import InputFormat
from gpunet.nn.slices import Slices

if TYPE_CHECKING:
    from gpunet.nn.network import Network

FORMAT = 1
FILE_NAME = "model.safetensors"


def save(network: Network, path: str | os.PathLike[str]) -> None:
    """Write the network to ``path``, all of it or nothing; raises FileError."""
    from safetensors.numpy import save as encode

    tensors = {n: network.backend.to_numpy(x) for n, x in network.parameters.items()}
    about = {
        "format": FORMAT,
        "architecture": asdict(network.architecture),
        "seed": network.seed,
        "input": asdict(network.input_format),
    }
    # One metadata key only: safetensors does not keep several in a fixed order, and the same
    # network must give the same bytes.
    write_atomically(path, encode(tensors, {"gpunet": json.dumps(about, sort_keys=True)}))


def load(path: str | os.PathLike[str], device: str | Backend = "auto") -> Network:
    """Return the network in a file that ``Network.save`` wrote, or in a folder that holds one.

    Raises:
        FileError: There is no such file, or it cannot be read.
        ModelFileError: It is damaged, no safetensors file, or not from gpunet.
        DeviceError: The device cannot be used.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load as decode

    if not isinstance(path, str | os.PathLike):
        raise ArgumentError(f"expected the path of a model file, got {path!r}")
    path = Path(path)
    if path.is_dir():
        path = path / FILE_NAME
    if path.exists() and not path.is_file():
        raise FileError(f"{path} is no regular file; `gpunet train --out DIR` writes a model")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileError(
            f"cannot read the model {path} ({error.strerror}); `gpunet train --out DIR` writes one"
        ) from error
    try:
        tensors = decode(content)
        about = _metadata(content)
    # RecursionError: JSON that is nested too deeply.
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelFileError(
            f"{path} is not a complete safetensors file ({error}); train or copy it again"
        ) from error
    if about is None:
        raise ModelFileError(
            f"{path} is a safetensors file of another program: it has no gpunet architecture"
        )
    backend = device if isinstance(device, Backend) else get_backend(device)
    return _build(path, about, tensors, backend)


def _metadata(content: bytes) -> dict[str, Any] | None:
    """Return gpunet's part of the metadata: a file starts with 8 bytes of length, then JSON."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    text = (header.get("__metadata__") or {}).get("gpunet")
    return None if text is None else dict(json.loads(text))


def _build(path: Path, about: dict[str, Any], tensors: dict[str, Any], backend: Backend) -> Network:
    from gpunet.nn.network import Network

    if about.get("format") != FORMAT:
        raise ModelFileError(
            f"{path} has format {about.get('format')!r}, this gpunet reads {FORMAT}; upgrade gpunet"
        )
    try:
        _check_shapes(path, about["architecture"], tensors)
        network = Network(**about["architecture"], seed=about["seed"], init="zeros", device=backend)
        network.load_parameters(tensors)
        given = about["input"]
        shape = given["image_shape"]
        network.input_format = InputFormat(
            str(given["name"]),
            float(given["scale"]),
            tuple(str(c) for c in given["classes"]),
            (int(shape[0]), int(shape[1])) if shape else None,
            dict(given.get("source", {})),
        )
        if problem := network.input_format.contradiction(network.architecture):
            raise ModelFileError(f"{path} contradicts itself: {problem}")
    except ArgumentError as error:
        raise ModelFileError(f"{path} contradicts itself: {error}") from error
    except GpunetError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise ModelFileError(
            f"{path} lacks part of its architecture ({type(error).__name__}: {error}); train or "
            "copy it again"
        ) from error
    return network


def _check_shapes(path: Path, architecture: dict[str, Any], tensors: dict[str, Any]) -> None:
    """Compare with the tensors before the architecture's own sizes are believed and allocated."""
    expected = Slices.of(describe(**architecture).sizes, bool(architecture["bias"])).shapes
    found = {name: tensor.shape for name, tensor in tensors.items()}
    if found != expected:
        name = next(n for n in sorted({**expected, **found}) if found.get(n) != expected.get(n))
        raise ModelFileError(
            f"{path} contradicts itself: by its architecture {name} has shape "
            f"{expected.get(name, 'none')}, in the file {found.get(name, 'none')}"
        )
    other = {str(tensor.dtype) for tensor in tensors.values()} - {architecture["dtype"]}
    if other:
        raise ModelFileError(
            f"{path} contradicts itself: by its architecture it holds {architecture['dtype']}, "
            f"in the file {' and '.join(sorted(other))}"
        )
