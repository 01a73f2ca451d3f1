"""The images, the compose file and the workflows fit the package that they carry."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCKERFILES = sorted(ROOT.glob("docker/Dockerfile*"))
WORKFLOWS = ROOT / ".github" / "workflows"

# PKG-INFO marks an sdist. In a checkout a missing file is a failure, not a skip.
pytestmark = pytest.mark.skipif(
    (ROOT / "PKG-INFO").exists(), reason="an sdist has neither docker/ nor workflows"
)

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = set(PROJECT["project"]["optional-dependencies"])


def read_yaml(path):
    yaml = pytest.importorskip("yaml", reason="needs pyyaml, of the extra dev")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def triggers(workflow):
    return set(workflow[True])  # YAML 1.1 reads the key `on` as true


def instructions(dockerfile):
    """Return (stage, keyword, arguments) of each instruction, continued lines joined."""
    lines = dockerfile.read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    stage, found = "", []
    for line in filter(None, text.replace("\\\n", " ").splitlines()):
        keyword, arguments = line.split(maxsplit=1)
        if keyword == "FROM":
            stage = arguments.split()[-1]
        found.append((stage, keyword, " ".join(arguments.split())))
    return found


def bases(dockerfile):
    """Return {stage: what it starts from}."""
    starts = [arguments for _, keyword, arguments in instructions(dockerfile) if keyword == "FROM"]
    return {start.split()[-1]: start.split()[0] for start in starts}


def images(dockerfile):
    """Return the stages that nothing else is made from: those that are shipped."""
    used = set(bases(dockerfile).values())
    for _, keyword, arguments in instructions(dockerfile):
        if keyword == "COPY":
            used.update(re.findall(r"--from=(\S+)", arguments))
    return [stage for stage in bases(dockerfile) if stage not in used]


def last(dockerfile, stage, wanted):
    """Return the arguments of the last `wanted` in the stage or in what it starts from."""
    found = [a for s, keyword, a in instructions(dockerfile) if (s, keyword) == (stage, wanted)]
    if found:
        return found[-1]
    base = bases(dockerfile)[stage]
    return last(dockerfile, base, wanted) if base in bases(dockerfile) else None


def compose():
    return read_yaml(ROOT / "docker" / "compose.yaml")


def test_there_is_an_image_for_each_device():
    assert {stage for file in DOCKERFILES for stage in images(file)} == {"cpu", "cuda"}


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
class TestDockerfile:
    def test_images_run_gpunet_as_a_user_that_is_not_root(self, dockerfile):
        for stage in images(dockerfile):
            user = last(dockerfile, stage, "USER")
            # A number, so that Kubernetes' runAsNonRoot can tell.
            assert re.fullmatch(r"[1-9]\d*(:[1-9]\d*)?", user or ""), f"{stage}: USER {user}"
            assert last(dockerfile, stage, "ENTRYPOINT") == '["gpunet"]'

    def test_bases_are_pinned_by_a_full_version(self, dockerfile):
        outside = set(bases(dockerfile).values()) - set(bases(dockerfile))
        assert outside
        for base in outside:
            assert re.search(r":\d+\.\d+\.\d+-\w+-\w+(@sha256:[0-9a-f]{64})?$", base), base

    def test_nothing_comes_in_unpinned(self, dockerfile):
        for _, keyword, arguments in instructions(dockerfile):
            assert not (keyword == "ADD" and "://" in arguments), arguments
            assert not re.search(r"\b(curl|wget)\b", arguments), arguments
            for names in re.findall(r"apt(?:-get)? install ([^&|;]*)", arguments):
                packages = [name for name in names.split() if not name.startswith("-")]
                assert all("=" in name for name in packages), arguments

    def test_extras_are_declared_in_pyproject(self, dockerfile):
        defaults = [
            arguments.split("=")
            for _, keyword, arguments in instructions(dockerfile)
            if keyword == "ARG" and arguments.split("=")[0] in ("EXTRAS", "CUDA_EXTRA")
        ]
        assert defaults
        for name, default in defaults:
            assert set(default.split(",")) <= EXTRAS, f"{name}={default}"

    def test_copies_what_the_wheel_is_built_from(self, dockerfile):
        copied = [
            name
            for _, keyword, arguments in instructions(dockerfile)
            if keyword == "COPY" and "--from" not in arguments
            for name in arguments.split()[:-1]
        ]
        for path in build_inputs():
            assert any(path == name or path.startswith(f"{name}/") for name in copied), path


def build_inputs():
    """Return the paths that pyproject.toml names for the build, and all of the package."""
    project = PROJECT["project"]
    paths = {"pyproject.toml", project["readme"], *project["license-files"]}
    for package in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        files = (ROOT / package).rglob("*")
        paths.update(f.relative_to(ROOT).as_posix() for f in files if f.is_file())
    return sorted(path for path in paths if "__pycache__" not in path)


def ignored(path):
    """Tell whether .dockerignore leaves the path out of the build: the last match decides."""
    parts = path.split("/")
    prefixes = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    verdict = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!")
        if pattern.startswith("**/"):
            matches = any(fnmatch(part, pattern[3:]) for part in parts)
        else:
            # fnmatch's * would cross a slash, Docker's does not.
            matches = any(
                fnmatch(prefix, pattern) and prefix.count("/") == pattern.count("/")
                for prefix in prefixes
            )
        if matches and line and not line.startswith("#"):
            verdict = not line.startswith("!")
    return verdict


def test_dockerignore_keeps_what_the_build_needs():
    assert len(build_inputs()) > 3
    assert [path for path in build_inputs() if ignored(path)] == []


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        "runs/mnist58-1/model.safetensors",
        "tests/conftest.py",
        "docker/Dockerfile",
        "gpunet/nn/__pycache__/dense.cpython-312.pyc",
    ],
)
def test_dockerignore_leaves_out_the_rest(path):
    assert ignored(path)


def test_compose_builds_every_service_from_an_image_that_exists():
    services = compose()["services"]
    assert set(services) == {"cpu", "gpu"}
    for service in services.values():
        build = service["build"]
        context = (ROOT / "docker" / build["context"]).resolve()
        assert context == ROOT.resolve()
        assert build["target"] in images(context / build["dockerfile"])


def test_only_the_gpu_service_reserves_a_gpu():
    services = compose()["services"]
    reservations = services["gpu"]["deploy"]["resources"]["reservations"]
    assert reservations["devices"] == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]
    assert services["gpu"]["profiles"] == ["gpu"]
    assert "deploy" not in services["cpu"]


def test_compose_mounts_the_runs_and_a_named_cache():
    for service in compose()["services"].values():
        mounts = {mount["target"]: mount for mount in service["volumes"]}
        runs = mounts["/home/gpunet/runs"]
        assert (ROOT / "docker" / runs["source"]).resolve() == (ROOT / "runs").resolve()
        assert mounts["/cache"]["source"] in compose()["volumes"]


@pytest.mark.parametrize("name", ["ci.yml", "gpu.yml"])
def test_jobs_are_bounded_and_use_pinned_actions(name):
    workflow = read_yaml(WORKFLOWS / name)
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["cancel-in-progress"] is True
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 60
        for step in job["steps"]:
            if "uses" in step:
                assert re.search(r"@(v\d+(\.\d+)*|[0-9a-f]{40})$", step["uses"]), step["uses"]
            for extras in re.findall(r"\.\[([\w,]+)\]", step.get("run", "")):
                assert set(extras.split(",")) <= EXTRAS, extras


def test_ci_starts_with_the_lowest_supported_python():
    workflow = read_yaml(WORKFLOWS / "ci.yml")
    assert triggers(workflow) == {"push", "pull_request"}
    (version,) = (
        step["with"]["python-version"]
        for step in workflow["jobs"]["gate"]["steps"]
        if "setup-python" in step.get("uses", "")
    )
    assert PROJECT["project"]["requires-python"] == f">={version}"
    assert any(step.get("run") == "bash .ci/run" for step in workflow["jobs"]["gate"]["steps"])


def test_gpu_tests_fail_rather_than_skip_and_never_run_for_forks():
    workflow = read_yaml(WORKFLOWS / "gpu.yml")
    (job,) = workflow["jobs"].values()
    runs = [step["run"] for step in job["steps"] if "pytest" in step.get("run", "")]
    assert len(runs) == 2
    assert all("--require-gpu" in run for run in runs)
    assert {"self-hosted", "gpu"} <= set(job["runs-on"])
    assert triggers(workflow) == {"workflow_dispatch", "schedule", "pull_request"}
    assert "head.repo.full_name == github.repository" in job["if"]
