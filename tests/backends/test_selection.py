"""Choosing a device, and saying why."""

import ast
import inspect
from pathlib import Path

import numpy as np
import pytest

import gpunet
from gpunet.backends import Backend, LaunchBackend, get_backend, selection
from gpunet.backends.devices.array_api import ArrayApiBackend
from gpunet.backends.devices.numpy_backend import NumpyBackend
from gpunet.backends.devices.strict_device import StrictDeviceBackend
from gpunet.backends.diagnosis.failures import Facts, explain
from gpunet.backends.diagnosis.probe import probe
from gpunet.errors import ArgumentError, DeviceError, GpunetError


def test_cpu_is_always_there() -> None:
    assert get_backend("cpu").device == "cpu"
    assert gpunet.available_devices()[0] == "cpu"


def test_auto_runs_somewhere_and_says_why() -> None:
    backend = get_backend("auto")
    assert backend.device in gpunet.available_devices()
    assert backend.reason


def test_an_array_namespace_chooses_its_backend() -> None:
    import array_api_strict

    assert isinstance(get_backend(xp=np), NumpyBackend)
    assert get_backend(xp=array_api_strict).xp is array_api_strict


def test_what_is_no_namespace_is_refused() -> None:
    with pytest.raises(DeviceError, match="not an array-API namespace"):
        get_backend(xp=ast)


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "CPU", "", None, 0])
def test_an_unknown_device_is_refused(name: object) -> None:
    with pytest.raises(ArgumentError, match="expected auto, cpu, cuda or cuda:N"):
        get_backend(name)


@pytest.mark.gpu
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(DeviceError, match="there is no GPU 999"):
        get_backend("cuda:999")


@pytest.mark.gpu
def test_cuda_is_among_the_devices() -> None:
    assert get_backend("cuda").device in gpunet.available_devices()


def test_without_cupy_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection.util, "find_spec", lambda name: None)
    with pytest.raises(DeviceError, match=r"pip install 'gpunet\[cuda12x\]'"):
        get_backend("cuda")
    assert "CuPy is not installed" in get_backend("auto").reason
    assert gpunet.available_devices() == ["cpu"]


def test_two_cupy_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection.util, "find_spec", lambda name: object())
    both = ["cupy-cuda12x", "cupy-cuda13x"]
    monkeypatch.setattr(selection, "installed_cupy_wheels", lambda: both)
    with pytest.raises(DeviceError, match="pip uninstall -y cupy-cuda12x cupy-cuda13x"):
        get_backend("cuda")


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("cudaErrorInsufficientDriver: CUDA driver version is insufficient", "no NVIDIA driver"),
        ("cudaErrorNoDevice: no CUDA-capable device is detected", "reports no GPU"),
        ("Out of memory allocating 8 bytes (OutOfMemoryError)", "out of memory"),
        ("libnvrtc.so.12: cannot open shared object file", "NVRTC"),
        ("libcublas.so.12: cannot open shared object file", "CUDA library is missing"),
        ("something else", "the GPU cannot be used"),
    ],
)
def test_errors_of_cupy_are_explained_in_one_line(text: str, meaning: str) -> None:
    message = explain(RuntimeError(f"{text}\nand more"))
    assert meaning in message
    assert "\n" not in message


def test_an_old_driver_is_not_called_a_missing_one() -> None:
    error = RuntimeError("cudaErrorInsufficientDriver: CUDA driver version is insufficient")
    facts = Facts(driver=12020, wheels=["cupy-cuda13x"])
    assert "pip uninstall -y cupy-cuda13x && pip install 'gpunet[cuda12x]'" in explain(error, facts)
    assert "too old" in explain(error, facts)


def test_a_device_that_computes_wrongly_is_refused() -> None:
    class Wrong(NumpyBackend):
        def matmul(self, A, B, out) -> None:
            out[...] = 0

    probe(NumpyBackend())
    with pytest.raises(DeviceError, match="wrongly"):
        probe(Wrong())


def test_every_error_is_a_gpunet_error() -> None:
    for error in (ArgumentError, DeviceError):
        assert issubclass(error, GpunetError)


def signatures(methods: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: arguments for name, arguments in methods.items() if name[0] != "_"}


def of_class(cls: type) -> dict[str, list[str]]:
    functions = inspect.getmembers(cls, inspect.isfunction)
    return signatures({n: list(inspect.signature(f).parameters) for n, f in functions})


def test_every_backend_has_the_same_signatures() -> None:
    """CuPy's is read as text, so that it is checked where CuPy cannot be imported."""
    wanted = of_class(LaunchBackend)
    assert of_class(ArrayApiBackend) == of_class(Backend)
    for cls in (NumpyBackend, StrictDeviceBackend):
        assert of_class(cls) == wanted
    path = Path(selection.__file__).parent / "devices" / "cupy_backend.py"
    (cupy,) = (node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef))
    functions = (node for node in cupy.body if isinstance(node, ast.FunctionDef))
    found = signatures({f.name: [a.arg for a in f.args.args] for f in functions})
    assert found.items() <= wanted.items()
    abstract = LaunchBackend.__abstractmethods__
    assert abstract <= found.keys()
