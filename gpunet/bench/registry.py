"""The libraries by name: what each needs, and which jobs it can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module, metadata
from importlib.util import find_spec

from gpunet.bench.job import Job
from gpunet.bench.peers.base import Peer
from gpunet.bench.reference import TOLERANCE

CPU, GPU = "cpu", "cuda"
# TF32 rounds each operand by 2^-12 at most; the errors of the products, some 1e-4, mostly cancel.
TF32_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Entry:
    """A library.

    Attributes:
        home, kind: Module and class of its peer.
        library: The package that has to be installed, as it is imported.
        package: The same, as pip and ``importlib.metadata`` name it.
        devices: Where it can run: on "cpu", "cuda" or both.
        limits: Says why it cannot do a job; "" if it can.
        tolerance: How far its losses may be off, relatively.
    """

    home: str
    kind: str
    library: str
    package: str
    devices: tuple[str, ...] = (CPU, GPU)
    limits: Callable[[Job], str] = lambda job: ""
    tolerance: float = TOLERANCE

    @property
    def installed(self) -> bool:
        """Whether the library is there; it is not imported."""
        return find_spec(self.library) is not None

    @property
    def version(self) -> str:
        """Return the installed version."""
        try:
            return metadata.version(self.package)
        except metadata.PackageNotFoundError:
            return ""

    def obstacle(self, job: Job) -> str:
        """Return why it cannot do this job, with the remedy; "" if it can."""
        if not self.installed:
            return f"{self.library} is not installed; pip install {self.package}"
        if self.devices == (GPU,) and job.device == CPU:
            return "needs a GPU; choose one with --device cuda"
        return self.limits(job)

    def placed(self, job: Job) -> Job:
        """Return the job on the device where this library runs it."""
        return job if job.device == CPU or GPU in self.devices else replace(job, device=CPU)

    def create(self, job: Job) -> Peer:
        """Import the library and set it up."""
        peer: Peer = getattr(import_module(f"gpunet.bench.peers.{self.home}"), self.kind)(job)
        return peer


def tutorial_limits(job: Job) -> str:
    """Return why the tutorial's program cannot do the job; "" if it can."""
    if job.batch is not None:
        return "knows no mini-batches; try --batch full"
    if not job.binary or len(job.network) != 3:
        return "knows one hidden layer and one output only, as in 784-196-1"
    return ""


PEERS = {
    "gpunet": Entry("gpunet", "Gpunet", "gpunet", "gpunet"),
    "gpunet-tf32": Entry(
        *("gpunet", "GpunetTF32", "gpunet", "gpunet", (GPU,)), tolerance=TF32_TOLERANCE
    ),
    "gpunet-split16": Entry("gpunet", "GpunetSplit16", "gpunet", "gpunet", (GPU,)),
    "torch": Entry("torch", "Torch", "torch", "torch"),
    "torch-compile": Entry("torch_compile", "TorchCompile", "torch", "torch"),
    "torch-graph": Entry("torch_graph", "TorchGraph", "torch", "torch", (GPU,)),
    "jax": Entry("jax", "Jax", "jax", "jax"),
    "sklearn": Entry("sklearn", "Sklearn", "sklearn", "scikit-learn", (CPU,)),
    "thinc": Entry("thinc", "Thinc", "thinc", "thinc", (CPU,)),
    "tutorial": Entry("tutorial", "Tutorial", "numpy", "numpy", (CPU,), tutorial_limits),
}
# Not a library, and not for --peers: it runs beside them all.
PRODUCTS = "products"
ENTRIES = PEERS | {PRODUCTS: Entry("products", "Products", "numpy", "numpy")}
OWN = "gpunet"


def installed(device: str) -> list[str]:
    """Return the peers that are installed and may run on the device."""
    return [
        name
        for name, entry in PEERS.items()
        if entry.installed and not (entry.devices == (GPU,) and device == CPU)
    ]
