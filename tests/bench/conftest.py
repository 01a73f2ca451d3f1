"""A workload small enough for tests, and workers that pretend."""

import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gpunet.bench.job import Job
from gpunet.bench.process import Worker
from gpunet.bench.reference import reference_losses
from gpunet.datasets import load

FAKE = str(Path(__file__).with_name("fake_worker.py"))
JOB = Job((784, 8, 1), 32, examples=200)


# Unpacking the digits takes longer than most of these tests.
load_once = functools.cache(load)


@pytest.fixture(autouse=True)
def digits_are_unpacked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpunet.bench.job.load", load_once)


@pytest.fixture
def job() -> Job:
    return JOB


@pytest.fixture(scope="session")
def expected() -> str:
    return json.dumps(reference_losses(JOB.for_check(200)))


@pytest.fixture
def fakes(expected: str) -> Callable[..., Callable[[str], Worker]]:
    """Return a function: behaviours by peer's name -> what starts such workers."""

    def make(**behaviours: str) -> Callable[[str], Worker]:
        def start(name: str) -> Worker:
            behaviour = behaviours.get(name, "good")
            return Worker(name, (sys.executable, FAKE, behaviour, expected))

        return start

    return make
