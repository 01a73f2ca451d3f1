"""The multi-layer perceptron on the device: its flat parameter vector, and one step of backprop."""

from __future__ import annotations

from collections.abc import Iterator

from gpunet.backends import Array, Backend
from gpunet.nn.activations import ACTIVATIONS
from gpunet.nn.architecture import Architecture
from gpunet.nn.dense import Dense, Dropout
from gpunet.nn.losses import LOSSES, head
from gpunet.nn.slices import Slices
from gpunet.nn.workspace import Workspace, allocate


class MLP:
    """The network's arrays and its two passes.

    Attributes:
        theta, grad: All parameters and all gradients, one flat vector each.
        parameters, gradients: Their named views.
        step: (1, 1) uint32, the number of training steps so far; it addresses dropout masks.
    """

    def __init__(self, backend: Backend, architecture: Architecture, seed: int) -> None:
        self.backend, self.architecture = backend, architecture
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
        self._head = backend.kernel(
            head(LOSSES[architecture.loss], ACTIVATIONS[architecture.output])
        )

    def _dense_layers(self) -> Iterator[Dense]:
        a, p, d = self.architecture, self.parameters, self.gradients
        names = (*a.hidden, a.output)
        for layer, (name, fan_out) in enumerate(zip(names, a.sizes[1:], strict=True), 1):
            no_bias = None if a.bias else self.backend.zeros((fan_out,), a.dtype)
            W, b = f"W{layer}", f"b{layer}"
            yield Dense(self.backend, ACTIVATIONS[name], p[W], p.get(b, no_bias), d[W], d.get(b))

    def workspace(self, n: int) -> Workspace:
        """Allocate the buffers for batches of up to ``n`` examples."""
        a = self.architecture
        # The output layer's end works from Z alone.
        keeps_Z = [layer.keeps_Z for layer in self.layers[:-1]] + [False]
        return allocate(self.backend, a.sizes, n, a.dtype, keeps_Z, dropout=bool(self.dropouts))

    def predict(self, X: Array, ws: Workspace) -> Array:
        """Return the outputs A = g_L(... g_1(X W1 + b1) ...), (n, outputs)."""
        A_in = self._hidden(X, ws, training=False)[-1]
        end = ws.layers[-1]
        self.layers[-1].forward(A_in, end.Z, end.A)
        return end.A

    def score(self, X: Array, Y: Array, ws: Workspace, totals: Array) -> None:
        """Put the sums over the examples of (loss, correct) into ``totals`` (2,)."""
        self._loss(self._hidden(X, ws, training=False)[-1], Y, ws, totals)

    def backpropagate(
        self, X: Array, Y: Array, ws: Workspace, totals: Array, training: bool = True
    ) -> None:
        """One forward and one backward pass: fill ``grad``, and ``totals`` as in ``score``.

        X is (n, features), Y (n, outputs). Dropout acts only when ``training``.
        """
        inputs = self._hidden(X, ws, training)
        self._loss(inputs[-1], Y, ws, totals)

        for l in reversed(range(len(self.layers))):  # noqa: E741 (the textbook's layer l)
            layer, dZ = self.layers[l], ws.layers[l].dZ
            layer.gradients(inputs[l], dZ)
            if l > 0:
                below = ws.layers[l - 1]
                layer.backward(dZ, below.dZ)
                if training and self.dropouts:
                    self.dropouts[l - 1].backward(below)
                self.layers[l - 1].slope(below.dZ, below.Z, below.A, below.dZ)

    def _hidden(self, X: Array, ws: Workspace, training: bool) -> list[Array]:
        """Return every layer's input: X, then the hidden layers' activations."""
        inputs = [X]
        for l, layer in enumerate(self.layers[:-1]):  # noqa: E741
            buffers = ws.layers[l]
            layer.forward(inputs[-1], buffers.Z, buffers.A)
            if training and self.dropouts:
                self.dropouts[l].forward(buffers)
                inputs.append(buffers.dropped)
            else:
                inputs.append(buffers.A)
        return inputs

    def _loss(self, A_in: Array, Y: Array, ws: Workspace, totals: Array) -> None:
        """The end of the forward pass and the start of the backward pass: dZ of layer L."""
        end, last = ws.layers[-1], self.layers[-1]
        last.product(A_in, end.Z)
        share = 1.0 / ws.n if self.architecture.reduction == "mean" else 1.0
        self._head(end.Z, last.b, Y, share, out=(*ws.score_columns, end.dZ))
        self.backend.sum(ws.scores, axis=1, out=totals)

    def count_step(self) -> None:
        """Move on to the next step's dropout masks."""
        if self.dropouts:
            self._next_step(self.step, out=self.step)
