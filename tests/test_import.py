"""What is imported when, and from where."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gpunet

PACKAGE = Path(gpunet.__file__).parent
HEAVY = ("cupy", "matplotlib", "sklearn", "scipy", "rich", "pandas", "torch")


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    "code",
    [
        "import gpunet",
        "import gpunet; gpunet.Network([3, 2, 1], device='cpu')",
        "import gpunet, numpy; n = gpunet.Network([3, 1], device='cpu'); "
        "gpunet.fit(n, numpy.zeros((4, 3)), numpy.zeros(4), epochs=1)",
    ],
    ids=["import", "a network on the CPU", "training on the CPU"],
)
def test_nothing_heavy_is_imported(code: str) -> None:
    found = run(f"{code}\nimport sys; print([m for m in {HEAVY!r} if m in sys.modules])")
    assert found == "[]"


def test_import_alone_does_not_even_import_numpy() -> None:
    assert run("import gpunet, sys; print('numpy' in sys.modules)") == "False"


def test_every_public_name_is_there() -> None:
    for name in gpunet.__all__:
        assert getattr(gpunet, name) is not None
    assert set(gpunet.__all__) <= set(dir(gpunet))
    with pytest.raises(AttributeError, match="has no attribute 'Netwrok'"):
        _ = gpunet.Netwrok


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield name, ast.parse(path.read_text())


def imported(tree: ast.Module) -> Iterator[str]:
    """Yield the modules that a file imports anywhere, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_only_backends_import_cupy() -> None:
    users = {name for name, tree in modules() for m in imported(tree) if m.split(".")[0] == "cupy"}
    assert users
    assert all(name.startswith("gpunet.backends.") for name in users)


# From the ground up; a module may import from its own layer's packages and from those below.
LAYERS = [
    {"errors"},
    {"files", "printable", "ranges", "streams", "kernels"},
    {"random", "backends"},
    {"program"},
    {"nn", "optim", "datasets", "pictures"},
    {"training"},
    {"bench", "report", "interop", "parity", "examples"},
    {"cli"},
    {"__main__"},
]
HEIGHT = {part: height for height, layer in enumerate(LAYERS) for part in layer}
# Beside each other in one layer, packages know nothing of each other, but for these.
NEIGHBOURS = {
    ("nn", "datasets"),
    ("pictures", "datasets"),
    ("pictures", "nn"),
    ("examples", "report"),
    ("examples", "parity"),
}


def test_imports_run_downwards() -> None:
    wrong = []
    for name, tree in modules():
        if name == "gpunet":  # it names everything, and imports it when it is used
            continue
        own = name.split(".")[1]
        for module in imported(tree):
            parts = module.split(".")
            if parts[0] != "gpunet" or parts[1:2] in ([own], ["__version__"]):
                continue
            other = parts[1]
            down = HEIGHT[other] < HEIGHT[own]
            if not down and (own, other) not in NEIGHBOURS:
                wrong.append(f"{name} imports {module}")
    assert not wrong


def test_the_layers_name_what_is_there() -> None:
    parts = {name.split(".")[1] for name, _ in modules() if name != "gpunet"}
    assert parts <= HEIGHT.keys()
