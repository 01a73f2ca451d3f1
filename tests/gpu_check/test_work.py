"""What the parts on the GPU compute of clocks, graphs and losses, with the CPU in its place."""

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gpu_check_parts import alone, peer, runs, smoke, telling, versions

from gpunet import get_backend
from gpunet.bench.job import Job
from gpunet.bench.measure import Timing

JOB = Job((784, 4, 1), 100, examples=200)


class Event:
    """Knows how often the clock was read before: each reading is a millisecond later."""

    ticks = 0

    def record(self, stream: Any) -> None:
        assert stream == "the backend's"
        Event.ticks += 1
        self.at = Event.ticks

    def synchronize(self) -> None:
        pass


class NoEvent:
    def __init__(self) -> None:
        raise RuntimeError("no events here")


@pytest.fixture
def cupy(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What these parts take from CuPy beside the backend."""
    cuda = SimpleNamespace(
        Event=Event,
        Device=lambda number: nullcontext(),
        Stream=type("Stream", (), {"end_capture": lambda stream: "a graph"}),
        get_elapsed_time=lambda begin, end: float(end.at - begin.at),
    )
    fake = SimpleNamespace(cuda=cuda)
    monkeypatch.setitem(sys.modules, "cupy", fake)
    return fake


@pytest.fixture
def backend() -> Any:
    cpu: Any = get_backend("cpu")
    cpu._stream = "the backend's"
    return cpu


def test_device_time_is_what_the_events_say(cupy: Any, backend: Any) -> None:
    found = alone.measure(JOB, backend, "float64")
    assert found["device_us"] * found["steps"] == pytest.approx(1000)
    assert 0 < found["host_us"] < found["steps"] * 1e6
    assert found["wall_us"] > 0
    assert (found["network"], found["precision"], found["batch"]) == ("784-4-1", "float64", 100)


def test_without_events_the_reason_stands_in_their_place(cupy: Any, backend: Any) -> None:
    cupy.cuda.Event = NoEvent
    found = runs.timed(backend, 0, lambda: None)
    assert found["events"] == "not told (RuntimeError: no events here)"
    assert "device_us" not in found
    assert found["wall_us"] >= found["host_us"] > 0


def test_graphs_are_kept_and_their_nodes_counted(cupy: Any) -> None:
    graphs = runs.Graphs()
    assert cupy.cuda.Stream().end_capture() == "a graph"
    assert graphs.kept == ["a graph"]
    dot = (
        'digraph dot {\nsubgraph cluster_1 {\nlabel="graph_1" graph[style="dashed"];\n'
        '"graph_1_node_0"[style="bold" shape="octagon" label="0\nformula\n"];\n'
        '"graph_1_node_1"[style="bold" shape="octagon" label="1\ngemm[x]\n"];\n'
        '"graph_1_node_0" -> "graph_1_node_1";\n}\n}\n'
    )
    assert runs.nodes(SimpleNamespace(debug_dot_str=lambda: dot)) == 2
    assert "AttributeError" in str(runs.nodes("an older CuPy's graph"))
    assert "no node" in str(runs.nodes(SimpleNamespace(debug_dot_str=lambda: "digraph {}")))


@pytest.mark.parametrize("precision", runs.PRECISIONS)
def test_smoke_trains_in_each_precision(cupy: Any, backend: Any, precision: str) -> None:
    found = smoke.smoke(JOB, backend, precision, runs.Graphs())
    assert len(found["losses"]) == smoke.EPOCHS
    assert found["losses"][2] < found["losses"][0]
    assert found["failure"].startswith("no CUDA graph was captured")  # NumPy has none


@pytest.mark.parametrize(
    ("losses", "launches", "said"),
    [
        ([0.3, 0.2, 0.1], "CUDA graphs", ""),
        ([0.3, 0.2, 0.2], "CUDA graphs", "do not fall"),
        ([0.3, float("nan"), 0.1], "CUDA graphs", "not finite"),
        ([0.3, 0.2], "CUDA graphs", "not finite"),
        ([0.3, 0.2, 0.1], "one by one: no cuBLASLt", "captured: one by one: no cuBLASLt"),
    ],
)
def test_what_smoke_takes_exception_to(losses: list[float], launches: str, said: str) -> None:
    assert said in smoke.wrong(losses, launches)
    assert bool(said) == bool(smoke.wrong(losses, launches))


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [
        json.loads(line, parse_constant=pytest.fail)
        for line in capsys.readouterr().out.splitlines()
    ]


def test_results_are_json_whatever_the_numbers_are(capsys: pytest.CaptureFixture[str]) -> None:
    telling.tell("x", losses=[float("nan"), 1.5], ratio=float("inf"))
    telling.attempt("y", lambda: 1 / 0, batch=3)
    assert told(capsys) == [
        {"name": "x", "losses": ["nan", 1.5], "ratio": "inf"},
        {"name": "y", "batch": 3, "failure": "ZeroDivisionError: division by zero"},
    ]


@pytest.mark.parametrize("name", ["products", "torch-graph"])
def test_a_peer_is_measured_by_itself(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(peer, "NETWORK", JOB.network)
    monkeypatch.setattr(peer, "TIMING", Timing(1, 0.01))
    peer.main("cpu", name, "100", "300")
    (found,) = told(capsys)
    assert (found["name"], found["batch"]) == (name, "100")
    if name == "torch-graph":  # needs a GPU
        assert found["failure"].startswith("not possible: ")
    else:
        assert found["row"]["ms"]["median"] > 0
        assert "failure" not in found


def test_what_nvidia_smi_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "nvidia-smi" in versions.nvidia_smi()["message"]
    tool = tmp_path / "nvidia-smi"
    # An old one: it knows three fields and no more.
    tool.write_text(
        f"#!{sys.executable}\nimport sys\n"
        "if ',clocks' in sys.argv[1]: sys.exit('Field \"x\" is not a valid field to query.')\n"
        "print('NVIDIA H100, 580.1, 81559 MiB')\n"
    )
    tool.chmod(0o755)
    expected = {"name": "NVIDIA H100", "driver_version": "580.1", "memory.total": "81559 MiB"}
    assert versions.nvidia_smi() == {"gpus": [expected]}
