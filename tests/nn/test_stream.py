"""Examples in a memory-mapped file: trained on as if they were in memory, without being there."""

import importlib.util
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import gpunet
from gpunet import datasets
from gpunet.backends import Backend
from gpunet.backends.devices.numpy_backend import NumpyBackend
from gpunet.backends.devices.strict_device import StrictDeviceBackend
from gpunet.datasets import Dataset, mapped
from gpunet.datasets.mapped import MappedRows
from gpunet.errors import ArgumentError, DataError, FileError
from gpunet.training import Training, epochs

N, FEATURES, CLASSES = 203, 20, 3
SCORED = 64  # examples a chunk, if the batch size divides it
random = np.random.default_rng(0)
PIXELS = random.integers(0, 256, (N, FEATURES), dtype=np.uint8)
LABELS = random.integers(0, CLASSES, N)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epochs, "SCORED_TOGETHER", SCORED)


@pytest.fixture
def on_disk(tmp_path: Path) -> Callable[[np.ndarray], np.memmap]:
    def save(array: np.ndarray) -> np.memmap:
        np.save(tmp_path / "X.npy", array)
        return np.load(tmp_path / "X.npy", mmap_mode="r")

    return save


Save = Callable[[np.ndarray], np.memmap]


def network(backend: Backend, **settings) -> gpunet.Network:
    kept = {"device": backend, "seed": 2, "dropout": 0.2} | settings
    sizes = [FEATURES, 8, CLASSES]
    return gpunet.Network(
        sizes, output="softmax", loss="categorical_crossentropy", **kept
    )  # fmt: skip


def data(X: np.ndarray) -> Dataset:
    return Dataset(X, LABELS[: len(X)], 1 / 255, ("a", "b", "c"))


def assert_same_training(backend: Backend, X: np.ndarray, file: np.ndarray, **options) -> None:
    """Losses, parameters and predictions are the same bits, from memory and from the file."""
    options = {"epochs": 2, "batch_size": 16, "optimizer": gpunet.Adam(0.01)} | options
    found = []
    for source in (X, file):
        net = network(backend)
        if source.dtype == np.uint8:
            examples, validation = (data(source),), data(source[:50])
        else:
            examples, validation = (source, LABELS), (source[:50], LABELS[:50])
        history = gpunet.fit(net, *examples, validation=validation, **options)
        found.append(
            [
                np.array([history.loss, history.accuracy, history.val_loss]),
                backend.to_numpy(net.mlp.theta),
                net.predict_proba(examples[0]),
                np.array(list(net.evaluate(*examples).values())),
                *net.loss_and_gradients(*examples)[1].values(),
            ]
        )
    for memory, streamed in zip(*found, strict=True):
        np.testing.assert_array_equal(streamed, memory)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("batch_size", [8, 30, 100, 202])
def test_training_is_the_same_to_the_bit(
    backend: Backend, on_disk: Save, shuffle: bool, batch_size: int
) -> None:
    file = on_disk(PIXELS)
    assert_same_training(backend, PIXELS, file, shuffle=shuffle, batch_size=batch_size)


@pytest.mark.parametrize("dtype", ["float32", "float64", ">f4", "int16", "bool"])
def test_every_type_is_converted_as_in_memory(on_disk: Save, dtype: str) -> None:
    X = (PIXELS / 100).astype(dtype)
    assert_same_training(NumpyBackend(), X, on_disk(X))


@pytest.mark.parametrize(
    "view",
    [
        lambda table: table[:, 1:],
        lambda table: table[:, ::-1],
        lambda table: table[::2][: N // 2 + 1],
        np.asarray,
        lambda table: table.view(np.ndarray)[3:],
    ],
    ids=["columns", "backwards", "rows", "asarray", "slice"],
)
def test_a_view_of_a_file_is_read_from_the_file(on_disk: Save, view) -> None:
    X = np.arange(2 * N * (FEATURES + 1), dtype="float32").reshape(2 * N, -1)
    rows = MappedRows(view(on_disk(X)))
    chosen = np.array([5, 0, 7])
    np.testing.assert_array_equal(np.asarray(rows), view(X))
    np.testing.assert_array_equal(np.asarray(rows[chosen]), view(X)[chosen])
    np.testing.assert_array_equal(np.asarray(rows[chosen][1:]), view(X)[chosen][1:])
    np.testing.assert_array_equal(np.asarray(rows[2:9][chosen[:2]]), view(X)[2:9][chosen[:2]])
    np.testing.assert_array_equal(rows[-1], view(X)[-1])
    np.testing.assert_array_equal(rows[chosen][2], view(X)[7])
    assert (rows.shape, len(rows), rows.ndim) == (view(X).shape, len(view(X)), 2)


def test_a_slow_disk_is_asked_for_all_rows_of_a_chunk_first(
    on_disk: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the layout, the same numbers come; it counts as slow until found quick."""
    asked = []
    ask = MappedRows._ask_for
    monkeypatch.setattr(
        MappedRows, "_ask_for", lambda self, rows: (asked.append(rows), ask(self, rows))
    )
    X = np.arange(5000 * 9, dtype="float32").reshape(5000, 9)
    chosen, out = np.array([0, 17, 18, 2000, 4999]), np.empty((5, 9), "float32")
    for view in (lambda x: x, lambda x: x[::-1], lambda x: x[:, ::-1]):
        for seconds, times in ((1e9, 1), (-1.0, 2)):
            asked.clear()
            monkeypatch.setattr(mapped, "SLOW_ROW", seconds)
            rows = MappedRows(view(on_disk(X)))
            for _ in range(2):
                out[:] = -1
                rows.read(chosen, out)
                np.testing.assert_array_equal(out, view(X)[chosen])
            assert len(asked) == times


class Watched(StrictDeviceBackend):
    """Notes the size of each array that comes from the host."""

    def __init__(self) -> None:
        super().__init__()
        self.uploads: list[tuple[int, ...]] = []

    def array(self, host, dtype):
        self.uploads.append(np.shape(host))
        return super().array(host, dtype)

    def assign(self, out, value) -> None:
        if isinstance(value, np.ndarray):
            self.uploads.append(value.shape)
        super().assign(out, value)


def test_a_device_is_given_chunks_and_reads_nothing_back(on_disk: Save) -> None:
    backend = Watched()
    net = network(backend)
    training = Training(net, data(on_disk(PIXELS)), batch_size=8, epochs=3)
    training.advance(1)
    backend.counts.clear()
    backend.uploads.clear()
    training.advance(1)
    table = [shape for shape in backend.uploads if len(shape) == 2 and shape[1] == FEATURES]
    assert table == [(SCORED, FEATURES)] * 3 + [(N % SCORED, FEATURES)]
    assert backend.counts["read-back"] == 2  # the losses and theta at the end of advance
    assert backend.counts["allocation"] == 0


def test_evaluation_uploads_piece_by_piece(on_disk: Save) -> None:
    backend = Watched()
    X = on_disk(np.tile(PIXELS, (11, 1)))
    network(backend).evaluate(X, np.tile(LABELS, 11))
    table = [shape for shape in backend.uploads if shape[1:] == (FEATURES,)]
    assert table == [(1024, FEATURES), (1024, FEATURES), (11 * N - 2048, FEATURES)]


def big(on_disk: Save, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    n, columns = 30_000, 200
    X = np.zeros((n, columns), dtype)
    X[::2, 0] = 1
    return on_disk(X), (np.arange(n) % 2 == 0).astype(np.uint8)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_memory_holds_a_part_of_it_at_most(
    on_disk: Save, monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    """NumPy's allocations while a file is checked, trained on, evaluated and predicted."""
    monkeypatch.setattr(mapped, "PIECE_BYTES", 1 << 18)
    X, y = big(on_disk, dtype)
    net = gpunet.Network([X.shape[1], 4, 1], device="cpu")
    tracemalloc.start()
    try:
        gpunet.fit(net, X, y, epochs=1, batch_size=32)
        net.evaluate(X, y)
        net.predict(X)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Targets, orders and outputs are in memory: some 30 bytes an example, of 200 to 1,600.
    assert peak < 0.6 * X.nbytes


def test_a_value_that_is_not_finite_is_found_in_its_row(
    on_disk: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapped, "PIECE_BYTES", 4 * FEATURES * 10)
    X = PIXELS.astype("float32")
    X[57, 3] = np.nan
    with pytest.raises(DataError, match="X is nan in row 57, column 3"):
        network(NumpyBackend()).predict(on_disk(X))
    with pytest.raises(DataError, match=r"X\[57, 3\]"):
        mapped_part(on_disk(X))


def mapped_part(X: np.ndarray) -> tuple[Dataset, Dataset]:
    from gpunet.datasets.parts import Part, build_datasets

    return build_datasets("data", Part(X, LABELS, "data"))


def test_a_full_batch_is_refused(on_disk: Save) -> None:
    for batch_size in (None, N):
        with pytest.raises(ArgumentError, match="memory-mapped X in memory; give a batch size"):
            gpunet.fit(network(NumpyBackend()), data(on_disk(PIXELS)), batch_size=batch_size)


def readers() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("gpunet-reader")]


def test_a_file_that_is_cut_short_is_an_error(on_disk: Save, tmp_path: Path) -> None:
    file = on_disk(np.tile(PIXELS, (1, 300)))

    def cut(epoch: int, logs: dict) -> None:
        with (tmp_path / "X.npy").open("r+b") as opened:
            opened.truncate(5000)

    net = gpunet.Network([file.shape[1], 2, 1], device="cpu")
    with pytest.raises(FileError, match=r"X\.npy was cut short .* expected \d+ bytes"):
        gpunet.fit(net, file, LABELS > 0, epochs=3, batch_size=8, callbacks=[cut])
    assert not readers()


def test_an_error_in_the_thread_is_raised_here(
    on_disk: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunks = []

    def read(self, rows, out) -> None:
        chunks.append(threading.current_thread() is threading.main_thread())
        if len(chunks) == 3:
            raise FileError("the disk is gone")

    steps = []

    class Count(gpunet.Callback):
        def on_batch_end(self, epoch: int, batch: int) -> None:
            steps.append(batch)

    dataset = data(on_disk(PIXELS))
    training = Training(network(NumpyBackend()), dataset, batch_size=8, callbacks=[Count()])
    monkeypatch.setattr(MappedRows, "read", read)
    with pytest.raises(FileError, match="the disk is gone"):
        training.advance(1)
    assert chunks == [False] * 3
    assert len(steps) == 2 * SCORED // 8  # those of the chunks before it
    assert not readers()


def test_what_is_read_ahead_is_the_next_chunk(
    on_disk: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the steps of a chunk are taken, the next one is being read, and only that."""
    begun = []
    read = MappedRows.read

    def noted(self, rows, out) -> None:
        begun.append(len(rows))
        read(self, rows, out)

    monkeypatch.setattr(MappedRows, "read", noted)
    seen = []

    class Look(gpunet.Callback):
        def on_batch_end(self, epoch: int, batch: int) -> None:
            if batch % 8 == 4:  # half-way through a chunk
                seen.append(len(begun))

    dataset = data(on_disk(PIXELS))
    gpunet.fit(network(NumpyBackend()), dataset, epochs=1, batch_size=8, callbacks=[Look()])
    assert begun == [64, 64, 64, 11]
    assert all(ahead <= chunk + 2 for chunk, ahead in enumerate(seen))
    assert seen[-1] >= 3


def test_after_a_stop_within_an_epoch_training_goes_on_as_in_memory(on_disk: Save) -> None:
    """What was read ahead for steps that were never taken is forgotten."""

    class Stop(gpunet.Callback):
        def on_train_begin(self, run) -> None:
            self.run = run

        def on_batch_end(self, epoch: int, batch: int) -> None:
            if batch == 11:
                self.run.stop("enough")

    found = []
    for X in (PIXELS, on_disk(PIXELS)):
        net, stop = network(NumpyBackend()), Stop()
        training = Training(net, data(X), batch_size=8, epochs=9, callbacks=[stop])
        stop.on_train_begin(training.run_info)
        training.advance(1)
        assert training.history.steps == 11
        training.callbacks.clear()
        training.history.stopped = None
        training.advance(2)
        found.append((training.history.loss, net.mlp.theta))
    assert found[0][0] == found[1][0]
    np.testing.assert_array_equal(found[1][1], found[0][1])
    assert not readers()


def test_ctrl_c_ends_the_thread(on_disk: Save) -> None:
    class Interrupt(gpunet.Callback):
        def on_batch_end(self, epoch: int, batch: int) -> None:
            assert readers()
            raise KeyboardInterrupt  # as a second Ctrl-C does

    dataset = data(on_disk(PIXELS))
    with pytest.raises(KeyboardInterrupt):
        gpunet.fit(network(NumpyBackend()), dataset, batch_size=8, callbacks=[Interrupt()])
    assert not readers()


@pytest.fixture
def _all_files_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "MAPPED_FROM", 1)


@pytest.mark.parametrize("column", [None, 0])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.usefixtures("_all_files_are_large")
def test_a_large_npy_is_split_without_being_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: int | None, dtype: str
) -> None:
    pair = (PIXELS, LABELS[:, None]) if column is None else (LABELS[:, None], PIXELS)
    np.save(tmp_path / "table.npy", np.hstack(pair).astype(dtype))
    streamed = datasets.load(tmp_path / "table.npy", label_column=column)
    monkeypatch.setattr(mapped, "MAPPED_FROM", 1 << 30)
    memory = datasets.load(tmp_path / "table.npy", label_column=column)
    for found, expected in zip(streamed, memory, strict=True):
        assert isinstance(found.X, MappedRows)
        assert isinstance(expected.X, np.ndarray)
        assert (found.scale, found.classes) == (expected.scale, expected.classes)
        np.testing.assert_array_equal(np.asarray(found.X), expected.X)
        np.testing.assert_array_equal(found.y, expected.y)
        np.testing.assert_array_equal(found.arrays()[0], expected.arrays()[0])
        assert found.X.dtype == expected.X.dtype


@pytest.mark.usefixtures("_all_files_are_large")
def test_labels_in_the_middle_of_a_large_npy_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "table.npy", PIXELS)
    with pytest.raises(DataError, match="labels are in column 4; expected them in the first"):
        datasets.load(tmp_path / "table.npy", label_column=4)


def test_the_command_streams_a_folder_of_large_idx_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where rows are held out for the validation; the model is the one from memory."""
    from gpunet.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)  # draws no pictures
    for part, n in (("train", 150), ("t10k", 53)):
        images = PIXELS[-n:].reshape(n, 4, 5)
        datasets.write_idx(f"{part}-images-idx3-ubyte", images)
        datasets.write_idx(f"{part}-labels-idx1-ubyte", LABELS[-n:].astype(np.uint8))
    streams = []
    original = MappedRows.read
    monkeypatch.setattr(
        MappedRows, "read", lambda *given: (streams.append(given), original(*given))[1]
    )
    options = ["--dataset", ".", "--quiet", "--hidden", "4", "--epochs", "2", "--device", "cpu"]
    assert main.run(["train", *options, "--validation", "0.1", "--out", "memory"]) == 0
    assert not streams
    monkeypatch.setattr(mapped, "MAPPED_FROM", 53 * FEATURES)
    assert main.run(["train", *options, "--validation", "0.1", "--out", "file"]) == 0
    assert streams
    models = [(tmp_path / run / "model.safetensors").read_bytes() for run in ("memory", "file")]
    assert models[0] == models[1]
