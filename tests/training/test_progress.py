"""What training shows: a bar in a terminal and in a notebook, plain lines elsewhere."""

import io
import re
import sys
import types
from collections.abc import Callable

import pytest

import gpunet
from gpunet.training import Training, progress
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


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Terminal]:
    """Make standard error a terminal of so many columns."""

    def make(columns: int) -> Terminal:
        stream = Terminal()
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("TERM", "xterm")
        return stream

    return make


def last_lines(stream: io.StringIO) -> list[str]:
    """What was drawn, a line each, without control sequences."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "\n", plain)
    return [line.rstrip() for line in plain.splitlines() if line.strip()]


@pytest.mark.parametrize("columns", [80, 72])
def test_a_terminal_of_80_columns_shows_every_figure_whole(
    make, problem, terminal, columns: int
) -> None:
    stream = terminal(columns)
    history = gpunet.fit(make(), *problem, epochs=1000, validation=problem, verbose=True)
    *_, bar, figures = last_lines(stream)
    assert bar.startswith("epoch 1000/1000 ")
    assert re.search(r" [\d,]+ examples/s  \d:\d\d left$", bar)
    assert figures == (
        f"loss {history.loss[-1]:.4f}  accuracy {history.accuracy[-1]:.4f}  "
        f"val loss {history.val_loss[-1]:.4f}  val accuracy {history.val_accuracy[-1]:.4f}"
    )
    assert max(map(len, (bar, figures))) <= columns


@pytest.mark.parametrize(
    ("verbose", "looked_at", "shows"),
    [(False, True, False), (True, True, True), (True, False, True), ("auto", True, True),
     ("auto", False, False)],
)  # fmt: skip
def test_verbose(
    make, problem, terminal, monkeypatch, verbose: object, looked_at: bool, shows: bool
) -> None:
    stream = terminal(80)
    if not looked_at:
        monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    gpunet.fit(make(), *problem, epochs=2, verbose=verbose)
    assert ("epoch 2/2" in stream.getvalue()) == shows


@pytest.mark.parametrize("verbose", ["yes", 2, None])
def test_another_verbosity_is_refused(make, problem, verbose: object) -> None:
    with pytest.raises(gpunet.errors.ArgumentError, match="True, False or 'auto'"):
        gpunet.fit(make(), *problem, epochs=1, verbose=verbose)


@pytest.mark.parametrize("verbose", [True, "auto"])
def test_a_notebook_has_a_bar_in_the_cell(make, problem, monkeypatch, capsys, verbose) -> None:
    cells = []

    class Handle:
        def update(self, html: str) -> None:
            cells.append(html)

    ipython, display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    display.HTML = str
    display.display = lambda html, display_id: Handle()
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    metric = {"a<b": lambda y, predicted: 1.0}
    gpunet.fit(make(), *problem, epochs=3, verbose=verbose, validation=problem, metrics=metric)
    assert "epoch 3/3" in cells[-1]
    assert '<progress value="1.0000"' in cells[-1]
    assert "val a&lt;b 1.0000" in cells[-1]
    assert capsys.readouterr() == ("", "")


def test_ipython_in_a_terminal_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    ipython = types.ModuleType("IPython")
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    for shell, expected in ((None, False), (object(), False)):
        ipython.get_ipython = lambda shell=shell: shell
        assert progress.in_notebook() is expected


def test_progress_does_not_slow_training_down(make, problem) -> None:
    """What only reports leaves the loop as it is: the same launches, the same smaller network."""

    def how(callbacks: list) -> tuple[bool, bool]:
        training = Training(make(), *problem, epochs=1, batch_size=2, callbacks=callbacks)
        return training._step_by_step, training._compact is not None

    class Looks(gpunet.Callback):
        def on_batch_end(self, epoch: int, batch: int) -> None:
            pass

    assert how([Progress(io.StringIO())]) == how([])
    assert how([Looks()])[0]


def test_a_reporting_callback_hears_of_every_batch(make, problem) -> None:
    heard = []

    class Reports(gpunet.Callback):
        every_batch = False

        def on_batch_end(self, epoch: int, batch: int) -> None:
            heard.append((epoch, batch))

    gpunet.fit(make(), *problem, epochs=2, batch_size=4, callbacks=[Reports()])
    assert heard == [(epoch, batch) for epoch in (1, 2) for batch in (1, 2, 3)]
