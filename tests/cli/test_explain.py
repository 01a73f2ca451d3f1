"""gpunet explain: the text of a step, and the program made of it."""

import inspect

import pytest
from running import Command

from gpunet.nn import backprop


def test_the_text_is_the_source_and_the_program_follows(gpunet: Command) -> None:
    done = gpunet("explain")
    assert done.status == 0
    for line in inspect.getsource(backprop.forward).splitlines()[-6:]:
        assert line.strip() in done.out
    assert "6 launches" in done.out


@pytest.mark.parametrize(
    ("network", "cpu", "gpu"),
    [("784-196-1", 6, 6), ("784-196-10", 12, 7), ("784-300-100-10", 18, 12)],
)
def test_each_launch_says_what_it_does_and_where_it_comes_from(
    gpunet: Command, network: str, cpu: int, gpu: int
) -> None:
    for device, count in (("cpu", cpu), ("gpu", gpu)):
        done = gpunet("explain", "--network", network, "--for", device, "--json")
        assert done.status == 0
        launches = done.json["launches"]
        assert len(launches) == count
        for launch in launches:
            assert launch["reads"]
            assert launch["writes"]
            assert launch["bytes"] > 0
            assert all(".py:" in line for line in launch["lines"])
        assert launches[0]["kind"] == "gather"
        assert any("theta" in name for name in launches[-1]["writes"])


def test_options_change_the_program(gpunet: Command) -> None:
    def kinds(*options: str) -> list[str]:
        done = gpunet("explain", "--network", "20-8-6-3", "--json", *options)
        return [launch["kind"] for launch in done.json["launches"]]

    assert kinds("--dropout", "0.2").count("random") == 2
    products = kinds().count("matmul")
    assert kinds("--precision", "split16").count("matmul") == products + 4  # 3 for each with X


@pytest.mark.parametrize("network", ["abc", "784", "784-0-1", "784--1"])
def test_what_is_no_network_is_said(gpunet: Command, network: str) -> None:
    done = gpunet("explain", "--network", network)
    assert done.status == 2
    assert "expects sizes such as 784-196-1" in done.err
