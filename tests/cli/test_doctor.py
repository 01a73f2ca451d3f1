"""Every way in which a GPU can fail gets its class and its remedy.

Where the machine does not provide the failure, a stand-in for CuPy raises the library's own error
(``fake_cupy``); the examination itself always runs in its real process.
"""

import ast
import os
import shutil
import subprocess
import sys
import time
from importlib import util
from pathlib import Path
from typing import Any

import pytest
from running import Command, Result

from gpunet.backends.diagnosis import diagnosis
from gpunet.backends.diagnosis.failures import MEANING, Facts, Failure, remedy
from gpunet.backends.diagnosis.installation import install_command
from gpunet.backends.diagnosis.stages import STAGES

FAKE = Path(__file__).parent / "fake_cupy"


@pytest.fixture
def doctor(gpunet_here: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run ``gpunet doctor --json`` with the stand-in, which fails at a place in some way."""

    def run(
        at: str = "",
        do: str = "",
        *options: object,
        wheels: tuple[str, ...] = ("cupy-cuda12x",),
        driver: int = 12040,
    ) -> Result:
        for wheel in wheels:
            folder = tmp_path / "wheels" / f"{wheel.replace('-', '_')}-14.2.0.dist-info"
            folder.mkdir(parents=True)
            text = f"Metadata-Version: 2.1\nName: {wheel}\nVersion: 14.2.0\n"
            (folder / "METADATA").write_text(text)
        monkeypatch.syspath_prepend(tmp_path / "wheels")
        monkeypatch.syspath_prepend(FAKE)
        monkeypatch.setenv("FAKE_WHEELS", str(tmp_path / "wheels"))
        monkeypatch.setenv("FAKE_CUPY_AT", at)
        monkeypatch.setenv("FAKE_CUPY_DO", do)
        monkeypatch.setenv("FAKE_DRIVER", str(driver))
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        done = gpunet_here("doctor", "--json", *options)
        assert "cupy" not in sys.modules, "the parent process imported cupy"
        return done

    return run


def outcome(done: Result) -> tuple[str, str, list[bool | None]]:
    """Return the failure, the remedy and which stages went well; what must always hold, holds."""
    assert done.status == 1
    report = done.json
    assert report["usable"] is False
    assert report["cpu"]["ok"] is True
    assert report["failure"] in report["verdict"]
    assert [stage["stage"] for stage in report["stages"]] == list(STAGES)
    assert "\n" not in "".join(stage["detail"] for stage in report["stages"])
    stages = [stage["ok"] for stage in report["stages"]]
    if stages[0] is False and stages[1] is not None:
        stages[1] = None  # without CuPy it is this machine's own driver that was asked
    return report["failure"], report["remedy"], stages


def failed_at(stage: str) -> list[bool | None]:
    index = STAGES.index(stage)
    return [True] * index + [False] + [None] * (len(STAGES) - index - 1)


def test_a_gpu_that_computes_is_usable(doctor: Any) -> None:
    done = doctor()
    assert (done.status, done.err) == (0, "")
    report = done.json
    assert (report["usable"], report["failure"], report["remedy"]) == (True, None, None)
    assert all(s["ok"] and s["detail"] and s["seconds"] >= 0 for s in report["stages"])
    versions = report["versions"]
    assert set(versions) == set(diagnosis.VERSIONS)
    expected = {
        "python": sys.version.split()[0],
        "cupy": "14.2.0",
        "cupy_wheel": "cupy-cuda12x 14.2.0",
        "cuda_runtime": "12.9",
        "driver_cuda": "12.4",
        "gpu": "Fake GPU",
        "compute_capability": "9.0",
        "memory_free": "71680 MiB",
        "memory_total": "81920 MiB",
        "nvrtc": "12.9",
    }
    assert versions.items() >= expected.items()


INSUFFICIENT = (
    "raise CUDARuntimeError('cudaErrorInsufficientDriver: CUDA driver version is insufficient "
    "for CUDA runtime version')"
)
WRAPPED = (  # as cupy/__init__.py wraps what goes wrong in its import
    "raise ImportError('''\\n================\\nFailed to import CuPy.\\n\\nIf you installed CuPy "
    "via wheels (cupy-cudaXXX or cupy-rocm-X-X), make sure that the package matches with the "
    "version of CUDA or ROCm installed.\\n\\nOriginal error:\\n  {}\\n================\\n''')"
)
OLD_NUMPY = WRAPPED.format("ImportError: numpy.core.multiarray failed to import")
NO_NVRTC = (
    'raise DynamicLibNotFoundError(\'Failure finding "libnvrtc.so.13 or libnvrtc.so.12": No such '
    "file: libnvrtc.so.13 or libnvrtc.so.12')"
)
NO_HEADERS = (
    "raise CompileException('carray.cuh(4): catastrophic error: cannot open source file "
    '"cuda_fp16.h"\\n  #include <cuda_fp16.h>\\n1 catastrophic error detected\\n\')'
)
NO_BUILTINS = "raise CompileException('nvrtc: error: failed to open libnvrtc-builtins.so.12.9.\\n')"
OLD_GPU = "raise CompileException('nvrtc: error: invalid value for --gpu-architecture (-arch)\\n')"
NO_CUBLAS = (
    "raise ImportError('libcublas.so.12: cannot open shared object file: No such file or "
    "directory')"
)


def cuda(name: str) -> str:
    return f"raise CUDARuntimeError('{name}: what CUDA says about it')"


TO_12 = "pip install 'gpunet[cuda12x]'"


@pytest.mark.parametrize(
    ("at", "do", "stage", "failure", "mends"),
    [
        ("import", OLD_NUMPY, "import", "CuPy too old for NumPy", TO_12),
        ("import", WRAPPED.format("ImportError: libcudart.so.12: cannot open shared object file"),
         "import", "CUDA library missing", TO_12),
        ("import", "del runtime, cuda", "import", "broken CuPy",
         f"pip uninstall -y cupy-cuda12x && {TO_12}"),
        ("count", INSUFFICIENT, "driver", "driver too old", "install NVIDIA's driver"),
        ("count", cuda("cudaErrorSystemDriverMismatch"), "driver", "driver out of order", "reboot"),
        ("count", cuda("cudaErrorNoDevice"), "device", "no GPU visible", "nvidia-smi -L"),
        ("memory", cuda("cudaErrorDevicesUnavailable"), "device", "GPU busy", "nvidia-smi"),
        ("memory", cuda("cudaErrorMemoryAllocation"), "device", "out of memory", "nvidia-smi"),
        ("nvrtc", NO_NVRTC, "compile", "NVRTC or headers missing", TO_12),
        ("compile", NO_BUILTINS, "compile", "NVRTC or headers missing", TO_12),
        ("compile", "raise NVRTCError('NVRTC_ERROR_BUILTIN_OPERATION_FAILURE (7)')", "compile",
         "NVRTC or headers missing", TO_12),
        ("headers", NO_HEADERS, "compile", "NVRTC or headers missing", TO_12),
        ("compile", OLD_GPU, "compile", "GPU not supported by this CUDA", "newer CUDA"),
        ("product", NO_CUBLAS, "product", "CUDA library missing", TO_12),
        ("product", "raise OutOfMemoryError(512, 1024)", "product", "out of memory", "nvidia-smi"),
        ("product", "out = None; global np; np.matmul = lambda A, B, out: None", "synchronise",
         "wrong result", "ECC"),
        ("synchronise", cuda("cudaErrorIllegalAddress"), "synchronise", "other", "report"),
        ("reduction", "raise KeyError", "reduction", "other", "report"),
    ],
)  # fmt: skip
def test_an_error_of_cupy(
    doctor: Any, at: str, do: str, stage: str, failure: str, mends: str
) -> None:
    found, advice, stages = outcome(doctor(at, do))
    assert (found, stages) == (failure, failed_at(stage))
    assert mends in advice


def test_the_detail_is_the_original_error_not_the_page_around_it(doctor: Any) -> None:
    detail = doctor("import", OLD_NUMPY).json["stages"][0]["detail"]
    assert detail == "ImportError: numpy.core.multiarray failed to import"


def test_no_driver_and_an_old_one_are_told_apart(doctor: Any) -> None:
    """CUDA reports both by the same error; the version is 0 where there is none."""
    failure, advice, stages = outcome(doctor("count", INSUFFICIENT, driver=0))
    assert (failure, stages) == ("no driver", failed_at("driver"))
    assert "nothing to mend" in advice


def test_a_cupy_for_a_newer_driver_is_replaced(doctor: Any) -> None:
    done = doctor("count", INSUFFICIENT, wheels=("cupy-cuda13x",))
    failure, advice, _ = outcome(done)
    assert failure == "driver too old"
    assert advice == f"pip uninstall -y cupy-cuda13x && {TO_12}"


def test_two_wheels(doctor: Any) -> None:
    failure, advice, stages = outcome(doctor(wheels=("cupy-cuda12x", "cupy-cuda13x")))
    assert failure == "two CuPy wheels"
    assert advice.startswith("pip uninstall -y cupy-cuda12x cupy-cuda13x && pip install 'gpunet[")
    assert stages == failed_at("import")


def test_no_cupy(doctor: Any) -> None:
    failure, advice, stages = outcome(doctor("nowhere", wheels=()))
    assert failure == "no CuPy"
    assert "pip install 'gpunet[cuda1" in advice
    assert stages == failed_at("import")


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
@pytest.mark.parametrize(("version", "extra"), [(12040, "cuda12x"), (13010, "cuda13x")])
def test_without_cupy_the_driver_says_which_to_install(
    doctor: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: int, extra: str
) -> None:
    source = f"int cuDriverGetVersion(int *v) {{ *v = {version}; return 0; }}"
    compiler = ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", tmp_path / "libcuda.so.1"]
    subprocess.run(compiler, input=source, text=True, check=True)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    done = doctor("nowhere", wheels=())
    assert [s["ok"] for s in done.json["stages"][:2]] == [False, True]
    assert outcome(done)[:2] == ("no CuPy", f"pip install 'gpunet[{extra}]'")


@pytest.mark.skipif(util.find_spec("cupy") is not None, reason="this machine has CuPy")
def test_no_cupy_for_real(gpunet: Command) -> None:
    done = gpunet("doctor", "--quiet", env={"COLUMNS": "120"})
    assert (done.status, done.err) == (1, "")
    for text in ("cpu", *STAGES, "CuPy is not installed", "not reached", "the CPU is usable"):
        assert text in done.out
    assert "to mend it: pip install 'gpunet[cuda1" in done.out


def test_an_error_is_printed_as_it_stands(doctor: Any, gpunet_here: Command) -> None:
    """Square brackets are markup to the library that draws the table."""
    doctor("memory", "raise RuntimeError('[/x] [red]')")
    done = gpunet_here("doctor")
    assert "[/x] [red]" in done.out
    assert "at most 60 s" in done.err
    assert "&& pip install 'gpunet[cuda12x]'; if it stays" in done.out


@pytest.mark.gpu
def test_a_real_gpu_is_usable(gpunet: Command) -> None:
    done = gpunet("doctor", "--json")
    assert done.status == 0
    assert None not in [v for k, v in done.json["versions"].items() if k != "driver"]


def test_cuda_visible_devices_is_named(
    doctor: Any, monkeypatch: pytest.MonkeyPatch, gpunet_here: Command
) -> None:
    doctor("count", cuda("cudaErrorNoDevice"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    failure, advice, _ = outcome(gpunet_here("doctor", "--json"))
    assert failure == "no GPU visible"
    assert advice == "unset CUDA_VISIBLE_DEVICES (it is '-1')"


def test_a_gpu_that_is_not_there(doctor: Any) -> None:
    done = doctor("", "", "--device", "cuda:3")
    failure, advice, stages = outcome(done)
    assert (failure, stages) == ("no GPU visible", failed_at("device"))
    assert done.json["device"] == "cuda:3"
    assert advice == "use --device cuda:0"


@pytest.mark.parametrize("how", ["sleep", "sleep, deaf to a polite end"])
def test_a_driver_that_hangs_does_not_hang_the_doctor(doctor: Any, how: str) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " * ("deaf" in how)
    started = time.perf_counter()
    done = doctor("memory", f"{deaf}import time; time.sleep(60)", "--timeout", "1.5")
    assert time.perf_counter() - started < 10
    failure, advice, stages = outcome(done)
    assert (failure, stages) == ("time limit", failed_at("device"))
    assert done.json["stages"][2]["detail"] == "no answer within 1.5 s"
    assert "--timeout" in advice


def test_a_process_that_cannot_be_killed_is_left_behind(
    doctor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that hangs inside a driver ignores even SIGKILL; nobody may wait for it."""
    left: list[subprocess.Popen] = []

    def kill(process: subprocess.Popen) -> None:
        left.append(process)

    monkeypatch.setattr(subprocess.Popen, "kill", kill)
    monkeypatch.setattr(diagnosis, "PATIENCE", 0.1)
    done = doctor("driver", "import time; time.sleep(20)", "--timeout", "1.5")
    monkeypatch.undo()
    os.kill(left[0].pid, 9)
    os.waitpid(left[0].pid, 0)
    assert outcome(done)[0] == "time limit"


@pytest.mark.parametrize(
    ("death", "told"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended by SIGSEGV"),
        ("import os, sys; print('driver bug', file=sys.stderr, flush=True); os._exit(7)",
         "status 7: driver bug"),
    ],
)  # fmt: skip
def test_a_crash_is_reported_where_it_happened(doctor: Any, death: str, told: str) -> None:
    done = doctor("product", death)
    failure, advice, stages = outcome(done)
    assert (failure, stages) == ("crash", failed_at("product"))
    assert told in done.json["stages"][4]["detail"]
    assert "pip uninstall -y cupy-cuda12x" in advice


def test_what_a_library_prints_does_not_spoil_the_report(doctor: Any) -> None:
    done = doctor("compile", "import os; print('hello'); os.write(1, b'{}\\n')")
    assert (done.status, done.json["usable"]) == (0, True)


def test_kernels_compiled_earlier_prove_nothing(doctor: Any) -> None:
    """CuPy would take them from its folder, and a missing NVRTC would pass."""
    assert doctor("compile", "assert os.environ['CUPY_CACHE_IN_MEMORY'] == '1'").status == 0


def test_a_file_in_the_working_directory_is_not_imported(doctor: Any, tmp_path: Path) -> None:
    (tmp_path / "platform.py").write_text("raise SystemExit('a stranger')")
    assert doctor().status == 0


@pytest.mark.parametrize("device", ["cpu", "gpu", "cuda:x", "cuda:"])
def test_only_gpus_are_examined(gpunet_here: Command, device: str) -> None:
    done = gpunet_here("doctor", "--device", device)
    assert done.status == 2
    assert "expects cuda or cuda:N" in done.err


def test_help_names_the_exit_status(gpunet_here: Command) -> None:
    help_text = " ".join(gpunet_here("doctor", "--help").out.split())
    assert "Exit status 0 if the GPU is usable, 1 if it is not" in help_text


@pytest.mark.parametrize(
    ("driver", "wheels", "command"),
    [
        (12040, [], TO_12),
        (13000, [], "pip install 'gpunet[cuda13x]'"),
        (14010, [], "pip install 'gpunet[cuda13x]'"),
        (13000, ["cupy-cuda12x"], TO_12),  # newer drivers run older CUDA: no second wheel beside
        (12080, ["cupy-cuda13x"], f"pip uninstall -y cupy-cuda13x && {TO_12}"),
        (12080, ["cupy-cuda11x"], f"pip uninstall -y cupy-cuda11x && {TO_12}"),
    ],
)
def test_the_install_command_leaves_one_cupy(driver: int, wheels: list[str], command: str) -> None:
    assert install_command(driver, wheels) == command


def test_a_driver_older_than_cuda_12_comes_first() -> None:
    for failure in (Failure.NO_CUPY, Failure.OLD_DRIVER):
        assert remedy(failure, Facts(driver=11040)).startswith("install NVIDIA's driver")


@pytest.mark.parametrize("failure", Failure)
def test_every_class_has_a_meaning_and_a_remedy(failure: Failure) -> None:
    assert MEANING[failure]
    text = remedy(failure, Facts(driver=12040, wheels=["cupy-cuda12x"]))
    assert text
    assert "\n" not in text


def test_every_class_is_provoked_by_some_test() -> None:
    """As their text tells: pytest -n runs them in several processes, where none can be counted."""
    nodes = ast.walk(ast.parse(Path(__file__).read_text()))
    expected = {node.value for node in nodes if isinstance(node, ast.Constant)}
    assert set(map(str, Failure)) <= expected
