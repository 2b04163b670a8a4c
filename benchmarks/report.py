"""The benchmarks' table, numbers and plots."""

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt


def write_report(results: dict[str, Any], folder: Path) -> None:
    """Write results.json, results.md and the plots into `folder`."""
    (folder / "results.json").write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    (folder / "results.md").write_text("\n".join(_lines(results)) + "\n", "utf-8")
    _plot_drain(results["drain"], folder / "drain.png")
    if "latency" in results:
        _plot_latency(results, folder / "latency.png")


def _lines(results: dict[str, Any]) -> list[str]:
    machine = results["machine"]
    lines = [
        (
            f"{machine['cores']} cores, {machine['processor']}, Python {machine['python']}, {machine['pictures']} pictures,"
            f" medians of {machine['rounds']} rounds (lowest to highest), commit {machine['commit']}, {machine['day']}"
        ),
        "",
    ]
    lines += ["| events/s | limit | ours | naive | ours of limit | naive of limit | ours of naive |", "| --- " * 7 + "|"]
    for name, one in results["drain"].items():
        cells = [_number(one.get(key)) for key in ("limit", "ours", "naive")]
        shares = [_ratio(one, *pair) for pair in (("ours", "limit"), ("naive", "limit"), ("ours", "naive"))]
        lines.append(f"| {name} | " + " | ".join(cells + shares) + " |")
    lines += ["", *map(_accuracy_line, results["accuracy"].items())]
    if "latency" in results:
        lines += _single_lines(results)
    return lines + _gateway_lines(results.get("gateway", []), results.get("gateway_of"))


def _ratio(one: dict[str, Any], first: str, second: str) -> str:
    if f"{first}_of_{second}" not in one:
        return "-"
    ratios = [rates[first] / rates[second] for rates in one["rounds"]]
    return f"{one[f'{first}_of_{second}']:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def _accuracy_line(one: tuple[str, dict[str, float]]) -> str:
    name, found = one
    return f"- {name}: {found['right']:.1%} of rendered pictures right, {found['as_the_first']:.1%} as the first model says"


def _single_lines(results: dict[str, Any]) -> list[str]:
    bare = results["bare_ms"]
    lines = ["", f"fetch, decode and inference of one event alone: {bare:.1f} ms", ""]
    lines += ["| events/s | p50 ms | p95 ms | p99 ms | p50 of bare | p99 of bare |", "| --- " * 6 + "|"]
    for one in results["latency"]:
        times = " | ".join(f"{one[key]:.1f}" for key in ("p50_ms", "p95_ms", "p99_ms"))
        lines.append(f"| {one['rate']:.0f} | {times} | {one['p50_ms'] / bare:.1f} | {one['p99_ms'] / bare:.1f} |")
    lines += ["", f"- enqueue: {results['enqueue_per_s']:,.0f} signed events/s from one process"]
    lines.append(
        f"- waiting: {results['edge_bytes']:.0f} bytes an event on the edge queue, {results['work_bytes']:.0f} on the work queue"
    )
    lines.append(f"- a worker is ready {results['ready_s']} s after its start; memory: {_pairs(results['rss_mb'], ' MB')}")
    lines.append(f"- CPU per event: {_pairs(results['cpu_ms_per_event'], ' ms')}")
    lines.append(f"- time per event by stage at the lowest rate: {_pairs(results['stages_ms'], ' ms')}")
    lines.append(f"- drain rate by events queued: {_pairs(results['backlog'], '/s')}")
    return lines


def _gateway_lines(loads: list[dict[str, Any]], of: dict[str, str] | None = None) -> list[str]:
    # Measured by itself, it may be of another commit than the rest.
    when = f" ({of['commit']}, {of['day']})" if of else ""
    lines = ["", f"| gateway on one core{when} | events/s | p50 ms | p99 ms | not accepted |", "| --- " * 5 + "|"]
    for load in loads:
        times = " | ".join(f"{load[name]:.1f}" for name in ("p50_ms", "p99_ms"))
        lines.append(f"| {load['name']} | {load['events_per_s']:,.0f} | {times} | {load['refused']} |")
    return lines if loads else []


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _pairs(values: dict[str, Any], unit: str) -> str:
    return ", ".join(f"{name} {value}{unit}" for name, value in values.items())


def _plot_drain(drain: dict[str, Any], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
    for offset, (key, colour) in enumerate((("limit", "#bbbbbb"), ("ours", "#2b6cb0"), ("naive", "#c05621"))):
        heights = [one.get(key) or 0 for one in drain.values()]
        bars = axes.bar([place + offset * 0.27 for place in range(len(drain))], heights, 0.25, label=key, color=colour)
        axes.bar_label(bars, [f"{height:.0f}" if height else "" for height in heights], fontsize=8)
    axes.set_xticks([place + 0.27 for place in range(len(drain))], list(drain))
    axes.set_ylabel("events/s")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _plot_latency(results: dict[str, Any], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
    rates = [one["rate"] for one in results["latency"]]
    for key in ("p50_ms", "p95_ms", "p99_ms"):
        axes.plot(rates, [one[key] for one in results["latency"]], marker="o", label=key.removesuffix("_ms"))
    axes.axhline(results["bare_ms"], color="#999999", linestyle=":", label="bare")
    axes.set(xlabel="events/s", ylabel="capture to outcome, ms", ylim=(0, None))
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)
    plt.close(figure)
