"""Telling whether examples are the ones that a model was trained on."""

import hashlib
import json

import numpy as np

from gpunet.datasets import mapped
from gpunet.datasets.dataset import Dataset

# Of features that take more bytes than MAPPED_FROM, so many rows stand for all.
SAMPLED_ROWS = 4096


def fingerprint(data: Dataset) -> str:
    """Return the SHA-256 of the examples, in hexadecimal.

    It covers the features and class numbers in their order, their type and the classes' names; not
    how a file spells them. Of features from 256 MB up (``MAPPED_FROM``), which may not be in
    memory, it covers 4,096 rows spread evenly, the first and the last among them: a change in
    another row is not noticed.
    """
    X = data.X
    about = [list(X.shape), X.dtype.name, list(data.classes)]
    digest = hashlib.sha256(json.dumps(about).encode())
    digest.update(_bytes(data.y))
    if X.size * X.dtype.itemsize < mapped.MAPPED_FROM:
        digest.update(_bytes(X))
    else:
        rows = np.linspace(0, len(X) - 1, min(SAMPLED_ROWS, len(X))).astype(np.int64)
        digest.update(_bytes(X[rows]))
    return digest.hexdigest()


def _bytes(array: object) -> memoryview:
    """Return the array's elements in their order, little-endian on every machine."""
    host = np.asarray(array)
    return np.ascontiguousarray(host, host.dtype.newbyteorder("<")).reshape(-1).view(np.uint8).data
