"""gpunet itself."""

from __future__ import annotations

from numpy.typing import NDArray

from gpunet.bench.job import LEARNING_RATE, SCALE, Job
from gpunet.bench.peers.base import Peer
from gpunet.datasets import Dataset
from gpunet.nn.network import Network
from gpunet.optim import SGD
from gpunet.training import Training


class Gpunet(Peer):
    """Network and Training, as gpunet.fit uses them."""

    precision = "float32"

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        output, loss = (
            ("sigmoid", "binary_crossentropy")
            if job.binary
            else ("softmax", "categorical_crossentropy")
        )
        self.network = Network(
            job.network, output=output, loss=loss, device=job.device, seed=job.seed
        )
        self.network.load_parameters(
            {
                f"{name}{layer}": value
                for layer, arrays in enumerate(job.weights(), 1)
                for name, value in zip("Wb", arrays, strict=True)
            }
        )
        self.training = Training(
            self.network,
            self.data,
            optimizer=SGD(LEARNING_RATE, job.momentum),
            epochs=10**6,
            batch_size=job.batch,
            seed=job.seed,
            precision=self.precision,
        )

    def train(self, epochs: int) -> list[float]:
        """Train so many epochs more."""
        before = len(self.training.history.loss)
        self.training.advance(epochs)
        return self.training.history.loss[before:]

    def classes(self, X: NDArray) -> NDArray:
        """Return the predicted classes."""
        return self.network.predict(Dataset(X, X[:, 0], SCALE))

    def device_peak(self) -> float | None:
        """Return what CuPy's pool has taken from the job's device, in MB."""
        xp = self.network.backend.xp
        if not hasattr(xp, "get_default_memory_pool"):
            return None
        with xp.cuda.Device(self.job.device_number):  # the pool has an account for each device
            return float(xp.get_default_memory_pool().total_bytes()) / 1e6


class GpunetTF32(Gpunet):
    """With tensor cores, operands rounded to 11 bits."""

    precision = "tf32"


class GpunetSplit16(Gpunet):
    """With tensor cores, each pixel's partner split into three 16-bit numbers."""

    precision = "split16"
