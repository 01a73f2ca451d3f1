"""The model file: safetensors, with the architecture as JSON in its metadata."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from gpunet.datasets.preparation import Preparation
from gpunet.errors import ArgumentError, FileError, ModelFileError
from gpunet.files import write_atomically
from gpunet.nn.architecture import Architecture, describe
from gpunet.nn.input_format import InputFormat
from gpunet.nn.slices import Slices

FORMAT = 1
FILE_NAME = "model.safetensors"


@dataclass(frozen=True)
class Model:
    """What a model file holds: a network, on the host.

    Attributes:
        architecture, seed, input_format: As in Network.
        parameters: {"W1": (fan_in, fan_out), "b1": (fan_out,), ...}, in the architecture's dtype.
    """

    architecture: Architecture
    seed: int
    input_format: InputFormat
    parameters: dict[str, NDArray]


def write(path: str | os.PathLike[str], model: Model) -> None:
    """Write the model to ``path``, all of it or nothing; raises FileError."""
    from safetensors.numpy import save

    about = {
        "format": FORMAT,
        "architecture": asdict(model.architecture),
        "seed": model.seed,
        "input": _about_inputs(model.input_format),
    }
    # One metadata key only: safetensors does not keep several in a fixed order, and the same
    # network must give the same bytes.
    write_atomically(path, save(model.parameters, {"gpunet": json.dumps(about, sort_keys=True)}))


def _about_inputs(known: InputFormat) -> dict[str, Any]:
    preparation = known.preparation
    about = asdict(replace(known, preparation=None))
    del about["preparation"]
    return about | ({"preparation": preparation.to_dict()} if preparation else {})


def read(path: str | os.PathLike[str]) -> Model:
    """Return the model in a file that ``write`` wrote, or in a folder that holds one.

    Raises:
        FileError: There is no such file, or it cannot be read.
        ModelFileError: It is damaged, no safetensors file, or not from gpunet.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

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
        tensors = load(content)
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
    if about.get("format") != FORMAT:
        raise ModelFileError(
            f"{path} has format {about.get('format')!r}, this gpunet reads {FORMAT}; upgrade gpunet"
        )
    try:
        return _model(about, tensors)
    except ArgumentError as error:
        raise ModelFileError(f"{path} contradicts itself: {error}") from error
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise ModelFileError(
            f"{path} lacks part of its architecture ({type(error).__name__}: {error}); train or "
            "copy it again"
        ) from error


def _metadata(content: bytes) -> dict[str, Any] | None:
    """Return gpunet's part of the metadata: a file starts with 8 bytes of length, then JSON."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    text = (header.get("__metadata__") or {}).get("gpunet")
    return None if text is None else dict(json.loads(text))


def _model(about: dict[str, Any], tensors: dict[str, NDArray]) -> Model:
    """Put together what was read; raises ArgumentError where it contradicts itself."""
    architecture, given = describe(**about["architecture"]), about["input"]
    _check_shapes(architecture, tensors)
    shape = given["image_shape"]
    known = InputFormat(
        str(given["name"]),
        float(given["scale"]),
        tuple(str(c) for c in given["classes"]),
        (int(shape[0]), int(shape[1])) if shape else None,
        dict(given.get("source", {})),
        Preparation.from_dict(given["preparation"]) if given.get("preparation") else None,
    )
    if problem := known.contradiction(architecture):
        raise ArgumentError(problem)
    return Model(architecture, about["seed"], known, tensors)


def _check_shapes(architecture: Architecture, tensors: dict[str, NDArray]) -> None:
    """Compare with the tensors before the architecture's own sizes are believed and allocated."""
    expected = Slices.of(architecture.sizes, architecture.bias).shapes
    found = {name: tensor.shape for name, tensor in tensors.items()}
    if found != expected:
        name = next(n for n in sorted({**expected, **found}) if found.get(n) != expected.get(n))
        raise ArgumentError(
            f"by its architecture {name} has shape {expected.get(name, 'none')}, in the file "
            f"{found.get(name, 'none')}"
        )
    other = {str(tensor.dtype) for tensor in tensors.values()} - {architecture.dtype}
    if other:
        raise ArgumentError(
            f"by its architecture it holds {architecture.dtype}, in the file "
            f"{' and '.join(sorted(other))}"
        )
