"""Pictures, by matplotlib (the ``plot`` extra); each is written as a PNG, all of it or nothing."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet.datasets import Dataset
from gpunet.errors import MissingExtraError
from gpunet.files import write_atomically
from gpunet.nn.network import Network
from gpunet.training import History

Path = str | os.PathLike[str]
COLOURS = ("#1f5fa8", "#c8451b")
SHEET_ROWS, SHEET_COLUMNS = 5, 10
LABEL, GAP = 9, 4  # pixels left free above and beside an image


def require_matplotlib() -> None:
    """Raise MissingExtraError if matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        raise MissingExtraError("pictures need matplotlib; pip install 'gpunet[plot]'")


def _figure(width: float, height: float) -> Any:
    """Return an empty figure that no display knows of."""
    require_matplotlib()
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _write(figure: Any, path: Path) -> None:
    picture = io.BytesIO()
    # Without the version that matplotlib would note in it, equal plots are equal files.
    figure.savefig(picture, format="png", dpi=120, metadata={"Software": None})
    write_atomically(path, picture.getvalue())


def loss_curve(history: History, path: Path) -> None:
    """Draw loss and, for classifiers, accuracy by epoch."""
    figure = _figure(7, 4)
    panels = ["loss", "accuracy"] if history.accuracy else ["loss"]
    for axes, name in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        epochs = range(1, history.epochs + 1)
        marker = "o" if history.epochs <= 30 else None
        for prefix, label, colour in (
            ("", "training", COLOURS[0]),
            ("val_", "validation", COLOURS[1]),
        ):
            values = getattr(history, prefix + name)
            if values:
                axes.plot(epochs, values, color=colour, label=label, marker=marker, markersize=3)
        axes.set_xlabel("epoch")
        axes.set_title(name)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        if history.val_loss:
            axes.legend()
    _write(figure, path)


def misclassified(network: Network, data: Dataset, path: Path) -> bool:
    """Draw the images that the network gets most confidently wrong; False if there are none."""
    A = network.predict_proba(data)
    predicted = network.decide(A)
    wrong = np.flatnonzero(predicted != data.y)
    if wrong.size == 0 or data.image_shape is None:
        return False
    confidence = _confidence(A, predicted)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][: SHEET_ROWS * SHEET_COLUMNS]
    rows = -(-worst.size // SHEET_COLUMNS)
    figure = _figure(SHEET_COLUMNS * 0.9, rows * 1.15 + 0.4)
    figure.suptitle(
        f"{wrong.size} of {len(data)} wrong ({wrong.size / len(data):.2%}), the most confident "
        "first: true > predicted"
    )
    # One picture of them all: fifty small ones would take matplotlib seconds.
    height, width = data.image_shape
    sheet = np.zeros((rows * (height + LABEL), SHEET_COLUMNS * (width + GAP)))
    axes = figure.add_subplot()
    axes.set_axis_off()
    for place, i in enumerate(worst):
        row, column = divmod(place, SHEET_COLUMNS)
        top, left = row * (height + LABEL) + LABEL, column * (width + GAP)
        image = data.X[i].reshape(data.image_shape).astype(float)
        sheet[top : top + height, left : left + width] = image / max(image.max(), 1e-300)
        true, guess = data.classes[data.y[i]], data.classes[predicted[i]]
        label = f"{true} > {guess}  {confidence[i]:.0%}"
        x, y = left + width / 2, top - 1
        # A class called $x$ is no formula.
        axes.text(x, y, label, fontsize=7, ha="center", va="bottom", parse_math=False)
    axes.imshow(sheet, cmap="gray_r", vmin=0, vmax=1)
    _write(figure, path)
    return True


def _confidence(A: NDArray, predicted: NDArray) -> NDArray:
    """Return the probability given to the predicted class."""
    if A.shape[1] == 1:
        return np.where(predicted == 1, A[:, 0], 1 - A[:, 0])
    return A.max(axis=1)


def decision_boundary(
    predict_proba: Callable[[NDArray], NDArray], X: NDArray, y: NDArray, title: str, path: Path
) -> None:
    """Draw the plane of two features, coloured by the network's output, with the points on it.

    Args:
        predict_proba: From (n, 2) points to (n, 1) outputs.
        X, y: The points (n, 2) and their classes, 0 or 1.
        title: Written above.
        path: Where the PNG goes.
    """
    margin = 0.08 * np.ptp(X, axis=0)
    low, high = X.min(axis=0) - margin, X.max(axis=0) + margin
    grid = np.meshgrid(np.linspace(low[0], high[0], 240), np.linspace(low[1], high[1], 240))
    P = predict_proba(np.stack([g.ravel() for g in grid], axis=1)).reshape(grid[0].shape)
    figure = _figure(6, 5)
    axes = figure.subplots()
    shades = axes.contourf(*grid, P, levels=np.linspace(0, 1, 21), cmap="RdBu_r", alpha=0.6)
    axes.contour(*grid, P, levels=[0.5], colors="black", linewidths=1.2)
    for label, colour in enumerate(COLOURS):
        axes.scatter(*X[y == label].T, s=8, color=colour, label=f"class {label}")
    axes.set_title(title)
    axes.legend(loc="upper right")
    figure.colorbar(shades, label="network's output", ticks=[0, 0.25, 0.5, 0.75, 1])
    _write(figure, path)
