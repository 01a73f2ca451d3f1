"""What every test may use; the fixture ``backend`` comes from gpunet.parity.plugin."""

import hypothesis
import pytest

import gpunet
from gpunet.backends import LaunchBackend

pytest_plugins = ["pytester"]  # for the tests of that plugin

# How long an example takes says nothing about whether it is right, and machines differ.
hypothesis.settings.register_profile("gpunet", deadline=None, max_examples=20)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=2000)
hypothesis.settings.load_profile("gpunet")  # pytest --hypothesis-profile=thorough looks longer


@pytest.fixture
def launches(backend: gpunet.Backend) -> None:
    """Let only those backends in that programs are compiled for."""
    if not isinstance(backend, LaunchBackend):
        pytest.skip("it is given texts as they stand, and has no launches")


@pytest.fixture(scope="session", params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> str:
    return request.param
