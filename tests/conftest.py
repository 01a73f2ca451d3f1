"""What every test may use: one test body for every backend and both precisions."""

from functools import cache

import hypothesis
import pytest

from gpunet.backends import Backend, get_backend
from gpunet.backends.strict_device import StrictDeviceBackend
from gpunet.errors import DeviceError

# How long an example takes says nothing about whether it is right, and machines differ.
hypothesis.settings.register_profile("gpunet", deadline=None, max_examples=30)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=2000)
hypothesis.settings.load_profile("gpunet")  # pytest --hypothesis-profile=thorough looks longer


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-gpu",
        action="store_true",
        help="tests marked gpu fail, instead of being skipped, where no GPU is usable",
    )


@cache
def why_no_gpu() -> str:
    """Return why no GPU is usable, or "" if one is."""
    try:
        get_backend("cuda")
    except DeviceError as error:
        return str(error)
    return ""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") and why_no_gpu():
        if item.config.getoption("--require-gpu"):
            pytest.fail(f"--require-gpu: no usable GPU: {why_no_gpu()}", pytrace=False)
        pytest.skip(f"no usable GPU: {why_no_gpu()}")


def make_backend(name: str) -> Backend:
    if name == "cupy":
        return get_backend("cuda")
    if name == "numpy":
        return get_backend("cpu")
    if name == "strict-device":
        return StrictDeviceBackend()
    import array_api_strict

    return get_backend(xp=array_api_strict)


@pytest.fixture(
    scope="session",  # hypothesis wants fixtures that last; and a GPU is probed once
    params=[
        "numpy",
        "array-api-strict",
        "strict-device",
        pytest.param("cupy", marks=pytest.mark.gpu),
    ],
)
def backend(request: pytest.FixtureRequest) -> Backend:
    return make_backend(request.param)


@pytest.fixture(scope="session", params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> str:
    return request.param
