"""What a shell completes."""

import pytest
from running import Command

from gpunet.datasets.registry import names
from gpunet.examples import EXAMPLES


def completed(gpunet: Command, *words: str) -> list[tuple[str, str]]:
    """(kind, word) of what bash is offered for the last word; a file is left to bash itself."""
    environment = {
        "_GPUNET_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["gpunet", *words]),
        "COMP_CWORD": str(len(words)),
    }
    lines = gpunet(env=environment).out.splitlines()
    return [tuple(line.split(",", 1)) for line in lines]


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_data_sets_and_files(gpunet: Command, command: str) -> None:
    found = completed(gpunet, command, "--dataset", "m")
    assert [word for kind, word in found if kind == "plain"] == [
        name for name in names() if name.startswith("m")
    ]
    assert ("file", "m") in found


def test_examples_and_devices(gpunet: Command) -> None:
    found = completed(gpunet, "reproduce", "m")
    assert found == [("plain", name) for name in EXAMPLES if name.startswith("m")]
    for command in ("train", "bench", "verify", "reproduce"):
        assert completed(gpunet, command, "--device", "cu") == [("plain", "cuda")]


def test_commands(gpunet: Command) -> None:
    assert completed(gpunet, "sh") == [("plain", "show")]
