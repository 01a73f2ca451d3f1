"""The pytest plugin: one test body on every backend, and a GPU that is missing aloud.

pytest loads this in every run of an environment that has gpunet, also for suites that know nothing
of it. So it imports nothing but pytest until a test asks for something, probes no GPU before that,
and gives way: to a fixture ``backend``, a marker ``gpu`` or an option ``--require-gpu`` that the
suite defines itself. ``-p no:gpunet`` leaves it out altogether.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gpunet.backends import Backend

BACKENDS = ("numpy", "array-api-strict", "strict-device", "cupy")
# strict-device has no array namespace: only code written with the verbs of Backend runs on it.
DEFAULT = "numpy,array-api-strict,cupy"
MARKER = "gpu: needs a usable NVIDIA GPU; skipped, with the reason, where there is none"
NO_GPU = "no usable GPU: "

_gpu_or_reason = pytest.StashKey[Any]()


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Define --gpunet-backends and the ini value gpunet_backends."""
    parser.getgroup("gpunet").addoption(
        "--gpunet-backends",
        metavar="NAMES",
        help=f"backends of the fixture `backend`, of {','.join(BACKENDS)} (default: {DEFAULT}, "
        "or the ini value gpunet_backends)",
    )
    parser.addini("gpunet_backends", "default of --gpunet-backends", default=DEFAULT)
    # pytest refuses a plugin that comes both as an entry point and by its module's name
    # (-p, pytest_plugins). Here the second name is a request that is already fulfilled.
    for name in ("gpunet", __name__):
        if not pluginmanager.has_plugin(name):
            pluginmanager.set_blocked(name)


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(parser: pytest.Parser) -> Iterator[None]:
    """Define --require-gpu after the conftest files, whose own option of that name wins."""
    yield
    try:
        parser.addoption(
            "--require-gpu",
            dest="gpunet_require_gpu",
            action="store_true",
            help="tests marked gpu fail, instead of being skipped, where no GPU is usable; a run "
            "without any such test is an error (gpunet)",
        )
    except ValueError:
        return


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and the fixture; the fixture's parameters depend on the options."""
    config.addinivalue_line("markers", MARKER)
    names = _chosen(config.getoption("--gpunet-backends") or config.getini("gpunet_backends"))
    config.pluginmanager.register(_fixtures(names), "gpunet-fixtures")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test marked gpu where no GPU is usable; with --require-gpu, fail it."""
    if item.get_closest_marker("gpu") and _marker_is_ours(item.config):
        _usable_gpu(item.config)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse a run with --require-gpu in which no test would use the GPU.

    It would succeed without having shown what it was asked to show.
    """
    config = session.config
    if not _gpu_is_required(config) or config.getoption("collectonly") or not session.items:
        return
    if not any(item.get_closest_marker("gpu") for item in session.items):
        raise pytest.UsageError(
            f"--require-gpu: none of the {len(session.items)} selected tests is marked gpu; "
            "select some that are (is cupy missing in --gpunet-backends?) or leave it out"
        )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why GPU tests were skipped, unless pytest lists the reasons itself (-rs, -ra)."""
    if "s" in terminalreporter.reportchars:
        return
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", ())
        if isinstance(report.longrepr, tuple)
    )
    for reason, count in reasons.items():
        if reason.startswith(NO_GPU):
            terminalreporter.write_line(f"gpunet: {count} skipped: {reason}")


def _fixtures(names: list[str]) -> ModuleType:
    """Return a plugin with the fixture ``backend`` over these backends."""
    mark = {"cupy": [pytest.mark.gpu]}

    @pytest.fixture(
        scope="session",  # a GPU is probed once, and hypothesis wants fixtures that last
        params=[pytest.param(name, id=name, marks=mark.get(name, ())) for name in names],
    )
    def backend(request: pytest.FixtureRequest) -> Backend:
        """A gpunet Backend: .xp, .array(host, dtype), .to_numpy(x); see --gpunet-backends."""
        return _backend(request.param, request.config)

    # A module, as pytest deprecates session fixtures that are methods of an object.
    plugin = ModuleType("gpunet_fixtures")
    plugin.backend = backend  # type: ignore[attr-defined]
    return plugin


def _chosen(text: str) -> list[str]:
    """Return the backends in a comma-separated list, each once."""
    from gpunet.errors import did_you_mean

    names = list(dict.fromkeys(filter(None, (name.strip() for name in text.split(",")))))
    for name in names:
        if name not in BACKENDS:
            raise pytest.UsageError(
                f"--gpunet-backends: unknown backend {name!r}{did_you_mean(name, BACKENDS)}; "
                f"choose from {', '.join(BACKENDS)}"
            )
    if not names:
        raise pytest.UsageError(f"--gpunet-backends: choose from {', '.join(BACKENDS)}")
    return names


def _backend(name: str, config: pytest.Config) -> Backend:
    if name == "cupy":
        return _usable_gpu(config)
    from gpunet.backends import get_backend

    if name == "numpy":
        return get_backend("cpu")
    if name == "strict-device":
        from gpunet.backends.devices.strict_device import StrictDeviceBackend

        return StrictDeviceBackend()
    reason = "array-api-strict is not installed; pip install array-api-strict"
    return get_backend(xp=pytest.importorskip("array_api_strict", reason=reason))


def _usable_gpu(config: pytest.Config) -> Backend:
    """Return the GPU's backend; where there is none, skip or fail with the reason."""
    if _gpu_or_reason not in config.stash:
        from gpunet.backends import get_backend
        from gpunet.errors import DeviceError

        try:
            config.stash[_gpu_or_reason] = get_backend("cuda")
        except DeviceError as error:
            config.stash[_gpu_or_reason] = str(error)
    found = config.stash[_gpu_or_reason]
    if isinstance(found, str):
        if _gpu_is_required(config):
            pytest.fail(f"--require-gpu: {NO_GPU}{found}", pytrace=False)
        pytest.skip(NO_GPU + found)
    return found


def _gpu_is_required(config: pytest.Config) -> bool:
    return bool(config.getoption("gpunet_require_gpu", False))


def _marker_is_ours(config: pytest.Config) -> bool:
    """Return whether nobody else registered a marker gpu: then its meaning is theirs."""
    lines = [line for line in config.getini("markers") if line.partition(":")[0].strip() == "gpu"]
    return len(lines) == 1
