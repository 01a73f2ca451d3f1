"""Sums down the columns of what an expression graph computes, as one CUDA kernel."""

from __future__ import annotations

from gpunet.kernels.call import Call
from gpunet.kernels.cuda_text import PREAMBLE, Writer
from gpunet.kernels.expression import COLUMNS, Graph, Node
from gpunet.kernels.launch import SUM_THREADS, WARP


def sums_source(graph: Graph, call: Call, name: str = "sums") -> str:
    """Return the text of a kernel that adds each of ``graph``'s outputs up down its rows.

    Beside ``Writer.parameters`` it starts with ``chunks`` (pieces of the rows, each added up by a
    block of its own), ``partial`` (room for chunks x groups x WARP sums) and ``arrived`` (a zero
    for each group; zero again when the kernel ends).
    """
    return _Sums(graph, call).source(name)


def sum_groups(call: Call, warp: int = WARP) -> int:
    """Return how many groups of WARP columns there are to add up; no group is of two outputs."""
    widths = (call.columns if width == COLUMNS else int(width) for _, width in call.outputs)
    return sum(-(-width // warp) for width in widths)


class _Sums(Writer):
    """Each thread adds up every so many rows of its column, one warp beside the other.

    The warps' sums are added in their order, then the chunks' in theirs, by whichever block is the
    last to finish: no atomic addition of floats, so the same input gives the same bits.
    """

    def source(self, name: str) -> str:
        number = self.c_type(self.graph.outputs[0])
        parameters = [f"index chunks, {number}* partial, unsigned int* arrived"]
        parameters += self.parameters()
        return (
            f"{PREAMBLE}\n"
            f'extern "C" __global__ void {name}({", ".join(parameters)})\n'
            "{\n"
            f"    __shared__ {number} shared[{SUM_THREADS}];\n"
            "    __shared__ bool last;\n"
            f"    volatile {number}* seen = partial;  // by other blocks, so by no cache\n"
            "    const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;\n"
            "    const int warps = blockDim.x / WARP;\n"
            f"{self._own_column()}"
            "    const index start = rows * chunk / chunks, stop = rows * (chunk + 1) / chunks;\n"
            f"    {number} s = 0;\n"
            "    if (c < width) {\n"
            f"{self._each_output([self._rows(node) for node in self.graph.outputs])}"
            "    }\n"
            "    shared[threadIdx.x] = s;\n"
            "    __syncthreads();\n"
            "    if (warp == 0) {\n"
            "        for (int w = 1; w < warps; ++w) s = s + shared[w * WARP + lane];\n"
            "        seen[(chunk * groups + group) * WARP + lane] = s;\n"
            "    }\n"
            "    __syncthreads();\n"
            "    __threadfence();\n"
            "    if (threadIdx.x == 0) last = atomicAdd(&arrived[group], 1u) == chunks - 1;\n"
            "    __syncthreads();\n"
            "    __threadfence();\n"
            "    if (last && warp == 0) {\n"
            "        s = 0;\n"
            "        for (index k = 0; k < chunks; ++k)\n"
            "            s = s + seen[(k * groups + group) * WARP + lane];\n"
            "        if (c < width) {\n"
            f"{self._each_output([f'o{j}[c * o{j}_c] = s;' for j in self._numbers])}"
            "        }\n"
            "        if (lane == 0) arrived[group] = 0;\n"
            "    }\n"
            "}\n"
        )

    @property
    def _numbers(self) -> range:
        return range(len(self.graph.outputs))

    def _own_column(self) -> str:
        """Return how a thread knows its chunk, its output's width, and its column in it."""
        text, before = "", ""
        widths = ["columns" if m == COLUMNS else str(m) for _, m in self.call.outputs]
        for j, width in enumerate(widths):  # output j has the groups up to end_j
            text += f"    const index end_{j} = {before}({width} + WARP - 1) / WARP;\n"
            before = f"end_{j} + "
        starts = ["0", *(f"end_{j}" for j in self._numbers[:-1])]
        return (
            f"{text}    const index groups = end_{self._numbers[-1]};\n"
            "    const index group = blockIdx.x % groups, chunk = blockIdx.x / groups;\n"
            f"    const index width = {self._choice(widths)};\n"
            f"    const index c = (group - ({self._choice(starts)})) * WARP + lane;\n"
        )

    def _choice(self, values: list[str]) -> str:
        *most, last = values
        return "".join(f"group < end_{j} ? {x} : " for j, x in enumerate(most)) + last

    def _each_output(self, statements: list[str]) -> str:
        """Return what is done for the output whose group it is."""
        indent, last = " " * 8, len(statements) - 1
        return "".join(
            f"{indent}{'else ' if j else ''}{f'if (group < end_{j}) ' if j < last else ''}"
            f"{statement}\n"
            for j, statement in enumerate(statements)
        )

    def _rows(self, node: Node) -> str:
        needed = Graph((), (node,)).nodes
        return (
            "for (index r = start + warp; r < stop; r += warps) {\n"
            f"{self.statements(needed, ' ' * 12)}"
            f"            s = s + {self.operand(node, node)};\n"
            "        }"
        )

    def is_along(self, node: Node) -> bool:
        """Every table has its own columns."""
        return node.width != 1

    def is_narrow(self, node: Node) -> bool:
        """None lies in registers."""
        return False
