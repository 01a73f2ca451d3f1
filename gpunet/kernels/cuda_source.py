"""An expression graph as the source text of one CUDA kernel.

The text uses nothing that a plain C++ compiler with a few lines of shim would not take, so the
very kernels that run on a GPU also run, on a CPU, in the tests.

Every array comes with two strides (in elements, 0 where it is broadcast). A formula without row
reductions runs one thread per element. One with reductions runs one warp per row, whose threads
walk the row side by side, once for each reduction and once for the outputs, and add up what they
have in a fixed order, so that the same input gives the same bits.
"""

from __future__ import annotations

from collections.abc import Iterable

from gpunet.kernels.call import Call
from gpunet.kernels.expression import BOOL, FLOAT, REDUCTIONS, UINT16, UINT32, UINT64, Graph, Node

C_TYPES = {
    "uint8": "unsigned char",
    "float32": "float",
    "float64": "double",
    BOOL: "bool",
    UINT16: "unsigned short",
    UINT32: "unsigned int",
    UINT64: "unsigned long long",
}

# Without fused multiply-adds the GPU rounds sums and products as NumPy does, and these kernels are
# bound by memory, not by arithmetic. (CuPy adds -ftz=true to what it compiles: float32 numbers
# below 1.2e-38 become 0.)
OPTIONS = ("--std=c++17", "--fmad=false")

SUM_THREADS = 256

# fmax and fmin would swallow a NaN; NumPy's maximum and minimum pass it on, and so do these.
PREAMBLE = """\
#ifndef WARP
#define WARP 32
#endif
typedef long long index;
template <typename T> __device__ T maximum(T x, T y) { return (x != x || x > y) ? x : y; }
template <typename T> __device__ T minimum(T x, T y) { return (x != x || x < y) ? x : y; }
template <typename T> __device__ T sign(T x) { return x != x ? x : T((x > 0) - (x < 0)); }
// The bits of a float that is a bfloat16 number.
__device__ inline unsigned short bfloat16(float x) { return __float_as_uint(x) >> 16; }
template <typename T> __device__ T warp_sum(T x)
{
    for (int other = WARP / 2; other > 0; other /= 2) x = x + __shfl_xor_sync(~0u, x, other);
    return x;
}
template <typename T> __device__ T warp_max(T x)
{
    for (int other = WARP / 2; other > 0; other /= 2)
        x = maximum(x, __shfl_xor_sync(~0u, x, other));
    return x;
}
"""

INFIX = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "greater": ">",
    "greater_equal": ">=",
    "less": "<",
    "less_equal": "<=",
    "equal": "==",
    "bitwise_xor": "^",
    "bitwise_and": "&",
    "bitwise_right_shift": ">>",
}


# Rows of a table, scaled: those that `chosen` lists, or all from `start` on if it is null.
GATHER = """\
extern "C" __global__ void gather(
    long long rows, long long columns, const {source}* X, long long X_r, const long long* chosen,
    long long start, {target} scale, {target}* out)
{{
    const long long first = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    const long long step = (long long)gridDim.x * blockDim.x;
    for (long long i = first; i < rows * columns; i += step) {{
        const long long r = i / columns, c = i % columns;
        const long long from = chosen ? chosen[r] : start + r;
        out[i] = {value};
    }}
}}
"""


def gather_source(source: str, target: str) -> str:
    """Return the text of the kernel ``gather``, from one type of number to another."""
    if target == UINT16:  # what is gathered are integers up to 256, which are not scaled
        value, preamble = "bfloat16((float)X[from * X_r + c])", PREAMBLE
    else:
        value, preamble = f"scale * ({C_TYPES[target]})X[from * X_r + c]", ""
    text = GATHER.format(source=C_TYPES[source], target=C_TYPES[target], value=value)
    return preamble + text


def cuda_source(graph: Graph, call: Call, name: str = "formula") -> str:
    """Return the text of an ``extern "C"`` kernel that computes ``graph``.

    Its parameters are ``rows, columns``, then for each argument a pointer and two strides (or a
    number), then the same for each output.
    """
    return _Writer(graph, call, name).source()


def sums_source(graph: Graph, call: Call, name: str = "sums") -> str:
    """Return the text of a kernel that adds ``graph``'s outputs up down the rows, (1, columns).

    Beside the parameters of ``cuda_source`` it starts with ``chunks`` (pieces of the rows, each
    added up by a block of its own), ``partial`` (room for outputs x chunks x columns sums) and
    ``arrived`` (a zero for each group of WARP columns; zero again when the kernel ends).
    """
    return _Writer(graph, call, name).sums_source()


def needs_row_warps(graph: Graph) -> bool:
    """Return whether the kernel wants one warp per row rather than one thread per element."""
    return bool(graph.reductions)


class _Writer:
    def __init__(self, graph: Graph, call: Call, name: str) -> None:
        self.graph, self.call, self.name = graph, call, name
        self.names = {node: f"v{number}" for number, node in enumerate(graph.nodes)}

    def source(self) -> str:
        body = self._per_row() if needs_row_warps(self.graph) else self._per_element()
        return (
            f"{PREAMBLE}\n"
            f'extern "C" __global__ void {self.name}({", ".join(self._parameters())})\n'
            "{\n"
            "    const index first = (index)blockIdx.x * blockDim.x + threadIdx.x;\n"
            "    const index step = (index)gridDim.x * blockDim.x;\n"
            f"{body}"
            "}\n"
        )

    def sums_source(self) -> str:
        """Each thread adds up every so many rows of its column, one warp beside the other.

        The warps' sums are added in their order, then the chunks' in theirs, by whichever block
        is the last to finish: no atomic addition of floats, so the same input gives the same bits.
        """
        outputs = list(enumerate(self.graph.outputs))
        types = {j: self._c_type(node) for j, node in outputs}
        number = types[0]
        head = [f"index chunks, {number}* partial, unsigned int* arrived", *self._parameters()]
        along = {j: self.call.outputs_vary[j][1] for j, _ in outputs}
        add = "".join(
            f"            s{j} = s{j} + {self._operand(node, node)};\n" for j, node in outputs
        )
        gather = "".join(
            f"    shared[threadIdx.x] = s{j};\n"
            "    __syncthreads();\n"
            "    if (warp == 0 && c < columns) {\n"
            f"        for (int w = 1; w < warps; ++w) s{j} = s{j} + shared[w * WARP + lane];\n"
            f"        seen[({j} * chunks + chunk) * columns + c] = s{j};\n"
            "    }\n"
            "    __syncthreads();\n"
            for j, _ in outputs
        )
        finish = "".join(
            f"        {number} t{j} = 0;\n"
            "        for (index k = 0; k < chunks; ++k)\n"
            f"            t{j} = t{j} + seen[({j} * chunks + k) * columns + c];\n"
            f"        {'' if along[j] else 'if (c == 0) '}o{j}[c * o{j}_c] = t{j};\n"
            for j, _ in outputs
        )
        return (
            f"{PREAMBLE}\n"
            f'extern "C" __global__ void {self.name}({", ".join(head)})\n'
            "{\n"
            f"    __shared__ {number} shared[{SUM_THREADS}];\n"
            "    __shared__ bool last;\n"
            f"    volatile {number}* seen = partial;  // by other blocks, so by no cache\n"
            "    const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;\n"
            "    const int warps = blockDim.x / WARP;\n"
            "    const index groups = (columns + WARP - 1) / WARP;\n"
            "    const index group = blockIdx.x % groups, chunk = blockIdx.x / groups;\n"
            "    const index c = group * WARP + lane;\n"
            "    const index start = rows * chunk / chunks, stop = rows * (chunk + 1) / chunks;\n"
            f"    {number} {', '.join(f's{j} = 0' for j, _ in outputs)};\n"
            "    if (c < columns)\n"
            "        for (index r = start + warp; r < stop; r += warps) {\n"
            f"{self._statements(self.graph.nodes, '            ')}"
            f"{add}"
            "        }\n"
            f"{gather}"
            "    __threadfence();\n"
            "    if (threadIdx.x == 0) last = atomicAdd(&arrived[group], 1u) == chunks - 1;\n"
            "    __syncthreads();\n"
            "    __threadfence();\n"
            "    if (last && warp == 0 && c < columns) {\n"
            f"{finish}"
            "        if (lane == 0) arrived[group] = 0;\n"
            "    }\n"
            "}\n"
        )

    def _parameters(self) -> list[str]:
        parameters = ["index rows", "index columns"]
        for i, node in enumerate(self.graph.arguments):
            c_type = self._c_type(node)
            if i in self.call.numbers:
                parameters.append(f"{c_type} a{i}")
            else:
                parameters.append(f"const {c_type}* a{i}, index a{i}_r, index a{i}_c")
        for j, node in enumerate(self.graph.outputs):
            parameters.append(f"{self._c_type(node)}* o{j}, index o{j}_r, index o{j}_c")
        return parameters

    def _per_element(self) -> str:
        return (
            "    for (index i = first; i < rows * columns; i += step) {\n"
            "        const index r = i / columns, c = i % columns;\n"
            f"{self._statements(self.graph.nodes, '        ')}"
            f"{self._stores([True] * len(self.graph.outputs), '        ')}"
            "    }\n"
        )

    def _per_row(self) -> str:
        """Values that are the same along a row are computed once, between the loops over it."""
        text = (
            "    const int lane = threadIdx.x % WARP;\n"
            "    for (index r = first / WARP; r < rows; r += step / WARP) {\n"
        )
        for node in self.graph.nodes:
            if node.op in REDUCTIONS:
                text += self._reduction(node)
            elif not node.by_column:
                text += self._statements([node], "        ")
        along_row = [by_column for _, by_column in self.call.outputs_vary]
        if any(along_row):
            text += "        for (index c = lane; c < columns; c += WARP) {\n"
            text += self._loop_body(
                node for node, along in zip(self.graph.outputs, along_row, strict=True) if along
            )
            text += self._stores(along_row, "            ")
            text += "        }\n"
        if not all(along_row):
            # Another thread of the warp may still have to read what is overwritten here.
            text += "        __syncwarp();\n        if (lane == 0) {\n"
            once = self._stores([not along for along in along_row], "            ")
            text += once.replace(" + c * ", " + 0 * ") + "        }\n"
        return text + "    }\n"

    def _reduction(self, node: Node) -> str:
        name, x, c_type = self.names[node], node.inputs[0], self._c_type(node)
        value = self._operand(x, node)
        if node.op == "sum":
            start, update = "0", f"{name}_lane + {value}"
        else:
            start, update = "-1.0 / 0.0", f"maximum({name}_lane, {value})"
        return (
            f"        {c_type} {name}_lane = {start};\n"
            "        for (index c = lane; c < columns; c += WARP) {\n"
            f"{self._loop_body([x])}"
            f"            {name}_lane = {update};\n"
            "        }\n"
            f"        const {c_type} {name} = warp_{node.op}({name}_lane);\n"
        )

    def _loop_body(self, wanted: Iterable[Node]) -> str:
        """Return the statements, inside a loop over c, that ``wanted`` needs."""
        needed: set[Node] = set()
        todo = [node for node in wanted if node.by_column]
        while todo:
            node = todo.pop()
            if node not in needed:
                needed.add(node)
                todo += [child for child in node.inputs if child.by_column]
        return self._statements([n for n in self.graph.nodes if n in needed], "            ")

    def _statements(self, nodes: list[Node], indent: str) -> str:
        return "".join(
            f"{indent}const {self._c_type(node)} {self.names[node]} = {self._expression(node)};\n"
            for node in nodes
            if node.op != "constant"
        )

    def _stores(self, wanted: list[bool], indent: str) -> str:
        return "".join(
            f"{indent}o{j}[r * o{j}_r + c * o{j}_c] = {self._operand(node, node)};\n"
            for j, node in enumerate(self.graph.outputs)
            if wanted[j]
        )

    def _expression(self, node: Node) -> str:
        if node.op == "argument":
            i = node.value
            if i in self.call.numbers:
                return f"a{i}"
            column = f" + c * a{i}_c" if node.by_column else ""
            return f"a{i}[r * a{i}_r{column}]"
        # A constant takes the type of what it meets, as Python numbers do in NumPy.
        partner = next((n for n in reversed(node.inputs) if n.op != "constant"), node)
        x = [self._operand(child, partner) for child in node.inputs]
        if node.op in INFIX:
            return f"{x[0]} {INFIX[node.op]} {x[1]}"
        if node.op == "negative":
            return f"-{x[0]}"
        if node.op == "where":
            result = [self._operand(child, node) for child in node.inputs[1:]]
            return f"{x[0]} ? {result[0]} : {result[1]}"
        if node.op == "astype" and node.dtype == UINT16:
            return f"bfloat16({x[0]})"
        if node.op == "astype":
            return f"({self._c_type(node)}){x[0]}"
        return f"{'fabs' if node.op == 'abs' else node.op}({', '.join(x)})"

    def _operand(self, node: Node, partner: Node) -> str:
        if node.op == "constant":
            return f"({self._c_type(partner)})({node.value!r})"
        return self.names[node]

    def _c_type(self, node: Node) -> str:
        return C_TYPES[self.call.precision if node.dtype == FLOAT else node.dtype]
