"""Which tests failed, and with what: from pytest's report, or from its log."""

import os
from pathlib import Path

import pytest
from gpu_check_parts.junit import counts, failures_of
from gpu_check_parts.parts import gpu_tests, on_gpu
from gpu_check_parts.parts import pytest as pytest_command
from gpu_check_parts.process import Run, run

from gpunet.backends import available_devices

LOG = """\
collecting ... collected 4 items

tests/a/test_one.py::test_good[a-b c] PASSED                     [ 25%]
tests/a/test_one.py::test_bad[cupy] FAILED                       [ 50%]
tests/a/test_one.py::test_other SKIPPED (no reason)              [ 75%]
"""
HUNG = LOG + "tests/a/test_two.py::test_hung[x y] "
JUNIT = """<?xml version="1.0"?><testsuites><testsuite>
<testcase classname="tests.a.test_one" name="test_good[a-b c]"/>
<testcase classname="tests.a.test_one" name="test_bad[cupy]" file="tests/a/test_one.py" line="3">
<failure message="AssertionError: 2.5 times its bound&#10;assert False">the traceback</failure>
</testcase>
<testcase classname="tests.a.test_one" name="test_set_up"><error>
E   first of all
E   second</error></testcase>
</testsuite></testsuites>"""


def ended(log: str, **how: object) -> Run:
    done = Run(**{"status": 1, **how})
    for line in log.splitlines(keepends=True):
        done.output.add(True, line)
    return done


def test_the_first_line_of_each_error_is_in_the_report(tmp_path: Path) -> None:
    (tmp_path / "junit.xml").write_text(JUNIT)
    assert failures_of(ended(LOG), tmp_path / "junit.xml") == [
        {
            "name": "tests/a/test_one.py::test_bad[cupy]",
            "message": "AssertionError: 2.5 times its bound",
        },
        {"name": "tests.a.test_one::test_set_up", "message": "E   first of all"},
    ]


@pytest.mark.parametrize("junit", [None, JUNIT[:100]], ids=["none", "cut off"])
def test_without_a_report_the_log_has_the_names(tmp_path: Path, junit: str | None) -> None:
    if junit is not None:
        (tmp_path / "junit.xml").write_text(junit)
    found = failures_of(ended(HUNG, late=True), tmp_path / "junit.xml")
    assert [failure["name"] for failure in found] == [
        "tests/a/test_one.py::test_bad[cupy]",
        "tests/a/test_two.py::test_hung[x y]",
    ]
    assert "had not ended" in found[1]["message"]


def test_a_run_in_which_no_test_passed_has_failed(tmp_path: Path) -> None:
    skipped = "tests/test_a.py::test_a SKIPPED (no)\n"
    (found,) = failures_of(ended(skipped, status=0), tmp_path / "junit.xml")
    assert "no test passed" in found["message"]


def test_outcomes_are_counted_while_it_runs() -> None:
    assert counts(HUNG) == {"passed": 1, "failed": 1, "skipped": 1}


@pytest.mark.skipif("cuda:0" in available_devices(), reason="this machine has a usable GPU")
def test_a_real_run_with_no_plugins_but_those_that_are_named(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import hypothesis, pytest\nfrom hypothesis import strategies as st\n"
        "@pytest.mark.gpu\ndef test_a(): pass\n"
        "@hypothesis.given(st.integers())\ndef test_b(backend, i): pass\n"
    )
    (tmp_path / "test_other.py").write_text("import a_module_that_is_missing")
    part = gpu_tests("0", tmp_path)
    junit = ("--junitxml", str(tmp_path / "junit.xml"))
    command = pytest_command(*junit, "--gpunet-backends=numpy,cupy")
    # A plugin of another package, which pytest would load, and which would end the run.
    unasked = tmp_path / "unasked-1.0.dist-info"
    unasked.mkdir()
    (unasked / "METADATA").write_text("Metadata-Version: 2.1\nName: unasked\nVersion: 1.0\n")
    (unasked / "entry_points.txt").write_text("[pytest11]\nunasked = no_such_module\n")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)} | on_gpu("0")
    done = run(command, 60, environment, tmp_path)
    status, failures = part.outcome(done)
    assert status == "failed"
    names = [failure["name"] for failure in failures]
    assert names[1:] == ["test_it.py::test_a", "test_it.py::test_b[cupy]"], done.output.text
    assert "test_other" in names[0]
    assert all("--require-gpu: no usable GPU" in failure["message"] for failure in failures[1:])
    assert counts(done.output.out) == {"error": 2}
