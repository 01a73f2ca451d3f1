"""NVIDIA's own compiler and assembler take the kernels, and no thread runs out of registers.

Here those of training runs, for one GPU; ``machine_code.py`` goes through all.
"""

import numpy as np
import nvrtc
import pytest
from machine_code import assemble_all, kernels_of_runs, too_much

from gpunet.kernels.cuda_source import SUM_THREADS

pytestmark = pytest.mark.skipif(
    nvrtc.library() is None, reason="no NVRTC library: pip install nvidia-cuda-nvrtc-cu12"
)

HEAD = 'extern "C" __global__ void {}k(const float* x, float* y)'


def test_kernels_fit_a_gpu(dtype: str) -> None:
    kernels = kernels_of_runs(dtype)
    usages = assemble_all(kernels, "sm_90")  # where they take the most registers
    assert too_much(usages) == []
    assert usages.keys() == kernels.keys()
    assert len(kernels) > 20
    # Those of column sums share what their warps have added up: 256 numbers, and one flag.
    shared = SUM_THREADS * np.dtype(dtype).itemsize + 1
    assert {usage.shared for usage in usages.values()} == {0, shared}


def test_words_of_16_bits_are_among_them() -> None:
    """The kernels of bfloat16 arrays: the split, and the gather of bytes."""
    texts = kernels_of_runs("float32").values()
    assert any("unsigned short* o2" in text for text in texts)
    assert any("const unsigned char* X" in text and "short* out" in text for text in texts)


def test_the_compiler_does_complain() -> None:
    with pytest.raises(nvrtc.CompileError, match="undefined"):
        nvrtc.assemble('extern "C" __global__ void k() { undefined(); }', "sm_90")


def test_a_kernel_that_spills_is_found() -> None:
    """A hundred live values, and registers for half of them."""
    n = range(100)
    body = "".join(f"    const float v{i} = x[{i} * (int)y[0]];\n" for i in n)
    body += "    __syncthreads();\n"
    body += "".join(f"    y[v{i} > 0 ? {i} : threadIdx.x] = v{99 - i} * v{i};\n" for i in n)
    for bounds, names in (("__launch_bounds__(1024) ", {"spilled", "stack"}), ("", {"registers"})):
        usages = nvrtc.assemble(f"{HEAD.format(bounds)}\n{{\n{body}}}\n", "sm_90")
        assert {line.split()[1] for line in too_much(usages)} == names


def test_a_local_array_is_found() -> None:
    """It lies in memory where its index is known to the running thread only."""
    body = "float a[64]; for (int i = 0; i < 64; ++i) a[(int)x[i]] = x[i]; y[0] = a[(int)x[64]];"
    usages = nvrtc.assemble(f"{HEAD.format('')} {{ {body} }}", "sm_90")
    assert too_much(usages) == [f"k: stack {usages['k'].stack}, at most 0"]


def test_shared_memory_is_counted_and_bounded() -> None:
    body = "__shared__ float s[{}]; s[threadIdx.x] = x[threadIdx.x]; __syncthreads(); y[0] = s[7];"
    usages = nvrtc.assemble(f"{HEAD.format('')} {{ {body.format(512)} }}", "sm_90")
    assert usages["k"].shared == 4 * 512
    with pytest.raises(nvrtc.CompileError, match="50000 bytes smem"):  # the assembler refuses it
        nvrtc.assemble(f"{HEAD.format('')} {{ {body.format(12500)} }}", "sm_90")
