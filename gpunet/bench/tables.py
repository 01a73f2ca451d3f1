"""A report as tables of text: for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gpunet.bench.measure import MEASURED
from gpunet.bench.registry import PRODUCTS

# The load average, as a share of the cores, from which a machine counts as busy.
BUSY = 0.5


@dataclass
class Table:
    """A title, the columns' names, the cells, and sentences that belong below."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: list[str] = field(default_factory=list)


def tables(report: dict[str, Any]) -> Iterator[Table]:
    """Yield the tables of all parts of a report."""
    for workload in report["workloads"]:
        yield workload_table(workload)
    if report["to_accuracy"]:
        yield accuracy_table(report["to_accuracy"], report["settings"]["to_accuracy"])
    for varied in dict.fromkeys(row["varied"] for row in report["scaling"]):
        yield scaling_table(varied, [row for row in report["scaling"] if row["varied"] == varied])


def workload_table(workload: dict[str, Any]) -> Table:
    """Return the libraries of one workload, side by side."""
    title = (
        f"{workload['network']}, batch {workload['batch']}: {workload['examples']:,} examples, "
        f"{workload['steps_per_epoch']} step{'s' * (workload['steps_per_epoch'] > 1)} an epoch"
    )
    columns = ("library", "ms / step", "quartiles", "x gpunet", "quartiles", "of limit", "MB")
    rows: list[tuple[str, ...]] = []
    notes: list[str] = []
    for row in (*workload["rows"], workload["products"]):
        name = row["peer"]
        if row["status"] != MEASURED:
            notes.append(f"{name}: {row['status']}: {row['message']}".replace("\n", " "))
            continue
        limit = row["of_limit"]
        rows.append(
            (
                name + (f" on {row['device']}" if row["device"] != "cpu" else ""),
                *_spread(row["ms"]),
                *_spread(row["ratio"]),
                f"{limit['median']:.0%}" if limit and row["peer"] != PRODUCTS else "",
                _memory(row),
            )
        )
    if workload["products"]["gflops_per_s"]:
        notes.insert(0, f"the products: {workload['products']['gflops_per_s']:.0f} GFLOP/s")
    return Table(title, columns, rows, notes)


def accuracy_table(rows: list[dict[str, Any]], target: float) -> Table:
    """Return the times to the test accuracy."""
    table = Table(
        f"784-196-1, batch 32: from starting Python to a test accuracy of {target:.1%}",
        ("library", "s", "quartiles", "epochs", "accuracy"),
        [],
    )
    for row in rows:
        name = row["peer"]
        if row["status"] == MEASURED:
            figures = (*_spread(row["seconds"]), str(row["epochs"]), f"{row['accuracy']:.4f}")
            table.rows.append((name, *figures))
        else:
            table.notes.append(f"{name}: {row['status']}: {row['message']}")
    return table


def scaling_table(varied: str, rows: list[dict[str, Any]]) -> Table:
    """Return gpunet's times while one thing is varied."""
    columns = ("network", "batch", "examples", "ms / step", "quartiles", "ms / epoch", "MB")
    table = Table(f"gpunet alone, {varied} varied", columns, [])
    for row in rows:
        setting = (row["network"], str(row["batch"]), f"{row['examples']:,}")
        if row["status"] == MEASURED:
            epoch = figure(row["epoch_ms"]["median"])
            table.rows.append((*setting, *_spread(row["ms"]), epoch, _memory(row)))
        else:
            table.notes.append(f"{', '.join(setting)}: {row['status']}: {row['message']}")
    return table


def figure(value: float) -> str:
    """Return a number with three digits that mean something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _spread(found: dict[str, float] | None) -> tuple[str, str]:
    if not found:
        return "", ""
    return figure(found["median"]), f"{figure(found['q1'])}–{figure(found['q3'])}"


def _memory(row: dict[str, Any]) -> str:
    host = f"{row['peak_mb']:.0f}" if row["peak_mb"] else ""
    return host + (f" + {row['device_mb']:.0f} on the GPU" if row.get("device_mb") else "")


def settings_line(report: dict[str, Any]) -> str:
    """Return in a sentence what the figures were measured on and how."""
    machine = report["machine"]
    bandwidth = report["copy_gb_per_s"]
    copying = f", copying {bandwidth:.1f} GB/s" if bandwidth else ""
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {report['device']}{copying}; Python "
        f"{machine['python']}, {versions}; {report['date']}, commit "
        f"{report['commit'] or 'unknown'}.{_busy(machine)}{_method(report)}"
    )


def _method(report: dict[str, Any]) -> str:
    """Return how the parts that there are were measured."""
    settings, said = report["settings"], ""
    if report["workloads"] or report["scaling"]:
        said += (
            f" Medians and quartiles of {settings['rounds']} rounds of about "
            f"{settings['seconds']:g} s. MB: the most memory that the process held."
        )
    if report["workloads"]:
        said += (
            " The libraries take turns, each in a process of its own. x gpunet: time by gpunet's "
            "time of the same round. Of limit: time of the matrix products alone, by NumPy or "
            "CuPy, by time of the step."
        )
    return said


def _busy(machine: dict[str, Any]) -> str:
    """Return a warning if other programs were running when the benchmark began."""
    load, cores = machine["load"], machine["cores"]
    if load is None or load < BUSY * cores:
        return ""
    return (
        f" THE MACHINE WAS BUSY (load {load:.1f} on {cores} cores): threads that wait for each "
        "other then wait for the scheduler too, which can make a step tens of times slower."
    )


def markdown(report: dict[str, Any]) -> str:
    """Return the whole report as Markdown."""
    lines = [settings_line(report), ""]
    for table in tables(report):
        lines += [f"**{table.title}**", ""]
        lines += [_line(table.columns), _line(["---"] * len(table.columns))]
        lines += [*map(_line, table.rows), ""]
        lines += [line for note in table.notes for line in (f"- {note}",)]
        lines += [""] if table.notes else []
    return "\n".join(lines).rstrip() + "\n"


def _line(cells: Any) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
