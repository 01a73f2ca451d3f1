"""The whole verification of a device: formulas, lockstep, repetition, controls, a free run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpunet import datasets, random
from gpunet.backends import Backend, get_backend
from gpunet.nn.activations import ACTIVATIONS
from gpunet.nn.losses import LOSSES
from gpunet.nn.network import Network
from gpunet.optim import SGD, Adam, Optimizer
from gpunet.parity.bounds_backend import Precision
from gpunet.parity.check import Check
from gpunet.parity.formulas import check_formulas
from gpunet.parity.gradient_check import gradient_check
from gpunet.parity.lockstep import CONTROLS, PRECISION_CONTROLS, Trainee, lockstep
from gpunet.training import fit

# What is trained in lockstep: the main network, and one with the other activations.
NETWORKS: dict[str, tuple[dict[str, Any], Optimizer]] = {
    "784-196-1 sigmoid, momentum": ({"sizes": [784, 196, 1]}, SGD(0.1, momentum=0.9)),
    "784-40-30-1 relu gelu dropout, Adam": (
        {
            "sizes": [784, 40, 30, 1],
            "hidden": ["relu", "gelu"],
            "init": "he_normal",
            "dropout": 0.2,
        },
        Adam(),
    ),
}
STEPS, BATCH, EXAMPLES = 5, 64, 2048
# A planted error has to be out of its bound by this factor, so that a device whose roundings happen
# to work against it does not hide it. Over 60 seeds it was at least 2.5 (bfloat16 posing as TF32),
# 36 (a drift in float64), 72 (in float32), 85 (TF32 posing as float32), and more for the others.
MARGIN = 2.0


@dataclass(frozen=True)
class Finding:
    """The result of one part of the verification for one device and precision.

    Attributes:
        part: "derivatives", "formulas", "lockstep", "repetition" or "control".
        subject: Device and precision: "cpu (numpy) float32".
        name: What was checked: a formula, a network, a control.
        passed: Whether it is as it should be; for a control, whether it was caught with MARGIN.
        ratio: The largest difference in units of its bound.
        ulps: Likewise in units in the last place.
        detail: The worst or the first bad tensor, step and element, for people.
        unbounded: How many elements have no finite bound: of those nothing is proved.
    """

    part: str
    subject: str
    name: str
    passed: bool
    ratio: float
    ulps: float
    detail: str
    unbounded: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values; JSON has no infinity."""
        return asdict(self) | {"ratio": finite(self.ratio), "ulps": finite(self.ulps)}


def finite(x: float) -> float | None:
    """Return the number, or None if it is infinite or NaN."""
    return x if np.isfinite(x) else None


def verify_subject(backend: Backend, precision: Precision, seed: int = 0) -> Iterator[Finding]:
    """Yield every finding about one backend in one precision, but the free run."""
    subject = subject_name(backend, precision)
    controls = PRECISION_CONTROLS.get(precision.name, CONTROLS)
    if controls is CONTROLS:  # the others differ in the products of a training step only
        for check in check_formulas(backend, precision, seed):
            yield _finding("formulas", subject, check.name, [check])
    train = datasets.load("mnist58")[0].part(slice(0, EXAMPLES))
    run: dict[str, Any] = {"steps": STEPS, "batch": BATCH, "seed": seed}
    for name, (settings, optimizer) in NETWORKS.items():
        checks = list(lockstep(backend, precision, settings, train, optimizer, **run))
        yield _finding("lockstep", subject, name, checks)
    for name, (settings, optimizer) in NETWORKS.items():
        yield _repetition(backend, precision, subject, name, settings, optimizer, seed)
    settings, _ = next(iter(NETWORKS.values()))
    for name, sabotage in controls.items():
        checks = list(
            lockstep(backend, precision, settings, train, SGD(0.1), sabotage=sabotage, **run)
        )
        yield _control(subject, name, checks)


def verify_derivatives(seed: int = 0) -> Iterator[Finding]:
    """Yield a finding about each activation's and each loss's derivative.

    All devices run the same formulas, so that they agree says nothing about a wrong one: this
    compares each derivative with central differences of its function.
    """
    reference = get_backend("cpu")
    X = random.normal(seed, random.DIRECTION, (6, 4))
    for hidden in ACTIVATIONS.values():
        if hidden.elementwise:
            yield _derivative(hidden.name, hidden.name, "identity", "squared_error", X, reference)
    for loss in LOSSES.values():
        output = loss.output or "tanh"
        yield _derivative(f"{loss.name} of {output}", "tanh", output, loss.name, X, reference)


def _derivative(
    name: str, hidden: str, output: str, loss: str, X: NDArray, backend: Backend
) -> Finding:
    Y = np.eye(3)[np.arange(len(X)) % 3]
    network = Network([4, 5, 3], hidden, output, loss, device=backend, dtype="float64")
    check = gradient_check(network, X, Y)
    detail = f"{check.worst}: {check.analytic:.6g}, by differences {check.numeric:.6g}"
    ratio = check.error / check.tolerance
    return Finding("derivatives", "the formulas", name, bool(check), ratio, 0.0, detail)


def subject_name(backend: Backend, precision: Precision) -> str:
    """Return what messages call a device and precision."""
    return f"{backend.device} ({backend.name}) {precision.name}"


def _finding(part: str, subject: str, name: str, checks: list[Check]) -> Finding:
    bad = next((check for check in checks if not check.passed), None)
    told = bad or max(checks, key=lambda check: check.ratio)
    step = f" in step {told.step}" if told.step else ""
    detail = f"{told.name}{step}" + (f" at {list(told.where)}" if told.where else "")
    unbounded = sum(check.unbounded for check in checks)
    if unbounded:
        detail += f"; {unbounded} elements have no finite bound"
    ulps = max(check.ulps for check in checks)
    return Finding(part, subject, name, bad is None, told.ratio, ulps, detail, unbounded)


def _control(subject: str, name: str, checks: list[Check]) -> Finding:
    caught = next((check for check in checks if not check.passed), None)
    worst = max(checks, key=lambda check: check.ratio)
    detail = "not caught" if caught is None else f"caught at {caught.name} in step {caught.step}"
    passed = worst.ratio >= MARGIN
    if caught is not None and not passed:
        detail += f", but within {MARGIN:g} times the bound"
    return Finding("control", subject, name, passed, worst.ratio, worst.ulps, detail)


def _repetition(
    backend: Backend, precision: Precision, subject: str, name: str, settings: dict[str, Any],
    optimizer: Optimizer, seed: int,
) -> Finding:  # fmt: skip
    """Train twice: all bits have to be the same."""
    train = datasets.load("mnist58")[0].part(slice(0, EXAMPLES))
    order = random.permutation(seed, random.SHUFFLE, 0, EXAMPLES)
    states = []
    for _ in range(2):
        chosen = settings | {"dtype": precision.dtype, "seed": seed}
        trainee = Trainee(*(backend, chosen, train, optimizer, BATCH), precision=precision.products)
        for step in range(STEPS):
            trainee.step(order[step * BATCH : (step + 1) * BATCH])
        states.append(trainee.state())
    differ = sum(int(np.sum(a.view("u1") != b.view("u1"))) for a, b in zip(*states, strict=True))
    detail = f"{differ} bytes differ" if differ else "the same bits"
    return Finding("repetition", subject, name, differ == 0, float(differ > 0), 0.0, detail)


@dataclass(frozen=True)
class FreeRun:
    """Two trainings of the same network that are not brought together: no verdict.

    Attributes:
        growth: For each epoch, the norm of the parameters' difference over their norm.
        accuracy, reference_accuracy: On the test images, at the end.
    """

    subject: str
    growth: list[float]
    accuracy: float
    reference_accuracy: float


def free_run(backend: Backend, precision: Precision, seed: int = 0, epochs: int = 3) -> FreeRun:
    """Train on a device and, in float64, with NumPy; watch the difference grow."""
    train, test = datasets.load("mnist58")
    train = train.part(slice(0, EXAMPLES))
    thetas: list[list[Any]] = []
    accuracies = []
    for where, dtype in ((backend, precision.dtype), (get_backend("cpu"), "float64")):
        network = Network([784, 196, 1], device=where, dtype=dtype, seed=seed)
        # float64 starts from the rounded weights too.
        start = random.normal(seed, random.WEIGHTS, (network.mlp.slices.size,)) / 28
        where.assign(network.mlp.theta, start.astype(np.float32).astype(dtype))
        seen: list[Any] = []

        def keep(epoch: int, logs: Any, network: Network = network, seen: Any = seen) -> None:
            seen.append(network.backend.to_numpy(network.mlp.theta).astype(np.float64))

        fit(network, train, optimizer=SGD(0.1, 0.9), epochs=epochs, batch_size=BATCH,
            callbacks=[keep])  # fmt: skip
        thetas.append(seen)
        accuracies.append(network.evaluate(test)["accuracy"])
    growth = [
        float(np.linalg.norm(a - b) / np.linalg.norm(b)) for a, b in zip(*thetas, strict=True)
    ]
    return FreeRun(subject_name(backend, precision), growth, *accuracies)
