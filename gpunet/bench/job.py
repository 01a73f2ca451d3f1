"""What is trained: network, examples and their order, the same in every library."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet import random
from gpunet.datasets import Dataset, load
from gpunet.errors import ArgumentError
from gpunet.nn.initializers import lecun_normal

PIXELS, BINARY, DIGITS = 784, 1, 10
LEARNING_RATE, MOMENTUM = 0.1, 0.9
SCALE = 1 / 255
# What the check of a loss curve goes through: about so many steps, of no more rows than this.
CHECK_STEPS, CHECK_ROWS, CHECK_EPOCHS = 20, 2048, 3


@dataclass(frozen=True)
class Job:
    """One training run: sigmoid hidden layers, crossentropy, SGD at a rate of 0.1.

    Attributes:
        network: Sizes from 784 pixels to 1 output (sigmoid) or 10 (softmax).
        batch: Examples a step, or None for all of them at once (then without momentum).
        device: "cpu" or "cuda:N".
        seed: Of the weights and of the order of the examples.
        examples: The first so many; more than there are repeat them. None for all.
        data_dir: Folder with the ten digits of MNIST, for ten outputs; without it, ten classes
            are made up from the digits 5 and 8.
    """

    network: tuple[int, ...]
    batch: int | None
    device: str = "cpu"
    seed: int = 0
    examples: int | None = None
    data_dir: str | None = None

    @property
    def name(self) -> str:
        """Return the network as "784-196-1"."""
        return "-".join(map(str, self.network))

    @property
    def binary(self) -> bool:
        """Whether there is one sigmoid output, not a softmax."""
        return self.network[-1] == BINARY

    @property
    def momentum(self) -> float:
        """The optimizer's momentum: 0.9 for mini-batches, 0 for all examples at once."""
        return 0.0 if self.batch is None else MOMENTUM

    @property
    def device_number(self) -> int:
        """N of "cuda:N"."""
        return int(self.device.partition(":")[2] or 0)

    def train(self) -> Dataset:
        """Return the training examples, writable and in one piece."""
        data = training_data(self.network[-1], self.data_dir)
        rows = np.arange(self.examples or len(data)) % len(data)
        return data.part(rows)

    def test(self) -> Dataset:
        """Return the test examples of mnist58, for one output."""
        return load("mnist58")[1]

    def weights(self) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Return each layer's initial (W (fan_in, fan_out), b (fan_out,))."""
        layers = []
        for layer, (fan_in, fan_out) in enumerate(self.shapes(), 1):
            W = lecun_normal(self.seed, random.WEIGHTS + layer, fan_in, fan_out)
            layers.append((W.astype(np.float32), np.zeros(fan_out, np.float32)))
        return layers

    def shapes(self) -> list[tuple[int, int]]:
        """Return (fan_in, fan_out) of each layer."""
        return list(zip(self.network[:-1], self.network[1:], strict=True))

    def order(self, epoch: int, n: int) -> NDArray[np.int64]:
        """Return the order in which an epoch goes through n examples: gpunet's own."""
        return random.permutation(self.seed, random.SHUFFLE, epoch, n)

    def flops(self, n: int) -> int:
        """Return the multiplications and additions in the products of one step of n examples."""
        passes = [3 if layer else 2 for layer in range(len(self.shapes()))]  # no dA of the pixels
        return sum(
            2 * n * a * b * times for (a, b), times in zip(self.shapes(), passes, strict=True)
        )

    def for_check(self, n: int) -> Job:
        """Return the job on fewer of its n examples, with a last batch that is not full."""
        rows = CHECK_ROWS
        if self.batch is not None:
            part = n % self.batch or self.batch // 2
            whole = max(1, min(CHECK_STEPS, CHECK_ROWS // self.batch))
            rows = whole * self.batch + part
        return replace(self, examples=min(n, rows))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Job:
        """Return the job that ``to_dict`` described."""
        return cls(**{**values, "network": tuple(values["network"])})


def parse_network(text: str) -> tuple[int, ...]:
    """Return the sizes in "784-196-1"; raises ArgumentError."""
    sizes = tuple(map(int, text.split("-"))) if re.fullmatch(r"[1-9]\d*(-[1-9]\d*)+", text) else ()
    if len(sizes) < 3 or sizes[0] != PIXELS or sizes[-1] not in (BINARY, DIGITS):
        raise ArgumentError(
            f"expected a network from 784 pixels through hidden layers to 1 or 10 outputs, such as "
            f"784-196-1 or 784-2048-2048-10; got {text!r}"
        )
    return sizes


def training_data(outputs: int, data_dir: str | os.PathLike[str] | None) -> Dataset:
    """Return mnist58 for one output; for ten, MNIST from ``data_dir`` or made-up classes."""
    if outputs == DIGITS and data_dir is not None:
        return load("mnist", data_dir=data_dir)[0]
    train, _ = load("mnist58")
    return train if outputs == BINARY else ten_classes(train)


def ten_classes(data: Dataset) -> Dataset:
    """Return the two digits, each divided into five classes by how much ink it took."""
    ink = data.X.sum(axis=1, dtype=np.int64)
    fifth = np.argsort(np.argsort(ink, kind="stable"), kind="stable") * 5 // len(data)
    classes = tuple(f"{digit}, ink {k}" for digit in data.classes for k in range(1, 6))
    return replace(data, y=data.y * 5 + fifth, classes=classes)
