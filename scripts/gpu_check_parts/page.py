"""The report as a page: docs/gpu.md, once it is copied there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Result = dict[str, Any]
MESSAGE_CHARACTERS = 300


def page(report: dict[str, Any]) -> str:
    """Return the page, of whatever parts there are so far."""
    parts: dict[str, Result] = report["parts"]
    lines = [
        "# The latest run on a GPU",
        "",
        f"`{report['command']}`, {report['date']}, commit {report['commit']}, "
        f"{report['seconds']:.0f} s: **{'passed' if report['passed'] else 'FAILED'}**."
        f"{_unfinished(parts)} [What it does](gpu-check.md).",
        "",
        *_machine(parts),
        *_table(("part", "result", "seconds"), _overview(parts)),
        *_left_out(parts),
        *_failures(parts),
        *_smoke(_results(parts, "smoke")),
        *_alone(_results(parts, "alone")),
        *_verify(_results(parts, "verify")),
        *_peers(parts),
        *_missing(report),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _results(parts: dict[str, Result], name: str) -> list[Result]:
    return list(parts.get(name, {}).get("results", ()))


def _unfinished(parts: dict[str, Result]) -> str:
    """Return what is to be said if this page was written before the end."""
    names = [n for n, part in parts.items() if part["status"] in ("running", "interrupted")]
    return f" It did not get further than {', '.join(names)}." if names else ""


def _machine(parts: dict[str, Result]) -> list[str]:
    """Return what it ran on, as far as it could tell."""
    results = [*_results(parts, "versions"), *_results(parts, "smoke")]
    found = {result.get("name"): result for result in results}
    settings = found.get("device", {}).get("settings", {})
    said = [", ".join(f"{key} {value}" for key, value in settings.items())]
    for gpu in found.get("nvidia-smi", {}).get("gpus", ()):
        said.append(", ".join(f"{key} {value}" for key, value in gpu.items()))
    if message := found.get("nvidia-smi", {}).get("message"):
        said.append(f"nvidia-smi: {message}")
    if library := found.get("cuBLASLt", {}).get("file"):
        said.append(f"cuBLASLt {found['cuBLASLt']['version']} ({library})")
    versions = {**found.get("system", {}), **found.get("packages", {})}
    said.append(", ".join(f"{key} {value}" for key, value in versions.items() if key != "name"))
    return [line for text in said if text for line in (f"- {_cell(text)}",)] + [""]


def _overview(parts: dict[str, Result]) -> Iterator[tuple[str, ...]]:
    for name, part in parts.items():
        if part["status"] == "left out":
            continue
        failures = len(part.get("failures", ()))
        said = part["status"] if part["status"] != "failed" else f"FAILED ({failures})"
        if counts := part.get("counts"):
            said += ": " + ", ".join(f"{number} {outcome}" for outcome, number in counts.items())
        yield name, said, f"{part.get('seconds', 0):.1f}"


def _left_out(parts: dict[str, Result]) -> list[str]:
    """Return what did not run, by reason."""
    reasons: dict[str, list[str]] = {}
    for name, part in parts.items():
        if part["status"] == "left out":
            reasons.setdefault(part["why"], []).append(name)
    return [f"- left out ({why}): {', '.join(names)}" for why, names in reasons.items()] + [""]


def _failures(parts: dict[str, Result]) -> list[str]:
    """Return every failure by name, with its message."""
    rows = [
        (name, failure["name"], failure["message"])
        for name, part in parts.items()
        for failure in part.get("failures", ())
    ]
    return ["## Failures", "", *_table(("part", "of", "message"), rows)] if rows else []


def _smoke(results: list[Result]) -> list[str]:
    rows = []
    for r in results:
        if "losses" not in r:
            continue
        losses = ", ".join(_number(loss, 4) for loss in r["losses"])
        nodes = ", ".join(map(str, r["nodes"]))
        rows.append((r["name"], losses, r["launches"], nodes, *_clocks(r)))
    columns = ("precision", "losses", "launches", "nodes of the graphs", *CLOCKS.values())
    title = "Three epochs of 784-196-1, batch 128; microseconds a step of replays:"
    return [title, "", *_table(columns, rows)] if rows else []


CLOCKS = {"device_us": "device us", "host_us": "host us", "wall_us": "in all us"}


def _clocks(result: Result) -> tuple[str, ...]:
    """Return the clocks' figures, or why there is none."""
    why = result.get("events") or result.get("replays") or ""
    return tuple(_number(result.get(key, why), 1) for key in CLOCKS)


def _alone(results: list[Result]) -> list[str]:
    rows = [
        (r["network"], r["precision"], str(r["batch"]), *_clocks(r))
        for r in results
        if "wall_us" in r
    ]
    columns = ("network", "precision", "batch", *CLOCKS.values())
    title = (
        "gpunet alone, microseconds a step: by the device's clock while graphs are replayed, of "
        "the host until they are submitted, and of whole epochs in all:"
    )
    return [title, "", *_table(columns, rows)] if rows else []


def _verify(results: list[Result]) -> list[str]:
    """Return for each subject and part how much passed, and the largest error."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for r in results:
        if "part" in r:
            groups.setdefault((r["subject"], r["part"]), []).append(r)
    rows = []
    for (subject, part), found in groups.items():
        passed = sum("failure" not in r for r in found)
        ratios = [r["ratio"] for r in found if isinstance(r["ratio"], int | float)]
        worst = _number(max(ratios), 3) if ratios and part in ("formulas", "lockstep") else ""
        rows.append((subject, part, f"{passed} of {len(found)}", worst))
    columns = ("verified", "check", "passed", "error / bound")
    return _table(columns, rows) if rows else []


def _peers(parts: dict[str, Result]) -> list[str]:
    """Return each library's time beside gpunet's, where both have one."""
    times: dict[tuple[str, str], float] = {}
    rows = []
    for name, part in parts.items():
        for r in part.get("results", ()) if name.startswith("peers/") else ():
            key = str(r["batch"]), str(r["name"])
            if r["row"].get("ms"):
                times[key] = 1e3 * r["row"]["ms"]["median"]
            rows.append((*key, r.get("failure", "")))
    shown = []
    for batch, peer, failure in rows:
        ours, time = times.get((batch, "gpunet")), times.get((batch, peer))
        ratio = f"{time / ours:.2f}" if time and ours else ""
        shown.append((batch, peer, _number(time, 1) if time else failure, ratio))
    title = "Training steps of 784-196-1, each library by itself; *products* is the limit:"
    columns = ("batch", "library", "us a step", "time by gpunet's")
    return [title, "", *_table(columns, shown)] if shown else []


def _missing(report: dict[str, Any]) -> list[str]:
    rows = list(report.get("missing", {}).items())
    return _table(("not installed", "so"), rows) if rows else []


def _table(columns: tuple[str, ...], rows: Any) -> list[str]:
    lines = [_line(columns), _line(("---",) * len(columns)), *map(_line, rows)]
    return [*lines, ""]


def _line(cells: Any) -> str:
    return "| " + " | ".join(map(_cell, cells)) + " |"


def _cell(value: Any) -> str:
    """Return text that stays within a cell."""
    text = " / ".join(line.strip() for line in str(value).splitlines() if line.strip())
    text = text.replace("|", "\\|").replace("<", "&lt;")
    return text if len(text) <= MESSAGE_CHARACTERS else f"{text[:MESSAGE_CHARACTERS]} ..."


def _number(value: Any, digits: int) -> str:
    return f"{value:.{digits}f}" if isinstance(value, int | float) else str(value)
