"""What has become of the GPU tests: from pytest's JUnit file, or from its log where there is none.

pytest writes the file at its end, and one that had to be killed has written none.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

from gpu_check_parts.part import Failures
from gpu_check_parts.process import Run

VERBOSE = re.compile(r"^(\S+\.py::.+?) (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\b", re.MULTILINE)
RUNNING = re.compile(r"^(\S+\.py::\S.*?) *$", re.MULTILINE)
MESSAGE_CHARACTERS = 500


def failed_tests(junit: Path) -> Failures:
    """Return the tests that failed, each with the first line of its error."""
    failures = []
    for case in ElementTree.parse(junit).iter("testcase"):  # noqa: S314 (written by our own tests)
        for problem in (*case.iter("failure"), *case.iter("error")):
            name = f"{case.get('file') or case.get('classname', '')}::{case.get('name', '')}"
            message = problem.get("message") or problem.text or ""
            failures.append({"name": name, "message": first_line(message)})
    return failures


def first_line(message: str) -> str:
    """Return the first line that is not empty."""
    line = next((line.strip() for line in message.splitlines() if line.strip()), "no message")
    return line[:MESSAGE_CHARACTERS]


def counts(log: str) -> Counter[str]:
    """Return how many tests passed, failed, ..., from the log of ``pytest -v``."""
    return Counter(outcome.lower() for _, outcome in VERBOSE.findall(log))


def failures_of(run: Run, junit: Path) -> Failures:
    """Return the tests that failed, and the one at which it hung, if it did."""
    log = run.output.out
    try:
        failures = failed_tests(junit)
    except (OSError, ElementTree.ParseError):
        failures = [
            {"name": name, "message": "see the log: pytest could not write its report"}
            for name, outcome in VERBOSE.findall(log)
            if outcome in ("FAILED", "ERROR")
        ]
    if run.late and (begun := hung_at(log)):
        failures.append({"name": begun, "message": "had not ended when the time was up"})
    if not failures and run.status == 0 and not counts(log)["passed"]:
        failures.append({"name": "tests", "message": "no test passed: was any selected?"})
    return failures


def hung_at(log: str) -> str:
    """Return the test whose line has no outcome yet; "" if there is none."""
    lines = [line for line in log.splitlines() if ".py::" in line]
    found = RUNNING.match(lines[-1]) if lines else None
    return found[1] if found and not VERBOSE.match(lines[-1]) else ""
