"""The whole verification: it names what is broken, and passes what is not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gpunet.backends import Backend, LaunchBackend, get_backend
from gpunet.nn.activations import ACTIVATIONS
from gpunet.nn.losses import LOSSES
from gpunet.optim import SGD, Adam
from gpunet.parity import verify
from gpunet.parity.bounds_backend import PRECISIONS
from gpunet.parity.formulas import OPTIMIZERS, check_formulas
from gpunet.parity.lockstep import CONTROLS, Trainee
from gpunet.parity.verify import Finding, free_run, verify_derivatives, verify_subject

SINGLE, DOUBLE = PRECISIONS["float32"], PRECISIONS["float64"]
ELEMENTWISE = [name for name, a in ACTIVATIONS.items() if a.elementwise]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer steps of smaller networks."""
    monkeypatch.setattr(verify, "STEPS", 2)
    monkeypatch.setattr(verify, "EXAMPLES", 128)
    networks = {
        "small": ({"sizes": [784, 8, 1]}, SGD(0.1, momentum=0.9)),
        "deep": ({"sizes": [784, 8, 5, 1], "hidden": ["relu", "gelu"], "dropout": 0.2}, Adam()),
    }
    monkeypatch.setattr(verify, "NETWORKS", networks)


def failed(findings: Any) -> list[str]:
    return [finding.name for finding in findings if not finding.passed]


def scaled(formula: Callable[..., Any], factor: float) -> Callable[..., Any]:
    return lambda xp, *arguments: factor * formula(xp, *arguments)


def test_the_derivatives_are_right() -> None:
    findings = list(verify_derivatives())
    assert failed(findings) == []
    names = [finding.name.split(" of ")[0] for finding in findings]
    assert names == ELEMENTWISE + list(LOSSES)
    # The check has something to see: relu and its like have not all their neurons off.
    assert all("0, by differences 0" not in finding.detail for finding in findings)


@pytest.mark.parametrize("factor", [1.001, -1.0])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_a_wrong_derivative_of_an_activation_is_named(
    name: str, factor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = ACTIVATIONS[name]
    monkeypatch.setitem(
        ACTIVATIONS, name, replace(right, g_prime=scaled(right.g_prime, factor))
    )  # fmt: skip
    found = failed(verify_derivatives())
    assert name in found
    # tanh is in the networks that check the losses; of the others nothing else fails.
    if name not in ("tanh", "identity"):
        assert found == [name]


@pytest.mark.parametrize("name", LOSSES)
def test_a_wrong_gradient_of_a_loss_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = LOSSES[name]
    part = "dZ" if right.dZ else "dA"
    broken = replace(right, **{part: scaled(getattr(right, part), 0.999)})
    monkeypatch.setitem(LOSSES, name, broken)
    found = {finding.split(" of ")[0] for finding in failed(verify_derivatives())}
    # All activations are checked under the squared error.
    assert found == ({name, *ELEMENTWISE} if name == "squared_error" else {name})


def test_every_part_passes_and_all_formulas_are_there(small: None, backend: Backend) -> None:
    findings = list(verify_subject(backend, SINGLE))
    assert failed(findings) == []
    assert {finding.subject for finding in findings} == {verify.subject_name(backend, SINGLE)}
    names = {part: [f.name for f in findings if f.part == part] for part in
             ("formulas", "lockstep", "repetition", "control")}  # fmt: skip
    assert sum(map(len, names.values())) == len(findings)
    assert names["lockstep"] == names["repetition"] == ["small", "deep"]
    assert names["control"] == list(CONTROLS)
    formulas = {"matmul", "sum down", "sum along", "take", *ACTIVATIONS, *OPTIMIZERS}
    formulas |= {f"{name} slope" for name in ELEMENTWISE}
    assert set(names["formulas"]) >= formulas
    assert {name.split(" of ")[0] for name in names["formulas"] if " of " in name} == set(LOSSES)


def test_a_sabotage_without_effect_fails_as_a_control(
    small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A control that is not caught says that the checks see too little."""

    def nothing(subject: Trainee) -> None:
        pass

    monkeypatch.setattr(verify, "CONTROLS", {"nothing": nothing})
    bad = [f for f in verify_subject(get_backend("cpu"), SINGLE) if not f.passed]
    assert [(f.part, f.name, f.detail) for f in bad] == [("control", "nothing", "not caught")]


def test_a_control_that_is_caught_by_a_hair_fails(
    small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "MARGIN", 1e9)
    controls = [f for f in verify_subject(get_backend("cpu"), SINGLE) if f.part == "control"]
    assert failed(controls) == list(CONTROLS)
    assert all("caught at" in f.detail and "within 1e+09 times" in f.detail for f in controls)


class Careless(type(get_backend("cpu"))):
    """NumPy with one verb that is not what it should be."""

    # What it does to results is no call of NumPy, so nothing can be written on a tape.
    pieces, parallel, bind = LaunchBackend.pieces, LaunchBackend.parallel, Backend.bind

    def __init__(self, wrong: str) -> None:
        super().__init__()
        self.wrong, self.random = wrong, np.random.default_rng(0)

    def matmul(self, A: Any, B: Any, out: Any, add: bool = False, tf32: bool = False) -> None:
        super().matmul(A, B, out, add, tf32)
        if self.wrong == "matmul":
            out *= 1 + 2.0**-12
        elif self.wrong == "repetition":  # right, but never the same twice
            towards = out.dtype.type(self.random.choice([-1e9, 1e9]))
            np.nextafter(out, towards, out=out, where=out != 0)

    def sum(self, x: Any, axis: int, out: Any) -> None:
        super().sum(x, axis, out)
        if self.wrong == "sum":
            out -= x[0, 0] if axis == 0 else 0

    def take(self, X: Any, rows: Any, scale: float, out: Any) -> None:
        super().take(X, rows, scale, out)
        if self.wrong == "take":
            out += 2.0**-20

    def kernel(self, formula: Any) -> Any:
        run = super().kernel(formula)

        def coarse(*arguments: Any, out: Any) -> None:
            run(*arguments, out=out)
            for x in out if isinstance(out, tuple) else (out,):
                if x.dtype.kind == "f":
                    x[...] = x.astype(np.float16)

        return coarse if self.wrong == "kernel" else run


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        ("matmul", {"matmul", "sum down"}),  # which is a product with ones
        ("sum", {"sum down"}),
        ("take", {"take"}),
        ("kernel", {"tanh", "gelu slope", "softmax", "SGD"}),
    ],
)
def test_a_wrong_verb_is_named(wrong: str, names: set[str]) -> None:
    found = {check.name for check in check_formulas(Careless(wrong), SINGLE) if not check.passed}
    # What is made of several verbs fails with each of them.
    alone = {name for name in found if " outputs: " not in name and " output: " not in name}
    assert alone == names if wrong != "kernel" else alone > names
    assert (found > alone) == (wrong != "take")


def test_bits_that_differ_from_run_to_run_are_found(small: None) -> None:
    """Within the bounds, and still nothing that a bug could be hunted with."""
    bad = [f for f in verify_subject(Careless("repetition"), SINGLE) if not f.passed]
    assert {f.part for f in bad} == {"repetition"}
    assert all("bytes differ" in f.detail for f in bad)


def test_running_free_drifts_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "EXAMPLES", 512)
    run = free_run(get_backend("cpu"), SINGLE, epochs=2)
    assert len(run.growth) == 2
    # A unit roundoff is 6e-8; two epochs of 8 steps make a few of them.
    assert all(0 < growth < 1e-4 for growth in run.growth)
    assert run.accuracy == pytest.approx(run.reference_accuracy, abs=0.005)
    same = free_run(get_backend("cpu"), DOUBLE, epochs=1)
    assert same.growth == [0.0]
    assert same.accuracy == same.reference_accuracy


@pytest.mark.parametrize("number", [np.inf, np.nan])
def test_a_finding_is_json_whatever_the_numbers(number: float) -> None:
    finding = Finding("lockstep", "cpu", "small", False, number, number, "W1").to_dict()
    assert finding["ratio"] is None
    assert finding["ulps"] is None
