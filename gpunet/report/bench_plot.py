"""The picture of a benchmark: milliseconds a step, by library and batch size."""

from __future__ import annotations

from typing import Any

from gpunet.report.plots import Path, _figure, _write

# Okabe and Ito's colours, which can be told apart by those who see fewer of them.
COLOURS = ("#0072b2", "#e69f00", "#d55e00", "#cc79a7", "#009e73", "#56b4e9", "#999933", "#777777")
GROUP = 0.86  # of the distance between two groups is filled with bars


def side_by_side(report: dict[str, Any], path: Path) -> None:
    """Draw a panel for each network: bars of ms a step grouped by batch size, less is better.

    Whiskers are quartiles; a black line across a group is the time of the products alone.
    """
    networks = list(dict.fromkeys(workload["network"] for workload in report["workloads"]))
    names = _measured(report["workloads"])
    colours = dict(zip(names, COLOURS, strict=False))
    widest = max(1, len({workload["batch"] for workload in report["workloads"]}))
    figure = _figure(2.5 + max(1.2, 0.42 * len(names)) * widest, 0.9 + 3.6 * len(networks))
    panels = figure.subplots(len(networks), 1, squeeze=False)[:, 0]
    for axes, network in zip(panels, networks, strict=True):
        _panel(axes, [w for w in report["workloads"] if w["network"] == network], colours)
        axes.set_title(network)
    machine = report["machine"]
    figure.suptitle(
        f"ms per training step (less is better), {machine['cpu']}, {machine['cores']} cores, "
        f"{report['device']}",
        fontsize=9,
        wrap=True,
    )
    handles: dict[str, Any] = {}
    for axes in panels:
        handles |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=5, fontsize=9)
    _write(figure, path)


def _measured(workloads: list[dict[str, Any]]) -> list[str]:
    rows = [row for workload in workloads for row in workload["rows"]]
    return list(dict.fromkeys(row["peer"] for row in rows if row["ms"]))


def _panel(axes: Any, workloads: list[dict[str, Any]], colours: dict[str, str]) -> None:
    """Draw one network's groups. The axis is logarithmic: steps of 32 and of all examples."""
    lowest, highest = [], []
    for group, workload in enumerate(workloads):
        rows = [row for row in workload["rows"] if row["ms"]]
        width = GROUP / max(1, len(rows))
        for k, row in enumerate(rows):
            ms = row["ms"]
            x = group + (k - (len(rows) - 1) / 2) * width
            whisker = [[ms["median"] - ms["q1"]], [ms["q3"] - ms["median"]]]
            bar = axes.bar(
                x, ms["median"], 0.9 * width, color=colours[row["peer"]], yerr=whisker,
                error_kw={"elinewidth": 0.8, "ecolor": "#333333"},
                label=row["peer"],
            )  # fmt: skip
            axes.bar_label(bar, [_label(ms["median"])], fontsize=7, padding=2)
            lowest.append(ms["q1"])
            highest.append(ms["q3"])
        limit = workload["products"]["ms"]
        if limit:
            ends = (group - GROUP / 2, group + GROUP / 2)
            label = "matrix products alone"
            axes.plot(ends, [limit["median"]] * 2, color="black", linewidth=1.2, label=label)
            lowest.append(limit["median"])
    axes.set_yscale("log")
    if lowest:
        axes.set_ylim(min(lowest) / 2, 2 * max(highest or lowest))  # room for the figures
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xticks(range(len(workloads)), [f"batch {w['batch']}" for w in workloads])
    axes.set_ylabel("ms per step")
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)


def _label(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}"
