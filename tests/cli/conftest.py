"""Running the real command in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from running import Command, Result, environment

from gpunet import datasets
from gpunet.cli import main


@pytest.fixture
def gpunet(tmp_path: Path) -> Command:
    """Run ``gpunet ARGUMENTS`` in an empty folder; keyword arguments go to subprocess.run."""

    def run(*arguments: object, **options: Any) -> Result:
        done = subprocess.run(
            [sys.executable, "-m", "gpunet", *map(str, arguments)],
            cwd=tmp_path,
            env=environment() | options.pop("env", {}),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            **options,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def gpunet_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """The same without a process: what ``python -m gpunet`` calls, for long lists of cases."""
    monkeypatch.chdir(tmp_path)
    for name in set(os.environ) - set(environment()):
        monkeypatch.delenv(name)

    def run_here(*arguments: object) -> Result:
        status = main.run([str(a) for a in arguments])
        return Result(status, *capsys.readouterr())

    return run_here


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained mnist58 network, saved by the command."""
    folder = tmp_path_factory.mktemp("model")
    options = ["--device", "cpu", "--hidden", "32", "--epochs", "2", "--quiet"]
    subprocess.run(
        [sys.executable, "-m", "gpunet", "train", *options, "--out", str(folder)],
        check=True,
        env=environment(),
        capture_output=True,
    )
    return folder


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A small CSV file with a label column: points of moons."""
    train = datasets.moons(n=120)[0]
    path = tmp_path / "points.csv"
    names = np.array(["left", "right"])[train.y]
    rows = [f"{a},{b},{name}" for (a, b), name in zip(train.X, names, strict=True)]
    path.write_text("\n".join(["x1,x2,label", *rows]) + "\n")
    return path
