"""The ways in which a GPU fails to work: how each shows, what it means, what mends it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gpunet.backends.diagnosis.installation import INSTALL, extra_for, install_command
from gpunet.errors import DeviceError


class Failure(StrEnum):
    """The classes of failure, by the names that people and ``gpunet doctor --json`` see."""

    NO_CUPY = "no CuPy"
    TWO_WHEELS = "two CuPy wheels"
    BROKEN_CUPY = "broken CuPy"
    OLD_CUPY = "CuPy too old for NumPy"
    NO_DRIVER = "no driver"
    OLD_DRIVER = "driver too old"
    BAD_DRIVER = "driver out of order"
    NO_GPU = "no GPU visible"
    BUSY_GPU = "GPU busy"
    UNSUPPORTED_GPU = "GPU not supported by this CUDA"
    NO_COMPILER = "NVRTC or headers missing"
    NO_LIBRARY = "CUDA library missing"
    OUT_OF_MEMORY = "out of memory"
    WRONG_RESULT = "wrong result"
    TIME_LIMIT = "time limit"
    CRASH = "crash"
    OTHER = "other"


class DiagnosedError(DeviceError):
    """A failure whose class is known where it is raised."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


@dataclass
class Facts:
    """What is known of the machine when something fails: remedies depend on it.

    Attributes:
        driver: The CUDA version that the driver speaks (12040 is 12.4); 0 if there is none.
        wheels: The installed packages that provide CuPy.
        gpus: How many GPUs the driver shows.
        visible: CUDA_VISIBLE_DEVICES, None if it is not set.
    """

    driver: int = 0
    wheels: Sequence[str] = ()
    gpus: int = 0
    visible: str | None = None


MEANING = {
    Failure.NO_CUPY: "CuPy is not installed",
    Failure.TWO_WHEELS: "several CuPy packages are installed and overwrite each other's files",
    Failure.BROKEN_CUPY: "CuPy is only partly installed",
    Failure.OLD_CUPY: "CuPy and NumPy do not fit together",
    Failure.NO_DRIVER: "there is no NVIDIA driver",
    Failure.OLD_DRIVER: "the NVIDIA driver is too old for the installed CuPy",
    Failure.BAD_DRIVER: "the NVIDIA driver is installed but does not work",
    Failure.NO_GPU: "the NVIDIA driver reports no GPU, or not this one",
    Failure.BUSY_GPU: "another program has the GPU to itself",
    Failure.UNSUPPORTED_GPU: "the installed CUDA version makes no programs for this GPU",
    Failure.NO_COMPILER: "CuPy cannot compile kernels (NVRTC or the CUDA headers are missing)",
    Failure.NO_LIBRARY: "a CUDA library is missing",
    Failure.OUT_OF_MEMORY: "the GPU is out of memory",
    Failure.WRONG_RESULT: "the GPU computes wrongly",
    Failure.TIME_LIMIT: "the GPU did not answer in time",
    Failure.CRASH: "the process that used the GPU died",
    Failure.OTHER: "the GPU cannot be used",
}

# What the messages of CUDA, CuPy and the loader contain. The first that fits decides, so that
# the special stand before the general: an architecture that NVRTC does not know is no missing
# NVRTC, and a missing libcuda is a missing driver.
SIGNS = (
    (
        Failure.OUT_OF_MEMORY,
        "OutOfMemory|OUT_OF_MEMORY|out of memory|cudaErrorMemoryAllocation|ALLOC_FAILED",
    ),
    (Failure.NO_DRIVER, r"cudaErrorStubLibrary|libcuda\.so|nvcuda\.dll"),
    (Failure.OLD_DRIVER, "UnsupportedPtxVersion|UNSUPPORTED_PTX_VERSION|cudaErrorCompatNotSupp"),
    (
        Failure.BAD_DRIVER,
        "cudaErrorSystemDriverMismatch|cudaErrorSystemNotReady|cudaErrorInitializationError"
        "|cudaErrorUnknown|CUDA_ERROR_UNKNOWN|NOT_PERMITTED|cudaErrorOperatingSystem",
    ),
    (Failure.NO_GPU, "cudaErrorNoDevice|CUDA_ERROR_NO_DEVICE|cudaErrorInvalidDevice"),
    (Failure.BUSY_GPU, "cudaErrorDevicesUnavailable"),
    (Failure.UNSUPPORTED_GPU, "gpu-architecture|NoKernelImageForDevice|NO_BINARY_FOR_GPU"),
    (Failure.NO_COMPILER, "nvrtc|(cannot|could not) open source file"),
    (
        Failure.NO_LIBRARY,
        r"lib(cu|nv)\w*\.\w+.*(cannot open|no such file)|DynamicLibNotFound|DLL load failed",
    ),
    (
        Failure.OLD_CUPY,
        r"multiarray|numpy\.core|numpy\.\w+ size changed|compiled using NumPy|module 'numpy"
        "|was removed in the NumPy",
    ),
    (Failure.BROKEN_CUPY, "'cupy"),
)

NEW_DRIVER = (
    "install NVIDIA's driver (Ubuntu: sudo ubuntu-drivers install; others: "
    "https://www.nvidia.com/drivers) and restart"
)
CONTAINER = "in a container: docker run --gpus all"


def classify(error: Exception, facts: Facts) -> Failure:
    """Return the class of an error that CuPy, CUDA or the loader raised."""
    if isinstance(error, DiagnosedError):
        return error.failure
    text = f"{type(error).__name__}: {error}"
    if "cudaErrorInsufficientDriver" in text:  # CUDA says the same where there is no driver
        return Failure.OLD_DRIVER if facts.driver else Failure.NO_DRIVER
    found = (failure for failure, sign in SIGNS if re.search(sign, text, re.IGNORECASE))
    return next(found, Failure.OTHER)


def summary(error: Exception) -> str:
    """Return the telling line of an error.

    CuPy wraps what went wrong in its import into a page of advice, below "Original error".
    """
    kind, lines = type(error).__name__, [line.strip() for line in str(error).splitlines()]
    lines = [line for line in lines if line.strip("=- ")]
    if "Original error:" in lines[:-1]:
        return lines[lines.index("Original error:") + 1]
    if isinstance(error, DeviceError):
        return str(error)
    return f"{kind}: {lines[0]}" if lines else kind


# The remedies that are the same on every machine.
REMEDIES = {
    Failure.NO_DRIVER: f"{NEW_DRIVER}; {CONTAINER}; without an NVIDIA GPU there is nothing to mend",
    Failure.BAD_DRIVER: "sudo reboot (an updated driver wants one); if that does not help, "
    f"{NEW_DRIVER}",
    Failure.BUSY_GPU: "nvidia-smi shows which program uses the GPU: end it, or use another GPU",
    Failure.OUT_OF_MEMORY: "nvidia-smi shows which programs use the GPU: end one, or use another",
    Failure.WRONG_RESULT: "nvidia-smi -q -d ECC shows memory errors; restart the machine, and if "
    "it stays, replace the GPU",
    Failure.TIME_LIMIT: "gpunet doctor --timeout 300 waits longer; if nvidia-smi hangs too, "
    "sudo reboot",
}


def remedy(failure: Failure, facts: Facts) -> str:
    """Return what mends a failure: a command, with a word on when it applies."""
    if failure in REMEDIES:
        return REMEDIES[failure]
    afresh = install_command(facts.driver, facts.wheels, afresh=True)
    match failure:
        case Failure.NO_CUPY | Failure.OLD_DRIVER:
            return _driver_first(facts)
        case Failure.TWO_WHEELS | Failure.BROKEN_CUPY:
            return afresh
        case Failure.NO_GPU:
            return _visible_gpu(facts)
        case Failure.UNSUPPORTED_GPU if list(facts.wheels) == ["cupy-cuda13x"]:
            # CUDA 13 dropped the GPUs before Turing (compute capability 7.5).
            return "pip uninstall -y cupy-cuda13x && pip install 'gpunet[cuda12x]'"
        case Failure.UNSUPPORTED_GPU:
            return f"a newer CUDA knows newer GPUs: {NEW_DRIVER}; then {INSTALL}"
        case Failure.CRASH:
            return f"{afresh}; if nvidia-smi fails too, {NEW_DRIVER}"
        case Failure.OTHER:
            return f"{afresh}; if it stays, report the output of gpunet doctor --json"
    return install_command(facts.driver, facts.wheels)


def _driver_first(facts: Facts) -> str:
    """Return the remedy where the driver decides which CuPy can work, if any."""
    if not facts.driver:
        return f"{INSTALL}, after NVIDIA's driver; without an NVIDIA GPU there is nothing to mend"
    extra = extra_for(facts.driver)
    if extra is None:
        return f"{NEW_DRIVER}; then {install_command(wheels=facts.wheels)}"
    if f"cupy-{extra}" in facts.wheels:  # the right CuPy, and still too new
        return NEW_DRIVER
    return install_command(facts.driver, facts.wheels)


def _visible_gpu(facts: Facts) -> str:
    """Return how to get at a GPU that the driver does not show."""
    if facts.gpus:
        last = facts.gpus - 1
        return "use --device cuda:0" + (f" to cuda:{last}" if last else "")
    if facts.visible is not None:
        return f"unset CUDA_VISIBLE_DEVICES (it is {facts.visible!r})"
    return f"nvidia-smi -L lists what the driver sees; {CONTAINER}"


def explain(error: Exception, facts: Facts | None = None) -> str:
    """Return in one line what an error of the GPU means for the user, and what mends it."""
    if isinstance(error, DeviceError):
        return str(error)
    facts = facts or Facts()
    failure = classify(error, facts)
    return f"{MEANING[failure]}; {remedy(failure, facts)} ({summary(error)})"
