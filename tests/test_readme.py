"""What the README shows is what there is."""

import contextlib
import io
import re
import tomllib
from pathlib import Path

import pytest

from gpunet.cli.main import COMMANDS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
SHELL = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)


def test_the_example_has_ten_lines_and_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = PYTHON[0]
    assert len([line for line in example.splitlines() if line]) <= 10
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example, "README.md", "exec"), {})  # noqa: S102 (our own text)
    accuracy = float(re.search(r"'accuracy': ([\d.]+)", printed.getvalue())[1])
    assert accuracy > 0.98
    assert (tmp_path / "model.safetensors").exists()


def test_the_page_about_tables_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    iris = pytest.importorskip("sklearn.datasets").load_iris(as_frame=True)
    frame = iris.frame.assign(target=iris.target_names[iris.target])
    monkeypatch.chdir(tmp_path)
    frame.to_csv("iris.csv", index=False)
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "tables.md").read_text(), re.S)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example, "tables.md", "exec"), {})  # noqa: S102 (our own text)
    names, scores = printed.getvalue().splitlines()
    assert f"# {names}" in example
    assert float(scores.split()[0]) > 0.9


def test_the_example_of_a_metric_runs() -> None:
    (example,) = (text for text in PYTHON if "metrics=[missed]" in text)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example, "README.md", "exec"), {})  # noqa: S102 (our own text)
    values, *report = printed.getvalue().splitlines()
    assert len(values.split(",")) > 3
    assert report[0].split() == ["class", "precision", "recall", "F1", "examples"]


def test_the_passes_are_shown_as_they_stand_in_the_source() -> None:
    source = (ROOT / "gpunet" / "nn" / "backprop.py").read_text(encoding="utf-8")
    (passes,) = (text for text in PYTHON if text.startswith("def forward"))
    assert passes.strip() in source


def test_every_command_is_in_the_table() -> None:
    for name in COMMANDS:
        assert f"| `gpunet {name}" in README


def test_ci_runs_the_readme_s_test_command() -> None:
    script = ROOT / ".ci" / "run"
    if not script.exists():
        pytest.skip("this is not a checkout: .ci/ is missing")
    (command,) = (text.strip() for text in SHELL if "pytest" in text)
    assert command in script.read_text()


def test_the_extras_it_names_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    named = {extra for part in re.findall(r"'\.\[([\w,]+)\]'", README) for extra in part.split(",")}
    assert named <= set(extras)
    assert named >= {"plot", "test", "cuda12x", "cuda13x"}
