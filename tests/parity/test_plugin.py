"""The plugin in other people's suites: it runs them on every backend, and stays out of the way."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

# pytester forgets the modules that a run inside this process was the first to import, but NumPy
# cannot be imported twice. So they are imported here.
import gpunet.backends.devices.strict_device
import gpunet.parity.within
from gpunet.errors import DeviceError

pytest.importorskip("array_api_strict")

NO_GPU = "the driver sleeps"
README = Path(__file__).parents[2] / "README.md"

# A user's module and the tests of it: not a line says how many backends there are.
MODULE = """
    def softplus(xp, x):
        return xp.log1p(xp.exp(x))

    def softplus_slope(xp, x):
        return 1.0 / (1.0 + xp.exp(-x))
"""
TESTS = """
    import numpy as np
    from gpunet.parity import assert_within_bound, gamma
    from mine import softplus, softplus_slope

    X = np.linspace(-4, 4, 9, dtype="float32")
    EXACT = np.exp(X.astype("float64"))

    def test_softplus(backend):
        found = softplus(backend.xp, backend.array(X, "float32"))
        assert_within_bound(found, np.log1p(EXACT), gamma(20, "float32") * (1 + EXACT), "softplus")

    def test_slope(backend):
        found = softplus_slope(backend.xp, backend.array(X, "float32"))
        assert_within_bound(found, EXACT / (1 + EXACT), gamma(20, "float32"), "softplus'")
"""


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a machine with a GPU behave as one without."""

    def refuse(device: str) -> None:
        raise DeviceError(NO_GPU)

    monkeypatch.setattr("gpunet.backends.selection._gpu", refuse)


@pytest.fixture
def suite(pytester: pytest.Pytester, no_gpu: None) -> pytest.Pytester:
    """Return the user's project. Warnings are errors in it, as they may be in any."""
    pytester.makeini("[pytest]\naddopts = --strict-markers --strict-config\nfilterwarnings = error")
    pytester.makepyfile(mine=MODULE, test_mine=TESTS)
    pytester.syspathinsert()
    return pytester


@pytest.fixture
def other(pytester: pytest.Pytester, no_gpu: None) -> pytest.Pytester:
    """Return a project without tests."""
    return pytester


def run(suite: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return suite.runpytest_inprocess("-p", "no:hypothesispytest", *arguments)


def test_a_right_formula_passes_on_every_backend(suite: pytest.Pytester) -> None:
    result = run(suite, "-v")
    result.assert_outcomes(passed=4, skipped=2)
    for name in ("numpy", "array-api-strict"):
        result.stdout.fnmatch_lines(f"test_mine.py::test_slope[[]{name}[]] PASSED*")
    assert "strict-device" not in result.stdout.str()  # it has no namespace to call `mine` with


def test_a_wrong_formula_is_caught_by_name_and_element(suite: pytest.Pytester) -> None:
    source = suite.path / "mine.py"
    source.write_text(source.read_text().replace("xp.exp(-x)", "xp.exp(-x) * (1.0 + 1e-4)"))
    result = run(suite)
    result.assert_outcomes(passed=2, failed=2, skipped=2)
    result.stdout.fnmatch_lines(
        ["*AssertionError: softplus': 9 of 9 outside the bound; the worst at [[]?[]]:", "*ULPs*"]
    )
    # The traceback ends in the user's line, not inside gpunet.
    assert "within.py" not in result.stdout.str()


@pytest.mark.parametrize("option", [[], ["-rs"]], ids=["plain", "-rs"])
def test_why_a_test_was_skipped_is_seen_once(suite: pytest.Pytester, option: list[str]) -> None:
    printed = run(suite, *option).stdout.str()
    assert printed.count(f"no usable GPU: {NO_GPU}") == 1


def test_array_api_strict_may_be_missing(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "array_api_strict", None)
    result = run(suite, "-rs")
    result.assert_outcomes(passed=2, skipped=4)
    result.stdout.fnmatch_lines("SKIPPED*array-api-strict is not installed; pip install array-*")


def test_a_required_gpu_that_is_missing_fails_the_tests(suite: pytest.Pytester) -> None:
    result = run(suite, "--require-gpu")
    result.assert_outcomes(passed=4, errors=2)
    result.stdout.fnmatch_lines(f"*--require-gpu: no usable GPU: {NO_GPU}")
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_a_required_gpu_that_no_test_would_use_is_an_error(suite: pytest.Pytester) -> None:
    result = run(suite, "--require-gpu", "--gpunet-backends=numpy")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("*--require-gpu: none of the 2 selected tests is marked gpu;*")


@pytest.mark.parametrize("option", [[], ["--require-gpu"]], ids=["plain", "required"])
def test_a_usable_gpu_runs_them(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, option: list[str]
) -> None:
    monkeypatch.setattr("gpunet.backends.selection._gpu", lambda device: gpunet.get_backend("cpu"))
    run(suite, *option).assert_outcomes(passed=6)


@pytest.mark.parametrize(
    ("names", "count"),
    [("numpy", 2), ("array-api-strict, numpy", 4), ("numpy,numpy", 2)],
)
def test_backends_are_chosen(suite: pytest.Pytester, names: str, count: int) -> None:
    run(suite, f"--gpunet-backends={names}").assert_outcomes(passed=count)
    with (suite.path / "tox.ini").open("a") as ini:
        ini.write(f"\ngpunet_backends = {names}\n")
    run(suite).assert_outcomes(passed=count)
    run(suite, "--gpunet-backends=cupy").assert_outcomes(skipped=2)  # the option comes first


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("numpy,cuyp", "unknown backend 'cuyp' (did you mean 'cupy'?); choose from numpy, array-*"),
        (",", "choose from numpy, array-api-strict, strict-device, cupy"),
    ],
)
def test_unknown_backends_are_wrong_usage(suite: pytest.Pytester, names: str, message: str) -> None:
    result = run(suite, f"--gpunet-backends={names}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(f"ERROR: --gpunet-backends: {message}")


def test_a_marked_test_needs_no_fixture(other: pytest.Pytester) -> None:
    other.makepyfile("import pytest\n@pytest.mark.gpu\ndef test_it(): raise OSError")
    run(other, "--strict-markers").assert_outcomes(skipped=1)
    run(other, "--require-gpu").assert_outcomes(errors=1)


@pytest.mark.parametrize("where", ["module", "conftest", "parametrize"])
def test_the_suite_s_own_backend_wins(other: pytest.Pytester, where: str) -> None:
    fixture = "import pytest\n@pytest.fixture\ndef backend(): return 'mine'\n"
    mark = "import pytest\n@pytest.mark.parametrize('backend', ['mine'])\n"
    test = "def test_it(backend): assert backend == 'mine'\n"
    if where == "conftest":
        other.makeconftest(fixture)
    other.makepyfile({"module": fixture + test, "parametrize": mark + test}.get(where, test))
    run(other).assert_outcomes(passed=1)


def test_the_suite_s_own_marker_keeps_its_meaning(other: pytest.Pytester) -> None:
    other.makeini("[pytest]\nmarkers = gpu: wants a graphics card of any make")
    other.makepyfile(
        "import pytest\n@pytest.mark.gpu\ndef test_it(): pass\ndef test_other(backend): pass"
    )
    run(other).assert_outcomes(passed=3, skipped=1)


def test_the_suite_s_own_option_keeps_its_meaning(other: pytest.Pytester) -> None:
    other.makeconftest(
        "def pytest_addoption(parser): parser.addoption('--require-gpu', dest='make')"
    )
    other.makepyfile("def test_it(request): assert request.config.option.make == 'any'")
    run(other, "--require-gpu=any").assert_outcomes(passed=1)


@pytest.mark.parametrize("how", ["entry point", "-p gpunet", "-p module", "conftest"])
def test_it_may_be_asked_for_beside_its_entry_point(other: pytest.Pytester, how: str) -> None:
    other.makepyfile("def test_it(backend): pass")
    names = {"-p gpunet": ["gpunet"] * 2, "-p module": ["gpunet.parity.plugin"] * 2}.get(how, [])
    if how == "conftest":
        other.makeconftest("pytest_plugins = ['gpunet.parity.plugin']")
    arguments = [argument for name in names for argument in ("-p", name)]
    run(other, *arguments, "--require-gpu").assert_outcomes(passed=2, errors=1)


def test_it_can_be_left_out(other: pytest.Pytester) -> None:
    other.makepyfile("def test_it(backend): pass")
    result = run(other, "-p", "no:gpunet")
    result.stdout.fnmatch_lines("*fixture 'backend' not found*")


def test_a_suite_that_knows_nothing_of_it_pays_nothing(other: pytest.Pytester) -> None:
    """No NumPy, no backend, no probe of the GPU: in a process of its own, as only that can tell."""
    other.makepyfile(
        """
        import sys

        def test_it():
            loaded = {m for m in sys.modules if m.startswith("gpunet")} - {"gpunet.errors"}
            assert loaded == {"gpunet", "gpunet.parity", "gpunet.parity.plugin"}
            assert not {"numpy", "cupy"} & set(sys.modules)
        """
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:hypothesispytest", str(other.path)]
    done = subprocess.run(command, cwd=other.path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "gpunet" not in done.stdout


def test_the_readme_s_example_passes(other: pytest.Pytester) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (example,) = (block for block in blocks if "assert_within_bound" in block)
    assert len([line for line in example.splitlines() if line]) == 6
    other.makepyfile(example)
    run(other).assert_outcomes(passed=2, skipped=1)
