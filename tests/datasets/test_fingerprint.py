"""A fingerprint tells other examples from the same ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gpunet.datasets import Dataset, mapped
from gpunet.datasets.fingerprint import SAMPLED_ROWS, fingerprint

N = 3 * SAMPLED_ROWS
X = np.random.default_rng(0).integers(0, 256, (N, 5), np.uint8)
DATA = Dataset(X, np.arange(N) % 3, 1 / 255, ("a", "b", "c"))


def changed(row: int, column: int = 2) -> Dataset:
    other = X.copy()
    other[row, column] ^= 1
    return replace(DATA, X=other)


def test_it_is_the_same_on_every_machine() -> None:
    """Pinned: model files are read elsewhere, and by later versions."""
    small = Dataset(np.array([[1.0, 2.0], [3.0, 4.5]]), np.array([0, 1]), 1.0, ("a", "b"))
    known = "fac5672cf726a1e0448a929ba74f57d3a1488fe83ccbb63f698209ecd1a5a9bb"
    assert fingerprint(small) == known
    big_endian = replace(small, X=np.asfortranarray(small.X.astype(">f8")))
    assert fingerprint(big_endian) == known


@pytest.mark.parametrize("limit", [mapped.MAPPED_FROM, 1], ids=["whole", "sampled"])
@pytest.mark.parametrize(
    "other",
    [
        changed(0),
        changed(N - 1),
        replace(DATA, y=(DATA.y + (np.arange(N) == 1000)) % 3),
        replace(DATA, classes=("a", "b", "d")),
        replace(DATA, X=X.astype("float32")),
        replace(DATA, X=X.reshape(N // 2, 10), y=DATA.y[: N // 2]),
        DATA.part(slice(0, N - 1)),
        DATA.part(np.arange(N)[::-1]),
    ],
    ids=["first row", "last row", "label", "class", "type", "shape", "length", "order"],
)
def test_what_differs_is_told_apart(
    monkeypatch: pytest.MonkeyPatch, limit: int, other: Dataset
) -> None:
    monkeypatch.setattr(mapped, "MAPPED_FROM", limit)
    assert fingerprint(other) != fingerprint(DATA)
    assert fingerprint(changed(1000)) != fingerprint(DATA) or limit == 1


def test_of_large_data_a_bounded_part_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    np.save(tmp_path / "X.npy", X)
    on_disk = replace(DATA, X=mapped.lazily(np.load(tmp_path / "X.npy", mmap_mode="r")))
    assert fingerprint(on_disk) == fingerprint(DATA)
    monkeypatch.setattr(mapped, "MAPPED_FROM", 1)
    read = []
    monkeypatch.setattr(
        mapped.MappedRows, "pieces", lambda rows: read.append(len(rows)) or iter([slice(None)])
    )
    assert fingerprint(on_disk) == fingerprint(DATA)
    assert read == [SAMPLED_ROWS]
