"""The multi-layer perceptron on the device: its flat parameter vector, and one step of backprop."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import prod

from gpunet.backends import Array, Backend, Kernel, Work
from gpunet.nn.activations import ACTIVATIONS
from gpunet.nn.architecture import Architecture
from gpunet.nn.dense import Dense, Dropout, Product
from gpunet.nn.losses import LOSSES, end, head, score
from gpunet.nn.products import Products
from gpunet.nn.slices import Slices
from gpunet.nn.turns import Turns
from gpunet.nn.workspace import Scoring, Workspace, allocate


class MLP:
    """The network's arrays and its two passes.

    Attributes:
        seed: Of the dropout masks.
        theta, grad: All parameters and all gradients, one flat vector each.
        parameters, gradients: Their named views.
        step: (1, 1) uint32, the number of training steps so far; it addresses dropout masks.
        turns: Taken by whoever reads or writes these arrays: for a prediction, for a training
            step.
    """

    def __init__(self, backend: Backend, architecture: Architecture, seed: int) -> None:
        self.backend, self.architecture, self.seed = backend, architecture, seed
        self.turns = Turns()
        sizes, dtype = architecture.sizes, architecture.dtype
        self.slices = Slices.of(sizes, architecture.bias)
        self.theta = backend.zeros((self.slices.size,), dtype)
        self.grad = backend.zeros((self.slices.size,), dtype)
        self.parameters = self.slices.views(backend, self.theta)
        self.gradients = self.slices.views(backend, self.grad)
        self.step = backend.zeros((1, 1), "uint32")
        self._next_step = backend.kernel(lambda xp, step: step + 1)
        self.layers = list(self._dense_layers())
        self.dropouts = [
            Dropout(backend, architecture.dropout, seed, layer, self.step)
            for layer in range(len(sizes) - 2)
            if architecture.dropout
        ]
        loss, output = LOSSES[architecture.loss], ACTIVATIONS[architecture.output]
        self._head = backend.kernel(head(loss, output))
        self._logits = backend.kernel(lambda xp, Z, b: Z + b)
        # With several outputs the loss needs each row as a whole, and is summed afterwards.
        self._single = sizes[-1] == 1
        make = backend.column_sums if self._single else backend.kernel
        self._score = make(score(loss, output))
        self._end: Kernel | None = None
        if self._single and len(sizes) > 2 and not self.dropouts:
            self._end = backend.kernel(end(loss, ACTIVATIONS[architecture.hidden[-1]], output))
            self._end_sums = backend.column_sums(
                # dW2^T, db1, db2
                lambda xp, A1, dZ1, dZ2: (A1 * dZ2, dZ1, dZ2)[: 3 if architecture.bias else 1]
            )

    def _dense_layers(self) -> Iterator[Dense]:
        a, p, d = self.architecture, self.parameters, self.gradients
        names = (*a.hidden, a.output)
        for layer, (name, fan_out) in enumerate(zip(names, a.sizes[1:], strict=True), 1):
            no_bias = None if a.bias else self.backend.zeros((fan_out,), a.dtype)
            W, b = f"W{layer}", f"b{layer}"
            yield Dense(self.backend, ACTIVATIONS[name], p[W], p.get(b, no_bias), d[W], d.get(b))

    def workspace(self, n: int, products: Products | None = None) -> Workspace:
        """Allocate the buffers for batches of up to ``n`` examples."""
        if products is None:
            products = Products(self.backend)
        a = self.architecture
        # The output layer's end works from Z alone.
        keeps_Z = [layer.keeps_Z for layer in self.layers[:-1]] + [False]
        return allocate(self.backend, a.sizes, n, a.dtype, keeps_Z, bool(self.dropouts), products)

    @staticmethod
    def _matmul(ws: Workspace, layer: int) -> Product:
        return ws.products.matmul if layer else ws.products.with_inputs

    def predict(self, X: Array, ws: Workspace) -> Array:
        """Return the outputs A = g_L(... g_1(X W1 + b1) ...), (n, outputs)."""
        A_in = self._hidden(X, ws, training=False)[-1]
        last = ws.layers[-1]
        self.layers[-1].forward(A_in, last.Z, last.A, self._matmul(ws, len(self.layers) - 1))
        return last.A

    def logits(self, X: Array, ws: Workspace) -> Array:
        """Return the last layer's Z, biases included, (n, outputs)."""
        A_in, layer = self._hidden(X, ws, training=False)[-1], self.layers[-1]
        layer.product(A_in, ws.logits, self._matmul(ws, len(self.layers) - 1))
        self._logits(ws.logits, layer.b, out=ws.logits)
        return ws.logits

    def scoring(self, n: int) -> Scoring:
        """Allocate what ``score`` needs for up to ``n`` examples."""
        return Scoring(self.backend.zeros((2, n), self.architecture.dtype))

    def score(self, Z: Array, Y: Array, scoring: Scoring, totals: Array) -> None:
        """Put the sums over the examples of (loss, correct) into ``totals`` (2,), from logits Z."""
        if self._single:
            one = self.backend.reshape
            self._score(Z, Y, out=(one(totals[0:1], (1, 1)), one(totals[1:2], (1, 1))))
            return
        self._score(Z, Y, out=scoring.columns)
        self.backend.sum(scoring.scores, axis=1, out=totals)

    def backpropagate(self, X: Array, Y: Array, ws: Workspace, training: bool = True) -> None:
        """One forward and one backward pass: fill ``grad`` and ``ws.logits``.

        X is (n, features), Y (n, outputs). Dropout acts only when ``training``.
        """
        self.backend.parallel(self.passes(X, Y, ws.logits, ws, training))
        self.backend.parallel([compute for _, compute in self.gradient_parts(X, ws, training)])

    def passes(
        self, X: Array, Y: Array, logits: Array, ws: Workspace, training: bool = True
    ) -> list[Work]:
        """Return the tasks that fill all activations and dZ, each for some of the examples."""
        pieces = self.pieces(ws)
        share = 1.0 / ws.n if self.architecture.reduction == "mean" else 1.0
        return [
            partial(
                self._pass, X[rows, :], Y[rows, :], logits[rows, :], ws.part(rows), share, training
            )
            for rows in pieces
        ]

    def pieces(self, ws: Workspace) -> list[slice]:
        """Return the examples in the pieces in which they are worked through."""
        # An epoch's last batch is cut as the others are: a BLAS whose threads take turns with ours
        # makes both slow.
        return self._pieces(ws, ws.n, self.slices.weights * ws.capacity // ws.n)

    def _pieces(self, ws: Workspace, n: int, cost: int, few: bool = False) -> list[slice]:
        # Other products than plain ones share scratch memory, so they take their turns.
        plain = type(ws.products) is Products
        return self.backend.pieces(n, cost, few) if plain else [slice(0, n)]

    def _pass(
        self, X: Array, Y: Array, logits: Array, ws: Workspace, share: float, training: bool
    ) -> None:
        top = len(self.layers) - 1
        if self._end is not None:
            inputs = self._hidden(X, ws, training, top - 1)
            hidden, layer, last = ws.layers[top - 1], self.layers[top - 1], self.layers[top]
            layer.product(inputs[-1], hidden.Z, self._matmul(ws, top - 1))
            self._end(
                *(hidden.Z, layer.b, last.W.T, last.b, Y, share),
                out=(hidden.A, logits, ws.layers[top].dZ, hidden.dZ),
            )
            top -= 1
        else:
            inputs = self._hidden(X, ws, training, top)
            self.layers[top].product(inputs[-1], ws.layers[top].Z, self._matmul(ws, top))
            self._head(
                *(ws.layers[top].Z, self.layers[top].b, Y, share),
                out=(logits, ws.layers[top].dZ),
            )
        for l in reversed(range(1, top + 1)):  # noqa: E741 (the textbook's layer l)
            below = ws.layers[l - 1]
            self.layers[l].backward(ws.layers[l].dZ, below.dZ, ws.products.matmul)
            if training and self.dropouts:
                self.dropouts[l - 1].backward(below)
            self.layers[l - 1].slope(below.dZ, below.Z, below.A, below.dZ)

    def _hidden(self, X: Array, ws: Workspace, training: bool, layers: int = -1) -> list[Array]:
        """Return the inputs of the first layers (by default of all): X, then activations."""
        inputs = [X]
        for layer, buffers in zip(self.layers[:layers], ws.layers, strict=False):
            matmul = self._matmul(ws, len(inputs) - 1)
            layer.forward(inputs[-1], buffers.Z, buffers.A, matmul)
            if training and self.dropouts:
                self.dropouts[len(inputs) - 1].forward(buffers)
            inputs.append(buffers.input_above(training))
        return inputs

    def gradient_parts(
        self, X: Array, ws: Workspace, training: bool = True
    ) -> list[tuple[slice, Work]]:
        """Return the tasks that fill ``grad``, each with the slice of it that it fills.

        They read what ``passes`` has left in the workspace. It is one task where no product is
        large enough to be cut into pieces.
        """
        parts: list[tuple[slice, Work]] = []
        A_in = X
        summed = 1 if self._end is not None else 0  # layers whose dW is a sum down the rows
        for number, layer in enumerate(self.layers[: len(self.layers) - summed], 1):
            buffers = ws.layers[number - 1]
            fan_in, fan_out = layer.W.shape
            start = self.slices.start[f"W{number}"]
            # The product of some of its rows goes through the whole of dZ.
            for rows in self._pieces(ws, fan_in, fan_out * ws.capacity, few=True):
                flat = slice(start + rows.start * fan_out, start + rows.stop * fan_out)
                matmul = self._matmul(ws, number - 1)
                work = partial(layer.weight_gradient, A_in, buffers.dZ, rows, matmul)
                parts.append((flat, work))
            A_in = buffers.input_above(training)
        uncut = len(self.layers) - summed
        if self.architecture.bias or summed:
            start = self.slices.start[f"W{len(self.layers)}"] if summed else self.slices.weights
            parts.append((slice(start, self.slices.size), partial(self._sums, ws)))
            uncut += 1
        if len(parts) <= uncut:
            works = [work for _, work in parts]
            return [(slice(0, self.slices.size), partial(_one_by_one, works))]
        return parts

    def _sums(self, ws: Workspace) -> None:
        """db = sum(dZ) of each layer; with one output, dW of the last layer is such a sum too."""
        singly = len(self.layers)
        if self._end is not None:
            singly -= 2
            below, last = self.layers[-2:]
            outs = [last.dW] + ([below.db, last.db] if self.architecture.bias else [])
            rows = tuple(self.backend.reshape(out, (1, prod(out.shape))) for out in outs)
            hidden = ws.layers[-2]
            self._end_sums(hidden.A, hidden.dZ, ws.layers[-1].dZ, out=rows)
        if self.architecture.bias:
            for layer, buffers in zip(self.layers[:singly], ws.layers, strict=False):
                layer.bias_gradient(buffers.dZ)

    def count_step(self) -> None:
        """Move on to the next step's dropout masks."""
        if self.dropouts:
            self._next_step(self.step, out=self.step)


def _one_by_one(works: list[Work]) -> None:
    for work in works:
        work()
