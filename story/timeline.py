"""What happened on which day, as lines and as a plot."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

_WIDEST = 56


@dataclass(frozen=True, slots=True)
class DayRow:
    """One day: decisions, how often they were right (in [0, 1], nan without any), by the champion and by the canary."""

    day: int
    decided: int
    right: float
    by_canary: int
    canary_right: float
    champion: str


@dataclass
class Timeline:
    """Days and events; `say` prints each as it comes."""

    say: Callable[[str], object]
    days: list[DayRow] = field(default_factory=list)
    events: list[tuple[int, str]] = field(default_factory=list)

    def happened(self, day: int, what: str) -> None:
        """Note an event."""
        self.events.append((day, what))
        self.say(f"day {day:3}  {what}\n")

    def passed(self, row: DayRow) -> None:
        """Note a day."""
        self.days.append(row)
        canary = f", the canary {row.canary_right:.0%} of {row.by_canary}" if row.by_canary else ""
        self.say(f"day {row.day:3}    {row.right:6.1%} of {row.decided} right ({row.champion}){canary}\n")

    def write(self, folder: Path) -> Path:
        """Write the report and, with the extra [plots], its plot; returns the report's path."""
        folder.mkdir(parents=True, exist_ok=True)
        plot = _draw(self, folder / "accuracy.png") if self.days else None
        lines = ["# From drift to roll-back", "", *([f"![accuracy by day]({plot.name})", ""] if plot else [])]
        lines += ["| day | decided | right | champion | canary decided | right |", "| --- | --- | --- | --- | --- | --- |"]
        lines += [
            f"| {one.day} | {one.decided} | {one.right:.1%} | {one.champion} | {one.by_canary or ''} |"
            f" {f'{one.canary_right:.1%}' if one.by_canary else ''} |"
            for one in self.days
        ]
        lines += ["", "| day | what happened |", "| --- | --- |", *(f"| {day} | {what} |" for day, what in self.events), ""]
        path = folder / "story.md"
        path.write_text("\n".join(lines), "utf-8")
        return path


def _draw(timeline: Timeline, path: Path) -> Path | None:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return None
    figure = Figure(figsize=(13, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    days = [one.day for one in timeline.days]
    axes.plot(days, [one.right for one in timeline.days], "-o", color="#1f5fa8", label="the fleet")
    canary = [(one.day, one.canary_right) for one in timeline.days if one.by_canary and not math.isnan(one.canary_right)]
    if canary:
        axes.plot(*zip(*canary, strict=True), "s", color="#d9831f", label="what the canary decided")
    axes.axhline(0.85, color="#999999", linestyle=":", label="baseline")
    days_of_events = sorted({day for day, _ in timeline.events})
    for number, day in enumerate(days_of_events, 1):
        axes.axvline(day, color="#dddddd", linewidth=0.8, zorder=0)
        axes.text(day, 0.02, str(number), fontsize=8, ha="center", color="#444444", backgroundcolor="white")
    said = [f"{number}  {_short(timeline, day)}" for number, day in enumerate(days_of_events, 1)]
    axes.text(1.02, 0.98, "\n".join(said), fontsize=7.5, color="#444444", va="top", transform=axes.transAxes, linespacing=1.5)
    axes.set(xlabel="day", ylabel="right", ylim=(0, 1.03), xlim=(min(days) - 0.5, max(days) + 0.5))
    axes.legend(loc="lower left", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)
    return path


def _short(timeline: Timeline, day: int) -> str:
    parts = [what.partition(" (")[0] for on, what in timeline.events if on == day]
    return ("\n" + " " * 4).join(part if len(part) <= _WIDEST else f"{part[: _WIDEST - 3]}..." for part in parts)
