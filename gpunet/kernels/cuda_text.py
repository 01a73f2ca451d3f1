"""The statements of CUDA that compute the nodes of an expression graph.

The text uses nothing that a plain C++ compiler with a few lines of shim would not take, so the
very kernels that run on a GPU also run, on a CPU, in the tests.

Every array comes with two strides (in elements, 0 where it is broadcast). A value that differs
between the columns of the kernel's table is computed inside a loop over c; one of a table with
another width k is an array of k numbers, which lie in registers, as k is small and known.
"""

from __future__ import annotations

from collections.abc import Iterable

from gpunet.kernels.call import Call
from gpunet.kernels.expression import (
    BOOL,
    COLUMNS,
    FLOAT,
    REDUCTIONS,
    UINT16,
    UINT32,
    UINT64,
    Graph,
    Node,
)

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
// Arrays lie in registers if every index is known, so loops over them are written out; loops along
// a row are as the compiler likes it, unless there is so much to do that registers would run out.
#ifdef __CUDACC_RTC__
#define EACH(k) _Pragma("unroll") for (int j = 0; j < k; ++j)
#define NOT_UNROLLED _Pragma("unroll 1")
#else
#define EACH(k) for (int j = 0; j < k; ++j)
#define NOT_UNROLLED
#endif
template <typename T, int k> __device__ T pick(const T (&x)[k], int which)
{
    T y = x[0];
    EACH(k) if (j == which) y = x[j];
    return y;
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


START = {"sum": "0", "max": "-1.0 / 0.0"}


def update(op: str, total: str, term: str) -> str:
    """Return the statement that takes a term into a sum or a maximum."""
    return f"{total} = {f'{total} + {term}' if op == 'sum' else f'maximum({total}, {term})'};\n"


class Writer:
    """Names, parameters and statements of one kernel."""

    def __init__(self, graph: Graph, call: Call) -> None:
        self.graph, self.call = graph, call
        self.names = {node: f"v{number}" for number, node in enumerate(graph.nodes)}

    def parameters(self) -> list[str]:
        """Return ``rows, columns``, then pointer and strides of each array, or a number."""
        found = ["index rows", "index columns"]
        for i, node in enumerate(self.graph.arguments):
            c_type = self.c_type(node)
            if i in self.call.numbers:
                found.append(f"{c_type} a{i}")
            else:
                found.append(f"const {c_type}* a{i}, index a{i}_r, index a{i}_c")
        for j, node in enumerate(self.graph.outputs):
            found.append(f"{self.c_type(node)}* o{j}, index o{j}_r, index o{j}_c")
        return found

    def inside_loop(self, wanted: Iterable[Node], indent: str) -> str:
        """Return the statements, inside a loop over c, that ``wanted`` needs."""
        needed: set[Node] = set()
        todo = [node for node in wanted if self.is_along(node)]
        while todo:
            node = todo.pop()
            if node not in needed:
                needed.add(node)
                todo += [child for child in node.inputs if self.is_along(child)]
        return self.statements([n for n in self.graph.nodes if n in needed], indent)

    def statements(self, nodes: Iterable[Node], indent: str) -> str:
        """Return what computes each of the nodes from those before."""
        return "".join(self._statement(node, indent) for node in nodes)

    def _statement(self, node: Node, indent: str) -> str:
        name, c_type = self.names[node], self.c_type(node)
        if node.op == "constant" or self.is_matrix(node):
            return ""
        if node.op in REDUCTIONS or node.op == "matmul":
            # The sum or maximum of numbers in registers; those along the row are not of this kind.
            k = node.inputs[0].width
            return (
                f"{indent}{c_type} {name} = {START.get(node.op, '0')};\n"
                f"{indent}EACH({k}) {self.term(node, name)}"
            )
        if self.is_narrow(node):
            return (
                f"{indent}{c_type} {name}[{node.width}];\n"
                f"{indent}EACH({node.width}) "
                f"{name}[j] = {self._expression(node)};\n"
            )
        return f"{indent}const {c_type} {name} = {self._expression(node)};\n"

    def term(self, node: Node, total: str) -> str:
        """Return the statement that takes what stands at j and c into a reduction's total."""
        if node.op != "matmul":
            return update(node.op, total, self.operand(node.inputs[0], node))
        x, matrix = node.inputs
        row, column = ("c", "j") if self.is_along(x) else ("j", "c")
        i = matrix.value
        element = f"a{i}[{row} * a{i}_r + {column} * a{i}_c]"
        return update("sum", total, f"{self.operand(x, node)} * {element}")

    def is_along(self, node: Node) -> bool:
        """Return whether the value differs between the columns of the kernel's table."""
        return node.width == COLUMNS

    def is_narrow(self, node: Node) -> bool:
        """Return whether the value is a row of a table of another width."""
        return node.width not in (1, COLUMNS)

    def is_matrix(self, node: Node) -> bool:
        """Return whether it is the right operand of products, and no table."""
        return node.op == "argument" and node.value in self.call.matrices

    def _expression(self, node: Node) -> str:
        if node.op == "argument":
            i = node.value
            if i in self.call.numbers:
                return f"a{i}"
            column = "c" if self.is_along(node) else "j"
            return f"a{i}[r * a{i}_r{f' + {column} * a{i}_c' if node.by_column else ''}]"
        # A constant takes the type of what it meets, as Python numbers do in NumPy.
        partner = next((n for n in reversed(node.inputs) if n.op != "constant"), node)
        x = [self.operand(child, partner) for child in node.inputs]
        if node.op in INFIX:
            return f"{x[0]} {INFIX[node.op]} {x[1]}"
        if node.op == "negative":
            return f"-{x[0]}"
        if node.op == "where":
            result = [self.operand(child, node) for child in node.inputs[1:]]
            return f"{x[0]} ? {result[0]} : {result[1]}"
        if node.op == "astype" and node.dtype == UINT16:
            return f"bfloat16({x[0]})"
        if node.op == "astype":
            return f"({self.c_type(node)}){x[0]}"
        return f"{'fabs' if node.op == 'abs' else node.op}({', '.join(x)})"

    def operand(self, node: Node, partner: Node) -> str:
        """Return a value, or a constant of the partner's type; a number of a narrow row is at j."""
        if node.op == "constant":
            return f"({self.c_type(partner)})({node.value!r})"
        return f"{self.names[node]}[j]" if self.is_narrow(node) else self.names[node]

    def c_type(self, node: Node) -> str:
        """Return the type of a node's numbers."""
        return C_TYPES[self.call.precision if node.dtype == FLOAT else node.dtype]
