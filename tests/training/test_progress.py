"""The plain lines that training prints where there is no terminal."""

import io

import pytest

import gpunet
from gpunet.training import progress
from gpunet.training.progress import Progress, clock


def test_the_first_and_the_last_epoch_are_shown(make, problem) -> None:
    stream = io.StringIO()
    gpunet.fit(make(), *problem, epochs=50, callbacks=[Progress(stream)])
    shown = stream.getvalue().splitlines()
    assert shown[0].startswith("epoch 1/50  loss ")
    assert shown[-1].startswith("epoch 50/50  loss ")
    assert "accuracy" in shown[-1]
    assert shown[-1].endswith("0:00 left")


def test_the_reason_for_an_early_end_is_shown(make, problem) -> None:
    stream = io.StringIO()
    stop = [Progress(stream), lambda epoch, logs: epoch == 3]
    gpunet.fit(make(), *problem, epochs=50, callbacks=stop)
    shown = stream.getvalue().splitlines()
    assert shown[-2].startswith("epoch 3/50")
    assert shown[-1] == "stopped after epoch 3: a callback asked for it"


@pytest.mark.parametrize("seconds", [0.0, 1e9])
def test_no_epoch_is_shown_twice(
    make, problem, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """Whether lines are due all the time or never."""
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", seconds)
    stream = io.StringIO()
    stop = [Progress(stream), lambda epoch, logs: epoch == 3]
    gpunet.fit(make(), *problem, epochs=50, callbacks=stop)
    shown = [line.split()[1] for line in stream.getvalue().splitlines()[:-1]]
    assert shown == (["1/50", "2/50", "3/50"] if seconds == 0.0 else ["1/50", "3/50"])


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3600, "1:00:00")]
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text
