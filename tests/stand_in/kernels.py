"""Kernels: arguments are of the types in the text, accesses within arrays, threads wait rightly."""

import cupy
import numpy as np
import pytest

OPTIONS = ("--std=c++17", "--fmad=false")
SHUFFLE = "__shfl_xor_sync(~0u, 1.0f, 1)"
# Each warp adds up its lanes as gpunet's kernels do.
WARP_SUM = """
template <typename T> __device__ T warp_sum(T x)
{
    for (int other = 16; other > 0; other /= 2) x = x + __shfl_xor_sync(~0u, x, other);
    return x;
}
"""


def kernel(body: str, parameters: str = "float* x", before: str = "") -> cupy.RawKernel:
    text = f'{before}extern "C" __global__ void k({parameters})\n{{\n{body}\n}}\n'
    return cupy.RawKernel(text, "k", OPTIONS)


def run(launched: cupy.RawKernel, x: cupy.ndarray, *more, blocks: int = 1, threads: int = 1):
    launched((blocks,), (threads,), (x, *more))
    return cupy.asnumpy(x)


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        (np.float64(1), r"argument 1, y, is float32; got np.float64\(1.0\) \(float64\)"),
        (1.0, "is float32; got 1.0"),
        (np.int32(1), "is float32; got"),
    ],
)
def test_numbers_have_the_type_of_the_parameter(argument, said: str) -> None:
    """Planted: a wrong type of argument."""
    launched = kernel("x[0] = y;", "float* x, float y")
    with pytest.raises(TypeError, match=said):
        run(launched, cupy.zeros(1, "float32"), argument)


def test_arrays_have_the_type_of_the_parameter() -> None:
    """Planted: a wrong type of array."""
    with pytest.raises(TypeError, match="argument 0, x, is an array of float32; got an array of f"):
        run(kernel("x[0] = 1;"), cupy.zeros(1, "float64"))
    with pytest.raises(TypeError, match=r"argument 0, x, is an array of float32; got array\("):
        kernel("x[0] = 1;")((1,), (1,), (np.zeros(1, np.float32),))
    with pytest.raises(TypeError, match="takes 1 arguments; got 2"):
        run(kernel("x[0] = 1;"), cupy.zeros(1, "float32"), np.int64(1))


def test_a_null_pointer_may_be_tested_and_not_read() -> None:
    launched = kernel("x[0] = y ? y[0] : 5;", "float* x, const float* y")
    assert run(launched, cupy.zeros(1, "float32"), np.uint64(0)).tolist() == [5]
    launched = kernel("x[0] = y[0];", "float* x, const float* y")
    with pytest.raises(RuntimeError, match="argument 1, y: element 0 is accessed"):
        run(launched, cupy.zeros(1, "float32"), np.uint64(0))


@pytest.mark.parametrize("index", [-1, 3, 4, 11])
def test_an_access_beyond_a_view_is_seen_within_the_allocation(index: int) -> None:
    """Planted: a store one element past the end of a view."""
    whole = cupy.zeros(12, "float32")
    with pytest.raises(RuntimeError, match=f"argument 0, x: element {index} is accessed"):
        run(kernel(f"x[{index}] = 1;"), whole[4:7])


def test_an_access_between_the_lines_of_a_view_is_seen() -> None:
    whole = cupy.zeros((4, 6), "float32")
    for view, right, wrong in (
        (whole[1:3, 2:4], (0, 1, 6, 7), (-1, 2, 5, 8, 12)),
        (whole[1:3, 2:4].T, (0, 1, 6, 7), (-1, 2, 5, 8, 12)),
        (whole[:, ::2], (0, 2, 4, 6, 22), (1, 23, 24)),
        (whole[1:, 3], (0, 6, 12), (1, 5, 18)),
    ):
        for index in right:
            run(kernel(f"x[{index}] = 1;"), view)
        for index in wrong:
            with pytest.raises(RuntimeError, match="cudaErrorIllegalAddress"):
                run(kernel(f"x[{index}] = 1;"), view)


def test_the_order_of_blocks_is_no_promise() -> None:
    """Planted: a block that relies on those before it."""
    x = cupy.zeros(64, "float32")
    found = run(kernel("x[blockIdx.x] = blockIdx.x ? x[blockIdx.x - 1] + 1 : 0;"), x, blocks=64)
    assert found.tolist() != list(range(64))


def test_warps_add_up() -> None:
    body = "x[threadIdx.x] = warp_sum(x[threadIdx.x]);"
    x = cupy.array(np.arange(64, dtype=np.float32))
    found = run(kernel(body, before=WARP_SUM), x, threads=64)
    assert found.tolist() == [496.0] * 32 + [1520.0] * 32


def test_a_lost_syncwarp_is_seen() -> None:
    """Planted: lane 0 overwrites what the others still have to read."""
    body = """
        const float first = x[0] + warp_sum(x[threadIdx.x]);
        __syncwarp();
        if (threadIdx.x == 0) x[0] = 100;
        y[threadIdx.x] = first;"""
    late = body.replace("const float first = x[0] + warp_sum(x[threadIdx.x]);",
                        "float first = warp_sum(x[threadIdx.x]); first += x[0];")  # fmt: skip
    for text, right in ((late, True), (late.replace("__syncwarp();", ""), False)):
        results = []
        for _ in range(10):  # which lane runs ahead is left to chance
            y, x = cupy.zeros(32, "float32"), cupy.array(np.ones(32, np.float32))
            found = run(kernel(text, "float* y, float* x", WARP_SUM), y, x, threads=32)
            results.append(found.tolist() == [33.0] * 32)
        assert all(results) is right


def test_a_lost_syncthreads_is_seen() -> None:
    body = """
        __shared__ float shared[64];
        shared[threadIdx.x] = x[threadIdx.x];
        __syncthreads();
        x[threadIdx.x] = shared[63 - threadIdx.x];"""
    for text, right in ((body, True), (body.replace("__syncthreads();", "__syncwarp();"), False)):
        results = []
        for _ in range(30):  # which warp runs ahead is left to chance
            x = cupy.array(np.arange(64, dtype=np.float32))
            results.append(run(kernel(text), x, threads=64).tolist() == list(range(64))[::-1])
        assert all(results) is right


def test_shared_memory_starts_with_poison() -> None:
    """Where threads wait for each other also with zeros, which are as little to be relied on."""
    body = "__shared__ float s[1]; x[blockIdx.x] = s[0]; s[0] = 1;"
    assert np.isnan(run(kernel(body), cupy.zeros(3, "float32"), blocks=3)).all()
    found = run(kernel(f"{body} __syncthreads();"), cupy.zeros(99, "float32"), blocks=99)
    assert np.isnan(found).any()
    assert set(found[~np.isnan(found)]) == {0}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("if (threadIdx.x < 16) x[threadIdx.x] = warp_sum(x[threadIdx.x]);", "the end of the ker"),
        ("if (threadIdx.x < 16) __syncwarp();\nelse warp_sum(1.0f);", "__syncwarp .line 4"),
        ("if (threadIdx.x < 16) return;\n__syncthreads();", "__syncthreads .line 5"),
        ("if (threadIdx.x < 32) __syncthreads();\nelse __syncthreads();", "line 4.*line 5"),
        (f"if (threadIdx.x < 16) {SHUFFLE};\nelse {SHUFFLE};", "line 4.*line 5"),
        ("__shfl_xor_sync(0xffffu, 1.0f, 1);", "names some threads of the warp only"),
    ],
)
def test_threads_that_wait_in_vain(body: str, said: str) -> None:
    """Planted: lanes missing from a shuffle, barriers that some threads do not reach."""
    x = cupy.zeros(64, "float32")
    with pytest.raises(RuntimeError, match=f"cudaErrorLaunchFailure.*{said}"):
        run(kernel(body, before=WARP_SUM.lstrip().replace("\n", " ") + "\n"), x, threads=64)
    # And the next launch is none the worse for it.
    good = kernel("x[threadIdx.x] = warp_sum(1.0f);", before=WARP_SUM)
    assert run(good, x, threads=64).tolist() == [32.0] * 64


def test_denormals_of_float32_are_zero_and_of_float64_are_not() -> None:
    for dtype, c_type, tiny, kept in (
        ("float32", "float", 1e-40, False),
        ("float64", "double", 1e-310, True),
    ):
        x = cupy.array(np.array([tiny, np.finfo(dtype).tiny], dtype))
        body = f"x[0] = x[0] * ({c_type})2; x[1] = x[1] * ({c_type})0.25;"
        assert (run(kernel(body, f"{c_type}* x"), x) != 0).tolist() == [kept, kept]
    assert np.float32(1e-40) * np.float32(2) > 0  # the host's own are as they were


def test_sums_of_products_are_fused_only_where_the_options_allow_it() -> None:
    a = np.float32(1 + 2**-12)
    body = "const float a = x[0], b = x[1]; x[0] = a * a - b;"
    for options, exact in ((OPTIONS, False), ((), True)):
        x = cupy.array(np.array([a, a * a], np.float32))
        text = f'extern "C" __global__ void k(float* x) {{ {body} }}'
        found = run(cupy.RawKernel(text, "k", options), x)[0]
        assert found == (2.0**-24 if exact else 0)


def test_text_that_does_not_compile_is_refused_with_the_compilers_words() -> None:
    from cupy.cuda.compiler import CompileException

    with pytest.raises(CompileException, match="nonsense"):
        run(kernel("x[0] = nonsense;"), cupy.zeros(1, "float32"))
    assert run(kernel("x[0] = 1;"), cupy.zeros(1, "float32")).tolist() == [1]
