"""Products through cuBLASLt, planned by the real code and computed by a stand-in in host memory.

``fake_cublas_lt.cpp`` reads the descriptors as the library does, column by column, and refuses
what the library refuses. Where NVIDIA's header is installed (``pip install nvidia-cublas-cu12
nvidia-cuda-runtime-cu12``) it is compiled against that, and each constant is compared with it.
"""

import ctypes
import gc
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from cuda_as_cpp import COMPILER
from hypothesis import given
from hypothesis import strategies as st

from gpunet.backends.devices import cublas_lt_types as types
from gpunet.backends.devices.cublas_lt import (
    PRECISIONS,
    CublasLtError,
    CublasLtUnavailable,
    Handle,
    Matrix,
    Plan,
    load,
    matrix,
)
from gpunet.backends.devices.cublas_lt_types import PROTOTYPES, HeuristicResult, open_library
from gpunet.parity import assert_within_bound, gamma
from gpunet.parity.running_error import likely_gamma

SOURCE = Path(__file__).with_name("fake_cublas_lt.cpp")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no g++ to compile the stand-in with")


# --- the stand-in, and arrays as CuPy describes them --------------------------------------------


def compiler(*arguments: str) -> None:
    command = [str(COMPILER), "-std=c++17", "-Wall", "-Wextra", "-Werror", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    if COMPILER is None:
        pytest.skip("no g++ to compile the stand-in with")
    path = tmp_path_factory.mktemp("cublas_lt") / "fake.so"
    compiler("-O1", "-shared", "-fPIC", str(SOURCE), "-o", str(path))
    library = open_library(str(path))
    library.fake_last_stream.restype = ctypes.c_void_p
    return library


@pytest.fixture
def fake(compiled: ctypes.CDLL) -> Iterator[ctypes.CDLL]:
    """The stand-in; what a test has not freed is an error."""
    compiled.fake_reset()
    yield compiled
    compiled.fake_reset()
    if compiled.fake_live():
        gc.collect()  # reference cycles, such as those of a traceback
    assert compiled.fake_live() == 0


@dataclass
class DeviceArray:
    """What ``matrix`` reads of a CuPy array, over host memory."""

    host: np.ndarray

    def __getattr__(self, name: str) -> Any:
        return getattr(self.host, name)

    @property
    def data(self) -> Any:
        return SimpleNamespace(ptr=self.host.ctypes.data)


def changed(library: ctypes.CDLL, **functions: Callable[..., None]) -> Any:
    """Return the library with other functions for some of its own."""
    return SimpleNamespace(**{name: getattr(library, name) for name in PROTOTYPES} | functions)


def describe(host: np.ndarray, dtype: str | None = None) -> Matrix:
    return matrix(DeviceArray(host), dtype)


def aligned(count: int, dtype: Any) -> np.ndarray:
    """Return memory at a multiple of 256, as the GPU's allocations are, filled with PAINT."""
    size = np.dtype(dtype).itemsize
    memory = np.full(count * size + 256, PAINT, np.uint8)
    start = -memory.ctypes.data % 256
    return memory[start : start + count * size].view(dtype)


# What lies around the view in a table: elements before and after each row, rows before.
LAYOUTS = {"rows": (0, 0, 0), "apart": (0, 3, 0), "shifted": (1, 2, 1)}
PAINT = 0x5A


def place(
    rows: int, columns: int, dtype: Any, layout: str, transposed: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return a view of rows (or columns) side by side, apart, or at an odd address; its memory."""
    if transposed:
        view, memory = place(columns, rows, dtype, layout, False)
        return view.T, memory
    left, right, above = LAYOUTS[layout]
    width, height = left + columns + right, above + rows
    memory = aligned(width * height, dtype)
    return memory.reshape(height, width)[above:, left : left + columns], memory


def stored(values: np.ndarray, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the values rounded to ``dtype``, as kept (bfloat16 in uint16) and as float64."""
    if dtype != "bfloat16":
        kept = values.astype(dtype)
        return kept, kept.astype(np.float64)
    bits = (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    return bits, (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)


@dataclass
class Product:
    """A product with all that it can vary in."""

    m: int
    k: int
    n: int
    precision: str = "float32"
    layouts: tuple[str, str, str] = ("rows", "rows", "rows")
    transposed: tuple[bool, bool, bool] = (False, False, False)
    alpha: float = 1.0
    beta: float = 0.0
    workspace_bytes: int = 2**20
    seed: int = 0

    def prepare(self) -> None:
        """Fill A, B and out; remember what is in them."""
        random = np.random.default_rng(self.seed)
        kind = PRECISIONS[self.precision]
        shapes = (self.m, self.k), (self.k, self.n), (self.m, self.n)
        self.arrays, self.memories, self.values = [], [], []
        for shape, layout, transposed, dtype in zip(
            shapes, self.layouts, self.transposed, (kind.operands, kind.operands, kind.out),
            strict=True,
        ):  # fmt: skip
            kept, value = stored(random.standard_normal(shape), dtype)
            array, memory = place(*shape, kept.dtype, layout, transposed)
            array[...] = kept
            self.arrays.append(array)
            self.memories.append(memory)
            self.values.append(value)
        kinds = kind.operands, kind.operands, kind.out
        self.matrices = [describe(a, kind) for a, kind in zip(self.arrays, kinds, strict=True)]

    def plan(self, handle: Handle) -> Plan:
        self.prepare()
        return Plan(
            handle,
            *self.matrices,
            self.precision,
            alpha=self.alpha,
            beta=self.beta,
            workspace_bytes=self.workspace_bytes,
        )

    def run(self, fake: ctypes.CDLL) -> np.ndarray:
        handle = Handle(fake)
        plan = self.plan(handle)
        workspace = aligned(plan.workspace_bytes, np.uint8)
        plan.run(0, workspace.ctypes.data if plan.workspace_bytes else 0)
        plan.close()
        handle.close()
        return self.arrays[2]

    def reference(self) -> np.ndarray:
        A, B, C = self.values
        return self.alpha * (A @ B) + self.beta * C

    def bound(
        self, precision: str | None = None, additions_of: Callable[[int, float], float] = gamma
    ) -> np.ndarray:
        """Bound every order of summation, with the roundings of alpha, beta and their products.

        An element is a sum of k + 1 terms, each rounded at most k + 4 times on its way. In float64
        the reference has these errors, too. TF32 rounds both operands beforehand.
        """
        name = precision or self.precision
        u = {"float64": 2 * 2.0**-53}.get(name, 2.0**-24 + 2.0**-53)
        A, B, C = map(np.abs, self.values)
        operands = gamma(2, "tf32") if name == "tf32" else 0.0
        additions = additions_of(self.k + 4, u)
        terms = abs(self.alpha) * (A @ B)
        return (additions + operands * (1 + additions)) * terms + additions * abs(self.beta) * C


products = st.builds(
    Product,
    *(st.integers(1, 7), st.integers(1, 40), st.integers(1, 7)),
    precision=st.sampled_from(sorted(PRECISIONS)),
    layouts=st.tuples(*[st.sampled_from(sorted(LAYOUTS))] * 3),
    transposed=st.tuples(*[st.booleans()] * 3),
    alpha=st.sampled_from([1.0, -0.3, 1 / 255, 0.0]),
    beta=st.sampled_from([0.0, 1.0, -0.7]),
    workspace_bytes=st.sampled_from([0, 2**20]),
    seed=st.integers(0, 2**16),
)


# --- products -----------------------------------------------------------------------------------


@given(product=products)
def test_a_product_is_within_its_bound(compiled: ctypes.CDLL, product: Product) -> None:
    found = product.run(compiled)
    assert_within_bound(found, product.reference(), product.bound())


@pytest.mark.parametrize("precision", sorted(PRECISIONS))
@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_every_layout_and_transpose(fake: ctypes.CDLL, precision: str, layout: str) -> None:
    for transposed in np.ndindex(2, 2, 2):
        flags = tuple(map(bool, transposed))
        for m, k, n in [(2, 3, 4), (1, 5, 1), (4, 1, 3), (1, 1, 1), (3, 20, 1), (1, 20, 3)]:
            product = Product(m, k, n, precision, (layout,) * 3, flags, alpha=0.5, beta=-2.0)
            assert_within_bound(product.run(fake), product.reference(), product.bound())


@given(product=products)
def test_nothing_but_the_output_is_written(compiled: ctypes.CDLL, product: Product) -> None:
    product.run(compiled)
    kept, _ = zip(*(stored(v, PRECISIONS[product.precision].operands) for v in product.values[:2]),
                  strict=True)  # fmt: skip
    for array, before in zip(product.arrays[:2], kept, strict=True):
        assert array.tobytes() == before.tobytes()
    for array, memory in zip(product.arrays, product.memories, strict=True):
        blank = np.full(array.size * array.itemsize, PAINT, np.uint8).view(array.dtype)
        array[...] = blank.reshape(array.shape)
        assert set(memory.tobytes()) == {PAINT}


def test_without_beta_the_output_is_not_read(fake: ctypes.CDLL) -> None:
    handle = Handle(fake)
    product = Product(3, 9, 2)
    plan = product.plan(handle)
    product.arrays[2][...] = np.nan
    workspace = aligned(plan.workspace_bytes, np.uint8)
    plan.run(0, workspace.ctypes.data)
    assert_within_bound(product.arrays[2], product.reference(), product.bound())


def test_with_beta_runs_accumulate(fake: ctypes.CDLL) -> None:
    handle = Handle(fake)
    product = Product(3, 4, 2, "float64", beta=1.0)
    plan = product.plan(handle)
    for _ in range(3):
        plan.run()
    A, B, C = product.values
    assert_within_bound(product.arrays[2], 3 * (A @ B) + C, 3 * (product.bound()))


def test_tf32_is_chosen_by_the_plan_alone(fake: ctypes.CDLL) -> None:
    """The stand-in rounds operands to 11 bits for TF32, which a bound for float32 shows."""
    product = Product(5, 30, 5, "tf32")
    found = product.run(fake)
    assert_within_bound(found, product.reference(), product.bound())
    with pytest.raises(AssertionError, match="outside the bound"):
        assert_within_bound(found, product.reference(), product.bound("float32"))
    full = replace(product, precision="float32")
    assert_within_bound(full.run(fake), full.reference(), full.bound())


@pytest.mark.parametrize("workspace_bytes", [0, 2**20])
def test_a_run_repeats_its_bits(fake: ctypes.CDLL, workspace_bytes: int) -> None:
    """The stand-in adds in another order each time where it may reduce in place."""
    handle = Handle(fake)
    product = Product(6, 40, 6, workspace_bytes=workspace_bytes)
    plan = product.plan(handle)
    assert bool(plan.workspace_bytes) == bool(workspace_bytes)  # both ways to sum are seen
    workspace = aligned(max(plan.workspace_bytes, 1), np.uint8)
    seen = set()
    for _ in range(5):
        plan.run(0, workspace.ctypes.data)
        seen.add(product.arrays[2].tobytes())
    assert len(seen) == 1


# --- what a run does, and what it does not ------------------------------------------------------


def test_a_run_is_one_call(fake: ctypes.CDLL) -> None:
    handle = Handle(fake)
    plan = Product(3, 5, 2).plan(handle)
    assert fake.fake_calls(b"cublasLtMatmulAlgoGetHeuristic") == 1
    before, live = fake.fake_calls(None), fake.fake_live()
    for _ in range(4):
        plan.run(0x1230)
    assert fake.fake_calls(b"cublasLtMatmul") == 4
    assert fake.fake_calls(None) - before == 4
    assert fake.fake_live() == live
    assert fake.fake_last_stream() == 0x1230


@pytest.mark.parametrize("address", [0, 8, -256])
def test_a_workspace_that_is_needed_has_to_be_given(fake: ctypes.CDLL, address: int) -> None:
    handle = Handle(fake)
    plan = Product(3, 20, 2).plan(handle)
    assert plan.workspace_bytes > 0
    with pytest.raises(ValueError, match=f"needs a workspace of {plan.workspace_bytes} bytes"):
        plan.run(0, address)
    assert fake.fake_calls(b"cublasLtMatmul") == 0


def test_a_plan_fits_the_workspace_it_is_promised(fake: ctypes.CDLL) -> None:
    handle = Handle(fake)
    for promised in (0, 71, 72, 1000):  # the stand-in would like 3 parts of 3 x 2 float32
        plan = Product(3, 20, 2, workspace_bytes=promised).plan(handle)
        assert plan.workspace_bytes == (72 if promised >= 72 else 0)


def test_what_is_closed_does_not_run(fake: ctypes.CDLL) -> None:
    handle = Handle(fake)
    plan, other = Product(3, 5, 2).plan(handle), Product(3, 5, 2).plan(handle)
    plan.close()
    plan.close()
    with pytest.raises(CublasLtError, match="the Plan has been closed"):
        plan.run()
    handle.close()
    with pytest.raises(CublasLtError, match="the Handle has been closed"):
        other.run()
    with pytest.raises(CublasLtError, match="the Handle has been closed"):
        Product(3, 5, 2).plan(handle)
    assert fake.fake_calls(b"cublasLtMatmul") == 0


# --- creation, destruction, failures ------------------------------------------------------------


def pairs(fake: ctypes.CDLL) -> dict[str, tuple[int, int]]:
    """How many objects of each kind have been created and destroyed."""
    names = [name for name in PROTOTYPES if name.endswith("Create")]
    return {
        name: tuple(
            fake.fake_calls(n.encode()) for n in (name, name.replace("Create", "Destroy"))
        )
        for name in names
    }  # fmt: skip


def test_all_that_is_created_is_destroyed(fake: ctypes.CDLL) -> None:
    handle = Handle(fake)
    plans = [Product(3, 5, 2).plan(handle) for _ in range(3)]
    # A handle, and for each plan a description and three layouts; no preference outlives a search.
    assert fake.fake_live() == 1 + 3 * 4
    plans[0].close()
    assert fake.fake_live() == 1 + 2 * 4
    del plans  # collected, not closed
    gc.collect()
    assert fake.fake_live() == 1
    handle.close()
    assert pairs(fake) == {
        "cublasLtCreate": (1, 1),
        "cublasLtMatmulDescCreate": (3, 3),
        "cublasLtMatrixLayoutCreate": (9, 9),
        "cublasLtMatmulPreferenceCreate": (3, 3),
    }


@pytest.mark.parametrize("function", [n for n in PROTOTYPES if n != "cublasLtDestroy"])
def test_each_failure_is_named_and_leaves_nothing(fake: ctypes.CDLL, function: str) -> None:
    """Each call of each function fails once, with a status that only this call has."""
    errors: list[CublasLtError] = []
    for skip in range(10):
        fake.fake_reset()
        fake.fake_fail(function.encode(), skip, types.Status.CUBLAS_STATUS_ARCH_MISMATCH)
        failed = False
        try:
            handle = Handle(fake)
            plan = Product(3, 5, 2).plan(handle)
            plan.run()
            plan.close()
            handle.close()
        except CublasLtError as error:
            errors.append(error.with_traceback(None))
            failed = True
        handle = plan = None
        if not failed:
            break
        gc.collect()  # a traceback's frames refer to each other
        # An object whose destruction fails stays; the others are freed all the same.
        destroys = function.endswith("Destroy")
        assert fake.fake_live() == (1 if destroys else 0), skip
        if destroys:
            fake.fake_forget()
    expected = {"MatrixLayout": 3, "MatmulDescSet": 2, "PreferenceSet": 6}
    assert len(errors) == next((n for part, n in expected.items() if part in function), 1)
    assert {str(error) for error in errors} == {f"{function}: CUBLAS_STATUS_ARCH_MISMATCH"}
    assert {error.status for error in errors} == {types.Status.CUBLAS_STATUS_ARCH_MISMATCH}


def test_a_status_without_a_name_is_shown_as_a_number(fake: ctypes.CDLL) -> None:
    fake.fake_fail(b"cublasLtCreate", 0, 77)
    with pytest.raises(CublasLtError, match="cublasLtCreate: status 77"):
        Handle(fake)


def test_a_handle_that_is_not_destroyed_says_so(fake: ctypes.CDLL) -> None:
    handle = Handle(fake)
    fake.fake_fail(b"cublasLtDestroy", 0, types.Status.CUBLAS_STATUS_NOT_INITIALIZED)
    with pytest.raises(CublasLtError, match="cublasLtDestroy: CUBLAS_STATUS_NOT_INITIALIZED"):
        handle.close()
    fake.fake_forget()


@pytest.mark.parametrize(("count", "state"), [(0, "none"), (1, "CUBLAS_STATUS_NOT_SUPPORTED")])
def test_no_algorithm_is_an_error(fake: ctypes.CDLL, count: int, state: str) -> None:
    """Where the search succeeds with nothing that can be used."""

    def search(*arguments: Any) -> None:
        arguments[-2][0].state = types.Status.CUBLAS_STATUS_NOT_SUPPORTED
        arguments[-1]._obj.value = count

    handle = Handle(changed(fake, cublasLtMatmulAlgoGetHeuristic=search))
    with pytest.raises(CublasLtError, match=rf"found no algorithm \({state}\)"):
        Product(3, 5, 2).plan(handle)


# --- matrices -----------------------------------------------------------------------------------


def test_matrices_are_described() -> None:
    X = aligned(60, np.float32).reshape(6, 10)
    start = X.ctypes.data
    assert describe(X) == Matrix(start, 6, 10, 10, "float32")
    assert describe(X.T) == Matrix(start, 10, 6, 10, "float32", True)
    assert describe(X[1:, 2:5]) == Matrix(start + 48, 5, 3, 10, "float32")
    assert describe(X[::2]) == Matrix(start, 3, 10, 20, "float32")
    # Of a single row or column, only one stride means something.
    assert describe(X[:, 3:4]) == Matrix(start + 12, 6, 1, 10, "float32")
    assert describe(X[:, 3:4].T) == Matrix(start + 12, 1, 6, 10, "float32", True)
    assert describe(X[2:3, ::2]) == Matrix(start + 80, 1, 5, 2, "float32", True)
    assert describe(X[2:3]).leading >= 10
    odd = np.lib.stride_tricks.as_strided(X, (1, 4), (7, 4))
    assert describe(odd) == Matrix(start, 1, 4, 4, "float32")


@pytest.mark.parametrize("transposed", [False, True])
@given(rows=st.integers(1, 5), columns=st.integers(1, 5), layout=st.sampled_from(sorted(LAYOUTS)))
def test_a_description_finds_every_element(
    transposed: bool, rows: int, columns: int, layout: str
) -> None:
    x, _ = place(rows, columns, np.float64, layout, transposed)
    x[...] = np.random.default_rng(0).standard_normal(x.shape)
    found = describe(x)
    for description, table in [(found, x), (found.T, x.T)]:
        assert (description.rows, description.columns) == table.shape
        for i, j in np.ndindex(table.shape):
            line, at = (j, i) if description.transposed else (i, j)
            address = description.pointer + 8 * (line * description.leading + at)
            assert ctypes.c_double.from_address(address).value == table[i, j]
    assert found == found.T.T


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(4, np.float32), "2 dimensions"),
        (np.zeros((2, 2, 2), np.float32), "2 dimensions"),
        (np.zeros((4, 6), np.float32)[::2, ::2], "make a contiguous copy"),
        (np.zeros((4, 6), np.float32)[::-1], "make a contiguous copy"),
        (np.zeros((4, 6), np.float32)[:, ::-1], "make a contiguous copy"),
        (np.broadcast_to(np.zeros((1, 6), np.float32), (4, 6)), "make a contiguous copy"),
        (np.broadcast_to(np.zeros((4, 1), np.float32), (4, 6)), "make a contiguous copy"),
        (
            np.lib.stride_tricks.as_strided(np.zeros(9, np.float32), (3, 4), (8, 4)),
            "make a contiguous copy",
        ),
        (
            np.lib.stride_tricks.as_strided(np.zeros(9, np.float32), (2, 2), (10, 4)),
            "make a contiguous copy",
        ),
        (np.zeros((0, 3), np.float32), "needs elements"),
        (np.zeros((3, 0), np.float32), "needs elements"),
        (np.zeros((3, 3), np.int32), "unknown type of a matrix 'int32'"),
    ],
)
def test_what_no_product_can_read_is_refused(array: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        describe(array)


def test_bits_are_read_as_another_type_of_the_same_size_only() -> None:
    bits = np.zeros((2, 3), np.uint16)
    assert describe(bits, "bfloat16").dtype == "bfloat16"
    with pytest.raises(ValueError, match="2 bytes cannot be read as float32"):
        describe(bits, "float32")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"leading": 4}, "lines overlap"),
        ({"pointer": 0}, "no address"),
        ({"pointer": 258}, "no address of a float32"),
        ({"dtype": "float33"}, "did you mean 'float32'"),
    ],
)
def test_a_wrong_description_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(Matrix(256, 3, 5, 5, "float32"), **changes)


def test_an_alignment_is_that_of_the_address() -> None:
    found = [Matrix(p, 1, 1, 1, "float16").alignment for p in (2, 12, 0x7F00, 0x7FFF00, 0x10000)]
    assert found == [2, 4, 256, 256, 256]


@pytest.mark.parametrize(
    ("shapes", "types_of", "precision", "message"),
    [
        (((2, 3), (4, 5), (2, 5)), ("float32",) * 3, "float32", "do not make a product"),
        (((2, 3), (3, 5), (5, 2)), ("float32",) * 3, "float32", "do not make a product"),
        (((2, 3), (3, 5), (2, 4)), ("float32",) * 3, "float32", "do not make a product"),
        (((2, 3), (3, 5), (2, 5)), ("float64",) * 3, "tf32", "float32 and float32 into float32"),
        (
            ((2, 3), (3, 5), (2, 5)),
            ("float16",) * 3,
            "float16",
            "float16 and float16 into float32; got float16, float16, float16",
        ),
        (((2, 3), (3, 5), (2, 5)), ("float32",) * 3, "tf23", "did you mean 'tf32'"),
    ],
)
def test_matrices_that_do_not_go_together_are_refused(
    fake: ctypes.CDLL, shapes: Any, types_of: Any, precision: str, message: str
) -> None:
    arrays = [describe(np.zeros(s, t)) for s, t in zip(shapes, types_of, strict=True)]
    with pytest.raises(ValueError, match=message):
        Plan(Handle(fake), *arrays, precision)


# --- the library --------------------------------------------------------------------------------


def test_a_missing_library_is_a_clear_error() -> None:
    with pytest.raises(CublasLtUnavailable, match=r"no cuBLASLt library of CUDA 99 .*gpunet\[cuda"):
        load((99,))


def test_another_library_is_a_clear_error() -> None:
    with pytest.raises(CublasLtUnavailable, match="no usable cuBLASLt"):
        types.declare(ctypes.pythonapi)


def test_an_old_library_is_a_clear_error(
    fake: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.fake_set_version(ctypes.c_size_t(111103))
    with pytest.raises(CublasLtUnavailable, match="111103; needed is 120000 or later"):
        open_library(fake._name)
    # load goes on to the next, and says what it has tried.
    monkeypatch.setattr(types, "_candidates", lambda _majors: iter([fake._name, "libabsent.so"]))
    with pytest.raises(CublasLtUnavailable, match=r"111103.*; .*libabsent\.so"):
        load()


def test_wheels_are_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folders of pip's wheels, and a name that the system resolves before them."""
    monkeypatch.setattr(types.sys, "platform", "linux")
    files = [
        tmp_path / "nvidia" / folder
        for folder in ("cu13/lib/libcublasLt.so.13", "cublas/lib/libcublasLt.so.12")
    ]
    for file in files:
        file.parent.mkdir(parents=True)
        file.touch()
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path / "nvidia")])
    monkeypatch.setattr(types.importlib.util, "find_spec", lambda name: {"nvidia": spec}[name])
    assert list(types._candidates((13, 12))) == [
        "libcublasLt.so.13",
        str(files[0]),
        "libcublasLt.so.12",
        str(files[1]),
    ]
    monkeypatch.setattr(types.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(types.sys, "platform", "win32")
    assert list(types._candidates((12,))) == ["cublasLt64_12.dll"]


# --- NVIDIA's header and library, where they are installed --------------------------------------

HEADERS = ("cublasLt.h", "cublas_api.h", "library_types.h")
# What cublas_api.h includes and cublasLt.h needs nothing of but these names: so the test does
# without the rest of the CUDA toolkit.
STUBS = {
    "driver_types.h": "#include <stddef.h>\ntypedef struct CUstream_st* cudaStream_t;",
    "cuComplex.h": "struct cuComplex; struct cuDoubleComplex;",
    "cuda_fp16.h": "struct __half;",
    "cuda_bf16.h": "struct __nv_bfloat16;",
}


@cache
def header_files() -> tuple[Path, ...]:
    """Return NVIDIA's headers, from pip's wheels or from a CUDA toolkit; () if one is missing."""
    package = importlib.util.find_spec("nvidia")
    roots = [Path(p) for p in (package and package.submodule_search_locations) or ()]
    folders = [root / name / "include" for name in ("cu13", "cublas", "cuda_runtime")
               for root in roots]  # fmt: skip
    folders += [Path(os.environ[v], "include") for v in ("CUDA_PATH", "CUDA_HOME")
                if v in os.environ]  # fmt: skip
    nvcc = shutil.which("nvcc")
    folders += [Path(nvcc).resolve().parent.parent / "include"] if nvcc else []
    found = [next((f / h for f in folders if (f / h).is_file()), None) for h in HEADERS]
    return tuple(f for f in found if f) if all(found) else ()


needs_header = pytest.mark.skipif(
    not header_files(),
    reason="no cublasLt.h: pip install nvidia-cublas-cu12 nvidia-cuda-runtime-cu12",
)


@pytest.fixture(scope="module")
def include(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An option for the compiler: a folder with the header and no more than it needs."""
    folder = tmp_path_factory.mktemp("include")
    for file in header_files():
        shutil.copy(file, folder)
    for name, text in STUBS.items():
        (folder / name).write_text(f"{text}\n")
    return f"-I{folder}"


@needs_compiler
@needs_header
def test_the_stand_in_has_the_official_signatures(include: str, tmp_path: Path) -> None:
    compiler("-fsyntax-only", "-DHAVE_CUBLASLT_H", include, str(SOURCE))
    # The compiler does compare them.
    wrong = tmp_path / "wrong.cpp"
    body = "{ return CUBLAS_STATUS_SUCCESS; }"
    wrong.write_text(
        f'#include <cublasLt.h>\nextern "C" cublasStatus_t cublasLtDestroy(const void*) {body}\n'
    )
    with pytest.raises(AssertionError, match="conflicting declaration"):
        compiler("-fsyntax-only", include, str(wrong))


@needs_compiler
@needs_header
def test_constants_and_structures_are_those_of_the_header(include: str, tmp_path: Path) -> None:
    enumerations = (
        *(types.Status, types.DataType, types.ComputeType, types.Operation),
        *(types.DescAttribute, types.PreferenceAttribute, types.ReductionScheme),
    )
    expected = {n: int(v) for e in enumerations for n, v in e.__members__.items()}
    name = "cublasLtMatmulHeuristicResult_t"
    expected[f"sizeof({name})"] = ctypes.sizeof(HeuristicResult)
    expected["sizeof(cublasLtMatmulAlgo_t)"] = ctypes.sizeof(types.MatmulAlgo)
    for field, _ in HeuristicResult._fields_:
        expected[f"offsetof({name}, {field})"] = getattr(HeuristicResult, field).offset
    for kind in ("TRANSA", "TRANSB"):
        assert f"CUBLASLT_MATMUL_DESC_{kind}" in expected
    lines = "".join(f'    printf("%s=%lld\\n", "{x}", (long long)({x}));\n' for x in expected)
    program = tmp_path / "constants.cpp"
    program.write_text(
        f"#include <cublasLt.h>\n#include <cstddef>\n#include <cstdio>\nint main() {{\n{lines}}}\n"
    )
    compiler(include, str(program), "-o", str(tmp_path / "constants"))
    printed = subprocess.run(
        [str(tmp_path / "constants")], capture_output=True, text=True, check=True
    ).stdout
    official = {key: int(value) for key, value in (x.split("=") for x in printed.splitlines())}
    assert official == expected


def real_library() -> ctypes.CDLL:
    try:
        return load()
    except CublasLtUnavailable as error:
        pytest.skip(str(error))


def test_the_real_library_takes_every_descriptor() -> None:
    """It needs no GPU for these; the handle, the search and the product stand in."""
    real, seen = real_library(), []

    def search(*arguments: Any) -> None:
        results, count = arguments[-2], arguments[-1]
        results[0].state, count._obj.value = 0, 1

    library = changed(
        real,
        cublasLtCreate=lambda pointer: None,
        cublasLtDestroy=lambda pointer: None,
        cublasLtMatmulAlgoGetHeuristic=search,
        cublasLtMatmul=lambda *arguments: seen.append(arguments),
    )
    handle = Handle(library)
    for precision in PRECISIONS:
        for flags in np.ndindex(2, 2, 2):
            product = Product(3, 5, 2, precision, transposed=tuple(map(bool, flags)))
            plan = product.plan(handle)
            plan.run()
            plan.close()
    assert len(seen) == 8 * len(PRECISIONS)
    # It does check: an attribute that it does not know, or one of another size.
    owner, size = ctypes.c_void_p(), ctypes.c_int64(1)
    real.cublasLtMatmulDescCreate(ctypes.byref(owner), 68, 0)
    for attribute, bytes_of in [(99, 4), (types.DescAttribute.CUBLASLT_MATMUL_DESC_TRANSA, 8)]:
        with pytest.raises(CublasLtError, match="CUBLAS_STATUS_INVALID_VALUE"):
            real.cublasLtMatmulDescSetAttribute(owner, attribute, ctypes.byref(size), bytes_of)
    real.cublasLtMatmulDescDestroy(owner)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", sorted(PRECISIONS))
def test_a_graph_on_the_gpu_computes_the_product(precision: str) -> None:
    """Planned, run once, captured, launched: within the bound, and the same bits every time."""
    import cupy

    handle = Handle(load((cupy.cuda.runtime.runtimeGetVersion() // 1000,)))
    kind = PRECISIONS[precision]
    for flags in np.ndindex(2, 2, 2):
        product = Product(70, 1000, 33, precision, transposed=tuple(map(bool, flags)))
        product.prepare()
        arrays = [
            cupy.asarray(np.ascontiguousarray(x.T)).T if flag else cupy.asarray(x)
            for x, flag in zip(product.arrays, flags, strict=True)
        ]
        A, B, out = arrays
        plan = Plan(
            *(handle, matrix(A, kind.operands), matrix(B, kind.operands), matrix(out)), precision
        )
        workspace = cupy.empty(max(plan.workspace_bytes, 1), "uint8")
        stream = cupy.cuda.Stream(non_blocking=True)
        cupy.cuda.runtime.deviceSynchronize()  # the copies
        with stream:
            plan.run(stream.ptr, workspace.data.ptr)
            stream.synchronize()
            seen = {cupy.asnumpy(out).tobytes()}
            stream.begin_capture()
            plan.run(stream.ptr, workspace.data.ptr)
            graph = stream.end_capture()
            for _ in range(3):
                out.fill(np.nan)
                graph.launch(stream)
                stream.synchronize()
                found = cupy.asnumpy(out)
                seen.add(found.tobytes())
        # Full precision is so sharply bounded that TF32 would not pass for it. Tensor cores may
        # cut operands for TF32, and sums, off instead of rounding them: twice the error.
        full = precision in ("float32", "float64")
        bound = product.bound(additions_of=likely_gamma) if full else 2 * product.bound()
        assert_within_bound(found, product.reference(), bound)
        assert len(seen) == 1
        plan.close()
    handle.close()
