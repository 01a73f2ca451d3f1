"""The network as a user sees it: NumPy arrays in, NumPy arrays out."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gpunet import random
from gpunet.backends import Array, Backend, get_backend
from gpunet.datasets.dataset import Dataset
from gpunet.datasets.frames import is_frame, prepared
from gpunet.datasets.preparation import Preparation
from gpunet.errors import (
    ArgumentError,
    BusyError,
    DataError,
    DivergedError,
    ModelFileError,
    look_up,
)
from gpunet.nn import model_file
from gpunet.nn.architecture import Architecture, describe
from gpunet.nn.batch import Batch
from gpunet.nn.examples import Examples, check_examples
from gpunet.nn.feed import Feed
from gpunet.nn.given_parameters import checked_parameters
from gpunet.nn.initializers import INITIALIZERS
from gpunet.nn.input_format import InputFormat
from gpunet.nn.mlp import MLP
from gpunet.nn.regression_scores import regression_scores
from gpunet.nn.state import backend_of, copied, rebuild, state_of
from gpunet.nn.summary import Summary, summary
from gpunet.ranges import whole

# Rows that go through the network at once when it is only evaluated.
EVALUATION_ROWS = 1024
# What ``repr`` shows only where it is otherwise.
SELDOM = {"bias": True, "reduction": "mean", "dropout": 0.0}


class Network:
    """A multi-layer perceptron. Several threads may use one; only one at a time may train it.

    What predicts and evaluates takes plain arrays too: floats as they are, and integers as they
    were stored in the training data, so that bytes are scaled if the network has learnt from a
    Dataset with a scale. Where it has learnt from a table, they are rows like those of the table,
    which are prepared as those were: plain arrays in the order of its columns, DataFrames by name.

    Args:
        sizes: Number of features, of neurons in each hidden layer, of outputs: [784, 196, 1].
        hidden: The hidden layers' activation, or one for each.
        output: The output activation.
        loss: "binary_crossentropy" (with a sigmoid output), "categorical_crossentropy" (with
            softmax), "half_squared_error" or "squared_error" (with any but softmax).
        init: How weights are drawn; biases start at zero.
        bias: Whether layers have biases.
        reduction: "mean" or "sum" over the examples, of the loss and of its gradient.
        dropout: The fraction of hidden activations that each training step leaves out.
        device: "auto", "cpu", "cuda", "cuda:N", or a backend from get_backend.
        dtype: "float32" or "float64".
        seed: 0 to 2**32 - 1, for initial weights, shuffles and dropout.

    Raises:
        ArgumentError: An unknown name (with a suggestion) or a value out of range.
        DeviceError: The device cannot be used.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        hidden: str | Sequence[str] = "sigmoid",
        output: str = "sigmoid",
        loss: str = "binary_crossentropy",
        init: str = "lecun_normal",
        bias: bool = True,
        reduction: str = "mean",
        dropout: float = 0.0,
        device: str | Backend = "auto",
        dtype: str = "float32",
        seed: int = 0,
    ) -> None:
        self.architecture = describe(sizes, hidden, output, loss, bias, reduction, dropout, dtype)
        draw = look_up("init", init, INITIALIZERS)
        self.seed = whole("seed", seed, 0, random.LARGEST_SEED)
        self.backend = device if isinstance(device, Backend) else get_backend(device)
        self.input_format = InputFormat()
        self.start_on(MLP(self.backend, self.architecture, self.seed))
        for layer in range(1, len(self.architecture.sizes)):
            W = self.parameters[f"W{layer}"]
            weights = draw(self.seed, random.WEIGHTS + layer, *W.shape)
            self.backend.assign(W, weights.astype(self.architecture.dtype))

    def start_on(self, mlp: MLP) -> None:
        """Take its arrays from ``mlp``, and its backend; nobody uses or trains it yet."""
        self.mlp, self.backend = mlp, mlp.backend
        self._evaluated: Batch | None = None
        self._logits: Array = None
        self._training = threading.Lock()
        self._trainer: int | None = None  # the thread that trains it

    def __repr__(self) -> str:
        a = self.architecture
        same = len(set(a.hidden)) == 1
        settings: dict[str, Any] = {"output": a.output, "loss": a.loss}
        if a.hidden:
            settings = {"hidden": a.hidden[0] if same else list(a.hidden)} | settings
        settings |= {k: v for k, v in vars(a).items() if k in SELDOM and v != SELDOM[k]}
        settings |= {"device": self.backend.device, "dtype": a.dtype, "seed": self.seed}
        shown = ", ".join(f"{name}={value!r}" for name, value in settings.items())
        return f"{type(self).__name__}({list(a.sizes)}, {shown})"

    def summary(self) -> Summary:
        """Return the layers, their numbers of parameters and what was learnt, as a text."""
        return summary(self.architecture, self.input_format, self.backend.describe())

    def __copy__(self) -> Self:
        """Return a network of its own with the same parameters, on the same device."""
        return copied(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Likewise."""
        return copied(self)

    def __getstate__(self) -> dict[str, Any]:
        """Return what pickle stores: NumPy arrays and plain values, nothing of the device."""
        return state_of(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Go back to the device that it was on, or to the CPU if that cannot be used."""
        rebuild(self, state, backend_of(state))

    @property
    def parameters(self) -> dict[str, Array]:
        """{"W1": (features, neurons), "b1": (neurons,), ...}: views of the device vector."""
        return dict(self.mlp.parameters)

    def load_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Set all parameters from host or device arrays, by name.

        Raises:
            ArgumentError: A wrong name, shape or type; then nothing has changed.
            BusyError: Another thread is training the network.
        """
        if self._trainer not in (None, threading.get_ident()):
            raise BusyError(
                "this network is being trained by another thread, which would mix its parameters "
                "with these; wait for it, or load them in one of its callbacks"
            )
        own = self.mlp.parameters
        checked = checked_parameters(
            parameters, self.mlp.slices.shapes, self.architecture.dtype, self.backend
        )

        def assign() -> None:
            for name, host in checked.items():
                self.backend.assign(own[name], host)

        self.mlp.turns.take(assign)

    @property
    def classifies(self) -> bool:
        """Whether the outputs stand for classes."""
        return self.architecture.output in ("sigmoid", "softmax")

    @property
    def preparation(self) -> Preparation | None:
        """What a table goes through before it enters the network; None if it learnt from none."""
        return self.input_format.preparation

    def prepare(self, table: Any) -> NDArray:
        """Return the features (n, features), float64, of a table like that of training.

        Args:
            table: A DataFrame, whose columns are found by name; or rows (n, columns) as the
                table's Dataset has them in X, or of numbers and words.

        Raises:
            DataError: The network has not learnt from a table, or columns are missing.
        """
        known = self.preparation
        if known is None or not known.columns:
            raise DataError(
                "this network has learnt from plain arrays, so there is nothing to prepare; pass "
                "it arrays such as it was trained on"
            )
        return prepared(table, known)

    def check(
        self,
        X: Any,
        Y: Any = None,
        need_targets: bool = True,
        known: InputFormat | None = None,
        architecture: Architecture | None = None,
    ) -> Examples:
        """Return the examples as checked host arrays; DataError says what does not fit.

        ``known`` is what the network has learnt from, or is about to; ``architecture`` is its own,
        or one of another precision.
        """
        architecture = self.architecture if architecture is None else architecture
        known = self.input_format if known is None else known
        preparation, framed = known.preparation, False
        if isinstance(X, Dataset):
            preparation = known.preparation_of(X)
        elif preparation is not None and preparation.columns:
            framed = is_frame(X)
            if framed and Y is None and need_targets and preparation.target_name in X.columns:
                Y = np.asarray(X[preparation.target_name])
            X = prepared(self.backend.to_numpy(X) if self.backend.owns(X) else X, preparation)
        if Y is not None and self.classifies:
            Y = known.numbered(Y, labels=framed)
        return check_examples(
            *(X, Y, architecture, self.backend, need_targets, known.scale, preparation)
        )

    def _like_training_data(self, X: Any, Y: Any = None, need_targets: bool = True) -> Feed:
        if need_targets:
            self.input_format.refuse_other_numbers(X)
        return Feed(self.backend, self.check(X, Y, need_targets))

    def loss_and_gradients(self, X: Any, Y: Any = None) -> tuple[float, dict[str, NDArray]]:
        """Return the loss and its gradients {"W1": (features, neurons), ...}, without dropout.

        Changes nothing. X is a Dataset or (n, features); Y (n,) or (n, outputs).
        """
        feed = self._like_training_data(X, Y)
        batch, totals = self.mlp.batch(feed.n), self.mlp.zeros(2)
        logits = self.mlp.zeros(feed.n, self.architecture.sizes[-1])

        def compute() -> dict[str, NDArray]:
            X, Y = feed.load(slice(0, feed.n), batch)
            self.mlp.backpropagate(X, Y, logits)
            self.mlp.score(logits, Y, totals)
            return {n: self.backend.to_numpy(g) for n, g in self.mlp.gradients.items()}

        gradients = self.mlp.turns.take(compute)
        return self.reduced(float(self.backend.to_numpy(totals)[0]), feed.n), gradients

    def predict_proba(self, X: Any) -> NDArray:
        """Return the network's outputs, (n, outputs); of a regression, as it learnt them."""
        return self.outputs(self._like_training_data(X, need_targets=False))

    def outputs(self, feed: Feed) -> NDArray:
        """Return the outputs, (n, outputs), for examples that are on the device already."""
        outputs = self.mlp.zeros(feed.n, self.architecture.sizes[-1])

        def compute() -> None:
            for rows, batch in feed.chunks(self._evaluation_batch()):
                self.mlp.predict(feed.load(rows, batch)[0], outputs[rows, :])

        self.mlp.turns.take(compute)
        return self.backend.to_numpy(outputs)

    def predict(self, X: Any) -> NDArray:
        """Return the class of each row, (n,); or (n, outputs) of 0 and 1 for several sigmoids.

        It is the class's name, where the data that the network has learnt from had names; or the
        label as a table had it (see ``InputFormat.labels``); else the class number, int64.

        Where the output is neither sigmoid nor softmax, return its values, (n, outputs); those of a
        column of a table, (n,), in their own unit.

        Args:
            X: A Dataset; a DataFrame, whose columns are found by name; or (n, features) numbers.

        Raises:
            DataError: X does not fit the network, or an output is NaN, which stands for no class.
        """
        A = self.predict_proba(X)
        classes = self._decided(A)
        labels, preparation = self.input_format.labels, self.preparation
        if labels is not None and classes is not A and classes.ndim == 1:
            return labels[classes]
        if classes is A and preparation is not None and preparation.target is not None:
            return preparation.target.values(A[:, 0])
        return classes

    def probabilities(self, X: Any) -> NDArray:
        """Return the probability of each class, (n, classes); also of two that share an output.

        Raises:
            DataError: As ``predict``; or the outputs are no probabilities of classes.
        """
        several = self.architecture.output == "sigmoid" and self.architecture.sizes[-1] > 1
        if several or not self.classifies:
            raise DataError("this network's outputs are no probabilities of classes")
        A = self.predict_proba(X)
        self._refuse_nan(A)
        return np.hstack([1 - A, A]) if self.architecture.output == "sigmoid" else A

    def _refuse_nan(self, A: NDArray) -> None:
        if np.isnan(A).any():
            row = int(np.isnan(A).any(axis=1).argmax())
            raise DataError(
                f"the outputs for row {row} are NaN: its inputs are too large for "
                f"{self.architecture.dtype}, or the network's training has diverged; scale the "
                "inputs, or train it anew"
            )

    def predict_classes(self, X: Any) -> NDArray[np.int64]:
        """Return class numbers, (n,) or (n, outputs), whether the classes have names or not.

        Raises:
            DataError: As ``predict``.
        """
        return self._decided(self.predict_proba(X))

    def _decided(self, A: NDArray) -> NDArray:
        """Return ``decide`` of outputs; raises DataError for NaN, which stands for no class."""
        if self.classifies:
            self._refuse_nan(A)
        return self.decide(A)

    def decide(self, A: NDArray) -> NDArray:
        """Return the classes that outputs A (n, outputs) stand for; see ``predict``."""
        if self.architecture.output == "softmax":
            return A.argmax(axis=1)
        if self.architecture.output == "sigmoid":
            classes = (A > 0.5).astype(np.int64)
            return classes[:, 0] if A.shape[1] == 1 else classes
        return A

    def evaluate(self, X: Any, Y: Any = None) -> dict[str, float]:
        """Return {"loss", "accuracy"}, or of a regression {"loss", "r2", "mae", "rmse"}.

        Where values are standardised to be learnt, the loss is that of the standardised ones; mae
        and rmse are in the values' own unit.
        """
        self.input_format.refuse_other_numbers(X)
        examples = self.check(X, Y)
        feed = Feed(self.backend, examples)
        scores = self.evaluate_feed(feed)
        if not self.classifies:
            known = self.input_format
            how = known.preparation_of(X) if isinstance(X, Dataset) else known.preparation
            scale = how.target.scale if how and how.target else 1.0
            scores |= regression_scores(self.outputs(feed), np.asarray(examples.Y), scale)
        return scores

    def evaluate_feed(self, feed: Feed) -> dict[str, float]:
        """Evaluate examples that are on the device already; one read-back in all."""

        def compute() -> Array:
            pieces = list(feed.chunks(self._evaluation_batch()))
            totals = self.mlp.zeros(len(pieces), 2)
            for piece, (rows, batch) in enumerate(pieces):
                X, Y = feed.load(rows, batch)
                logits = self._logits[: batch.n, :]
                self.mlp.logits(X, logits)
                self.mlp.score(logits, Y, totals[piece, :])
            return totals

        loss, correct = self.backend.to_numpy(self.mlp.turns.take(compute)).sum(axis=0, dtype=float)
        return self.scores(loss, correct, feed.n)

    def scores(self, loss: float, correct: float, n: int) -> dict[str, float]:
        """Return {"loss", "accuracy"} from the sums over n examples."""
        scores = {"loss": self.reduced(float(loss), n)}
        if self.classifies:
            scores["accuracy"] = float(correct) / n
        return scores

    def reduced(self, total: float, n: int) -> float:
        """Return a sum over n examples as this network's loss: its mean, or the sum."""
        return total / n if self.architecture.reduction == "mean" else total

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a safetensors file with the parameters and, in its metadata, all else.

        Raises:
            FileError: It cannot be written; then what stood there before is unchanged.
            DivergedError: A parameter is not finite, so that it could not be loaded; likewise.
        """
        host = self.mlp.turns.take(
            lambda: {name: self.backend.to_numpy(x) for name, x in self.parameters.items()}
        )
        for name, values in host.items():
            if not np.isfinite(values).all():
                raise DivergedError(
                    f"{name} holds values that are not finite: training has diverged. {path} was "
                    "not written, since a network with such parameters predicts nothing"
                )
        model_file.write(
            path, model_file.Model(self.architecture, self.seed, self.input_format, host)
        )

    @contextmanager
    def being_trained(self) -> Iterator[None]:
        """Keep others from training it within this context.

        Raises:
            BusyError: Another does so already.
        """
        if not self._training.acquire(blocking=False):
            raise BusyError(
                "this network is being trained already, by another thread or by the call that one "
                "of its callbacks is in; wait for that one, or train a network of its own"
            )
        try:
            self._trainer = threading.get_ident()
            yield
        finally:
            self._trainer = None
            self._training.release()

    def _evaluation_batch(self) -> Batch:
        if self._evaluated is None:
            self._evaluated = self.mlp.batch(EVALUATION_ROWS)
            self._logits = self.mlp.zeros(EVALUATION_ROWS, self.architecture.sizes[-1])
        return self._evaluated


def load(path: str | os.PathLike[str], device: str | Backend = "auto") -> Network:
    """Return the network in a file that ``Network.save`` wrote, or in a folder that holds one.

    Raises:
        FileError: There is no such file, or it cannot be read.
        ModelFileError: It is damaged, no safetensors file, or not from gpunet.
        DeviceError: The device cannot be used.
    """
    model = model_file.read(path)
    backend = device if isinstance(device, Backend) else get_backend(device)
    try:
        network = Network(**vars(model.architecture), seed=model.seed, init="zeros", device=backend)
        network.load_parameters(model.parameters)
    except ArgumentError as error:
        raise ModelFileError(f"{path} contradicts itself: {error}") from error
    network.input_format = model.input_format
    return network
