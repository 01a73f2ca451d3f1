"""The command line, what is missing, and the wheels that bring it."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import gpu_check
import pytest
from gpu_check_parts import modules
from gpu_check_parts.modules import find_missing, install
from gpu_check_parts.part import Part
from gpu_check_parts.parts import all_parts, chosen, on_gpu

from gpunet.backends import available_devices

no_gpu = pytest.mark.skipif("cuda:0" in available_devices(), reason="this machine has a usable GPU")


@no_gpu
def test_without_a_gpu_it_fails_and_reports_why(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, gpu_check.__file__, "--only", "smoke,verify,tests"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (1, "")
    report = json.loads((tmp_path / "gpu-report" / "report.json").read_text())
    assert (report["passed"], report["usable"]) == (False, False)
    assert report["parts"]["smoke"]["results"][0]["failure"].startswith("DeviceError: ")
    for name in ("verify", "tests"):
        assert report["parts"][name] == {"status": "left out", "why": "no usable GPU"}
    assert report["parts"]["alone"]["why"] == "--only"
    assert report["commit"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "smoke,nonsense"], "there is no part 'nonsense'; choose from versions, smoke"),
        (["--skip", "peer"], "there is no part 'peer'"),
        (["--device", "cpu"], "expected cuda:N"),
        (["--budget", "0"], "seconds above 0"),
        (["--budget", "nan"], "seconds above 0"),
        (["--wheels", "no-such-folder"], "a folder with wheels"),
        (["--out", __file__], "expected a folder; this is a file"),
        (["--examples", "1"], "at least 2"),
    ],
)
def test_wrong_usage_is_explained(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        gpu_check.main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_the_report_goes_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUT", str(tmp_path / "there"))
    assert gpu_check.options([]).out == tmp_path / "there"
    assert gpu_check.options(["--out", str(tmp_path / "here")]).out == tmp_path / "here"
    monkeypatch.delenv("OUT")
    monkeypatch.chdir(tmp_path)
    assert gpu_check.options([]).out == tmp_path / "gpu-report"


def names(only: list[str], skip: list[str], profile: bool = False) -> list[str]:
    return [part.name for part in chosen(all_parts("cuda:0", Path()), only, skip, profile)[0]]


def test_the_order_is_that_of_worth() -> None:
    groups = list(dict.fromkeys(name.partition("/")[0] for name in names([], [])))
    assert groups == ["versions", "smoke", "doctor", "alone", "verify", "tests", "peers"]
    peers = names(["peers"], [])
    assert peers[0] == "peers/gpunet/128"
    assert len(peers) == len(set(peers)) == 16
    assert [n for n in names([], [], profile=True) if "profile" in n] == [
        "profile/ncu",
        "profile/memcheck",
        "profile/racecheck",
    ]


def test_the_bounds_of_all_but_the_peers_fit_the_budget() -> None:
    parts, _ = chosen(all_parts("cuda:0", Path()), [], ["peers"], False)
    assert sum(part.seconds for part in parts) < gpu_check.options([]).budget < 600


def test_parts_are_chosen_one_by_one_and_by_group() -> None:
    assert names(["smoke", "peers/torch"], []) == [
        "smoke",
        "peers/torch/128",
        "peers/torch/full",
    ]
    assert names(["peers/jax/full"], []) == ["peers/jax/full"]
    assert "peers/torch-graph/128" in names([], ["peers/torch"])
    assert names(["profile/ncu"], []) == ["profile/ncu"]
    assert names(["smoke", "verify"], ["verify"]) == ["smoke"]
    _, why = chosen(all_parts("cuda:0", Path()), [], ["alone"], False)
    assert why["alone"] == "--skip"
    assert why["profile/ncu"] == "no --profile"


@pytest.mark.parametrize(
    ("visible", "number", "expected"),
    [(None, "0", "0"), (None, "1", "1"), ("4,6", "1", "6"), ("", "0", "0")],
)
def test_the_tests_see_the_chosen_gpu_alone(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, number: str, expected: str
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert on_gpu(number)["CUDA_VISIBLE_DEVICES"] == expected


def test_it_starts_without_any_package(tmp_path: Path) -> None:
    # -I -S: no site-packages, no folder but the script's; as on a machine that has nothing.
    start = f"import sys; sys.path.insert(0, {str(Path(gpu_check.__file__).parent)!r})\n"
    arguments = ["--only", "tests", "--out", str(tmp_path)]
    use = f"import gpu_check; sys.exit(gpu_check.main({arguments!r}))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", start + use], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert "missing: numpy: nothing runs" in lines
    assert "missing: pytest: the GPU tests are left out" in lines
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["missing"].keys() == modules.COSTS.keys()
    assert report["parts"]["tests"]["why"] == "pytest and hypothesis missing"


def wheel(folder: Path, name: str, text: str) -> Path:
    """Make the smallest wheel of a module."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", text)
        for file, content in {
            "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
            "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "RECORD": "",
        }.items():
            archive.writestr(f"{name}-1.0.dist-info/{file}", content)
    return path


def test_wheels_bring_what_is_missing(
    tmp_path: Path,
    part: Callable[..., Part],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wheel(tmp_path, "tiny_module", "VALUE = 11")
    monkeypatch.setitem(modules.COSTS, "tiny_module", "its part is left out")
    assert "tiny_module" in find_missing()
    use = "import json, tiny_module; print(json.dumps({'value': tiny_module.VALUE}))"
    tiny = part("tiny", use, modules=("tiny_module",))
    monkeypatch.setattr(gpu_check, "all_parts", lambda *rest: [tiny])
    out = tmp_path / "out"
    status = gpu_check.main(["--wheels", str(tmp_path), "--out", str(out)])
    said = capsys.readouterr().out
    report = json.loads((out / "report.json").read_text())
    assert status == 0, said
    assert report["parts"]["tiny"]["results"] == [{"value": 11}]
    assert report["wheels"] == ["tiny_module-1.0-py3-none-any.whl"]
    assert "installed for this run: tiny_module-1.0-py3-none-any.whl" in said
    assert "missing: tiny_module" not in said
    assert "tiny_module" in find_missing()  # nothing of it stays


def test_a_bad_wheel_spoils_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("bad", "good", "other"):
        wheel(tmp_path, name, "")
    calls: list[list[str]] = []

    def pip(wheels: list[Path], target: Path) -> str:
        calls.append([wheel.name.partition("-")[0] for wheel in wheels])
        return "ERROR: no wheel for this platform" if "bad" in calls[-1] else ""

    monkeypatch.setattr(modules, "_pip", pip)
    done, bad = install(tmp_path, tmp_path / "target")
    assert [name.partition("-")[0] for name in done] == ["good", "other"]
    assert bad == {"bad-1.0-py3-none-any.whl": "ERROR: no wheel for this platform"}
    assert calls == [["bad", "good", "other"], ["bad"], ["good"], ["other"]]


def test_wheels_are_unpacked_where_there_is_no_pip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = wheel(tmp_path, "tiny_module", "VALUE = 11")
    (tmp_path / "broken-1.0-py3-none-any.whl").write_text("not a wheel")
    monkeypatch.setattr(modules, "_pip", lambda wheels, target: "No module named pip")
    done, bad = install(tmp_path, tmp_path / "target")
    assert (done, list(bad)) == ([found.name], ["broken-1.0-py3-none-any.whl"])
    assert (tmp_path / "target" / "tiny_module.py").read_text() == "VALUE = 11"
    assert "tiny_module" not in find_missing([tmp_path / "target"])


def test_a_folder_without_wheels_is_told(tmp_path: Path) -> None:
    assert install(tmp_path, tmp_path) == (
        [],
        {str(tmp_path): "there is no wheel in this folder"},
    )


def test_the_cpu_computes_with_the_stand_in_for_threadpoolctl() -> None:
    path = [str(modules.STAND_INS), str(Path(gpu_check.__file__).parents[1])]
    text = (
        f"import sys; sys.path[:0] = {path!r}\n"
        "import gpunet, threadpoolctl\n"
        "assert 'stand_ins' in threadpoolctl.__file__\n"
        "train = gpunet.datasets.load('xor')[0]\n"
        "net = gpunet.Network([3, 3, 1], device='cpu')\n"
        "print(len(gpunet.fit(net, train, epochs=2).loss))"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.stdout == "2\n", done.stderr
