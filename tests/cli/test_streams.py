"""Telling of progress never ends the work that is told of."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from running import environment

import gpunet
from gpunet.training.progress import Progress

TRAIN = (
    *(sys.executable, "-m", "gpunet", "train", "--dataset", "xor", "--device", "cpu"),
    *("--hidden", "2", "--epochs", "3", "--out", "run"),
)


@pytest.fixture(params=["full", "closed", "its reader has gone"])
def shell(request: pytest.FixtureRequest) -> str:
    """How a shell starts the command with this standard error."""
    if request.param == "full" and not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    return {
        "full": 'exec "$@" 2>/dev/full',
        "closed": 'exec "$@" 2>&-',
        "its reader has gone": '{ "$@" 2>&1 >results; echo $? >status; } | true; exit `cat status`',
    }[request.param]


def start(shell: str, folder: Path, *command: str) -> tuple[int, str]:
    """Return the command's status and what it printed as results."""
    done = subprocess.run(
        ["/bin/sh", "-c", shell, "sh", *command],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=120,
    )
    results = folder / "results"
    return done.returncode, results.read_text() if results.exists() else done.stdout


def test_a_training_is_saved_whatever_becomes_of_standard_error(shell: str, tmp_path: Path) -> None:
    status, said = start(shell, tmp_path, *TRAIN)
    assert status == 0
    assert "saved in run: model.safetensors, history.json" in said
    assert "epochs: 3" in said
    assert len(gpunet.load(tmp_path / "run", device="cpu").parameters) == 4


def test_an_error_still_has_its_status(shell: str, tmp_path: Path) -> None:
    assert start(shell, tmp_path, *TRAIN[:4], "--dataset", "no such data")[0] == 2


class Failing(io.StringIO):
    """A stream that takes so many texts and then fails, as a full disk does."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left

    def write(self, text: str) -> int:
        self.left -= 1
        if self.left < 0:
            raise OSError(28, "No space left on device")
        return super().write(text)

    def flush(self) -> None:
        self.write("")


@pytest.mark.parametrize("left", [0, 1, 3])
def test_progress_in_python_does_not_end_training_either(left: int) -> None:
    data = gpunet.datasets.xor()[0]
    net = gpunet.Network([3, 2, 1], device="cpu")
    history = gpunet.fit(net, data, epochs=5, callbacks=[Progress(Failing(left))])
    assert history.epochs == 5
    assert history.stopped == ""


def test_a_file_never_takes_the_place_of_standard_error() -> None:
    """A library's words would else be written into it."""
    program = (
        "import os; from gpunet.streams import protect_standard_streams as protect; protect();"
        "print(os.open(os.devnull, os.O_RDONLY) > 2)"
    )
    for closed in ("2>&-", "<&- 2>&-"):
        done = subprocess.run(
            ["/bin/sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, program],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "True\n"
