"""Data sets: ``load`` gives a training and a test set by name or from a file."""

from gpunet.datasets.dataset import Dataset
from gpunet.datasets.download import fetch_mnist
from gpunet.datasets.idx import encode_idx, parse_idx, read_idx, write_idx
from gpunet.datasets.registry import load, names
from gpunet.datasets.toy import blobs, by_hand, debug, moons, steps, xor

__all__ = [
    "Dataset",
    "blobs",
    "by_hand",
    "debug",
    "encode_idx",
    "fetch_mnist",
    "load",
    "moons",
    "names",
    "parse_idx",
    "read_idx",
    "steps",
    "write_idx",
    "xor",
]
