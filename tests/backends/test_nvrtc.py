"""The CUDA source of every formula compiles for the GPUs in use, with NVIDIA's own compiler."""

import nvrtc
import pytest
from cuda_as_cpp import CudaAsCpp
from formula_calls import formula_calls
from whole_runs import NETWORKS, TRAINING, gather_all, train

from gpunet.backends.cuda_source import OPTIONS

pytestmark = pytest.mark.skipif(
    nvrtc.library() is None, reason="no NVRTC library: pip install nvidia-cuda-nvrtc-cu12"
)


@pytest.fixture(scope="module")
def kernels(dtype: str) -> dict[str, str]:
    """The sources by name: all formulas, and all that whole training runs launch."""
    backend = CudaAsCpp()  # it only collects
    for call in formula_calls(dtype):
        backend.kernel(call.formula)(*call.arguments, out=call.outs)
    for kind in NETWORKS:
        for optimizer in TRAINING:
            train(backend, dtype, kind, optimizer)
    gather_all(backend, dtype)
    return backend.sources


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90", "sm_120"])
def test_every_kernel_compiles(kernels: dict[str, str], dtype: str, architecture: str) -> None:
    if (dtype, architecture) in (("float64", "sm_80"), ("float64", "sm_120")):
        pytest.skip("each architecture and each precision is compiled for, but not each pair")
    unit = "".join(f"namespace space_{n} {{\n{source}}}\n" for n, source in kernels.items())
    ptx = nvrtc.compile_to_ptx(unit, architecture.replace("sm", "compute"), (*OPTIONS, "-ftz=true"))
    missing = [name for name in kernels if f".entry {name}(" not in ptx]
    assert missing == []
    assert len(kernels) > 50


def test_the_compiler_does_complain() -> None:
    with pytest.raises(nvrtc.CompileError, match="undefined"):
        nvrtc.compile_to_ptx('extern "C" __global__ void k() { undefined(); }', "compute_90", ())
