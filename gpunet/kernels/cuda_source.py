"""An expression graph as the source text of one CUDA kernel; and the gather.

A formula without row reductions runs one thread per element. One with reductions, or with tables of
several widths, runs one warp per row, whose threads walk the row side by side: once for all
reductions that can be made of what is known, and so on, and once for the outputs. They add up what
they have in a fixed order, so that the same input gives the same bits. What is not along the row,
each of them has: numbers, and rows of narrow tables.
"""

from __future__ import annotations

from collections.abc import Iterable

from gpunet.kernels.call import Call
from gpunet.kernels.cuda_text import C_TYPES, PREAMBLE, START, Writer
from gpunet.kernels.expression import COLUMNS, REDUCTIONS, UINT16, Graph, Node

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

    Its parameters are those of ``Writer.parameters``.
    """
    writer = _PerRow(graph, call) if needs_row_warps(graph, call) else _PerElement(graph, call)
    return (
        f"{PREAMBLE}\n"
        f'extern "C" __global__ void {name}({", ".join(writer.parameters())})\n'
        "{\n"
        "    const index first = (index)blockIdx.x * blockDim.x + threadIdx.x;\n"
        "    const index step = (index)gridDim.x * blockDim.x;\n"
        f"{writer.body()}"
        "}\n"
    )


def needs_row_warps(graph: Graph, call: Call) -> bool:
    """Return whether the kernel wants one warp per row rather than one thread per element.

    It does for sums along rows and for tables of several widths. If one that is written has a
    single column, its place may be one that all of the row still have to read.
    """
    several = len({width for _, width in call.outputs}) > 1
    return several or any(n.op in REDUCTIONS or n.width not in (1, COLUMNS) for n in graph.nodes)


class _PerElement(Writer):
    def body(self) -> str:
        stores = "".join(
            f"        o{j}[r * o{j}_r + c * o{j}_c] = {self.operand(node, node)};\n"
            for j, node in enumerate(self.graph.outputs)
        )
        return (
            "    for (index i = first; i < rows * columns; i += step) {\n"
            "        const index r = i / columns, c = i % columns;\n"
            f"{self.statements(self.graph.nodes, '        ')}"
            f"{stores}"
            "    }\n"
        )


class _PerRow(Writer):
    def __init__(self, graph: Graph, call: Call) -> None:
        super().__init__(graph, call)
        self.done: set[Node] = set()
        # How many loops over the row a value has to wait for.
        self.waits: dict[Node, int] = {}
        for node in graph.nodes:
            children = (self.waits[x] + self._reduces_row(x) for x in node.inputs)
            self.waits[node] = max(children, default=0)

    def body(self) -> str:
        """What is not along the row is computed once, between the loops over it."""
        text = (
            "    const int lane = threadIdx.x % WARP;\n"
            "    for (index r = first / WARP; r < rows; r += step / WARP) {\n"
        )
        reductions = [node for node in self.graph.nodes if self._reduces_row(node)]
        for loop in sorted({self.waits[node] for node in reductions}):
            now = [node for node in reductions if self.waits[node] == loop]
            text += self._once(x for node in now for x in node.inputs) + self._reductions(now)
        text += self._once(self.graph.outputs)
        outs = [(j, n, self.call.outputs[j][1]) for j, n in enumerate(self.graph.outputs)]
        beside = [out for out in outs if out[2] != COLUMNS]
        if beside:
            # Another thread of the warp may still have to read what is overwritten here.
            text += "        __syncwarp();\n"
            text += "".join(self._store(*out) for out in beside)
        along = [(j, node) for j, node, width in outs if width == COLUMNS]
        if along:
            text += self._loop(
                [node for _, node in along],
                [f"{self._place(j)} = {self.operand(node, node)};\n" for j, node in along],
                any(n.op == "matmul" and self.is_along(n) for n in self.graph.nodes),
            )
        return text + "    }\n"

    def _once(self, wanted: Iterable[Node]) -> str:
        """Return the statements outside of loops that ``wanted`` needs, and that are new."""
        needed, todo = set(), [*wanted]
        while todo:
            node = todo.pop()
            if node not in self.done and node not in needed and not self._reduces_row(node):
                needed.add(node)
                todo += node.inputs
        self.done |= needed
        new = [n for n in self.graph.nodes if n in needed and not self.is_along(n)]
        return self.statements(new, " " * 8)

    def _reductions(self, nodes: list[Node]) -> str:
        """Return one loop for all of these, before and after which a lane's part has its name."""
        start = totals = ""
        terms = []
        for node in nodes:
            c_type, name, k = self.c_type(node), self.names[node], node.width
            each, at = (f"EACH({k}) ", "[j]") if k != 1 else ("", "")
            start += f"        {c_type} {name}{f'[{k}]' if at else ''};\n"
            start += f"        {each}{name}{at} = {START.get(node.op, '0')};\n"
            terms.append(each + self.term(node, name + at))
            warp = f"warp_{'max' if node.op == 'max' else 'sum'}"
            totals += f"        {each}{name}{at} = {warp}({name}{at});\n"
        once = len(nodes) > 1 or nodes[0].width != 1
        return start + self._loop([node.inputs[0] for node in nodes], terms, once) + totals

    def _loop(self, wanted: list[Node], then: list[str], once: bool) -> str:
        """Return a loop over c; with its body written ``once``, where that has enough to do."""
        indent = " " * 12
        return (
            f"        {'NOT_UNROLLED ' if once else ''}"
            "for (index c = lane; c < columns; c += WARP) {\n"
            f"{self.inside_loop(wanted, indent)}"
            f"{''.join(indent + line for line in then)}"
            "        }\n"
        )

    def _store(self, j: int, node: Node, width: int | str) -> str:
        if width == 1:
            return f"        if (lane == 0) {self._place(j, '0')} = {self.operand(node, node)};\n"
        value = f"pick({self.names[node]}, c)" if self.is_narrow(node) else self.operand(node, node)
        return f"        for (int c = lane; c < {width}; c += WARP) {self._place(j)} = {value};\n"

    def _place(self, j: int, column: str = "c") -> str:
        return f"o{j}[r * o{j}_r + {column} * o{j}_c]"

    def _reduces_row(self, node: Node) -> bool:
        reduces = node.op in REDUCTIONS or node.op == "matmul"
        return reduces and self.is_along(node.inputs[0])
