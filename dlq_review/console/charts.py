"""Charts as data: what a page draws, writes as a table and sends as JSON is one and the same. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Value = float | None


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart: a value for each place of its axis, None where nothing is known.

    `colour` is a category or a part that a line plays (accent, dim, bad); `shown` False keeps it in the table alone.
    """

    name: str
    values: Sequence[Value]
    colour: str = "accent"
    unit: str | None = None
    shown: bool = True

    def plain(self, unit: str) -> dict[str, Any]:
        """Return it as JSON has it; `unit` is the chart's."""
        unit = unit if self.unit is None else self.unit
        return {"name": self.name, "colour": self.colour, "unit": unit, "shown": self.shown, "values": _round(self.values)}


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart over time (`x` are moments) or over a number (`x` are numbers, called `axis`).

    `unit` is of the values: "share" for numbers in [0, 1]. `limit` is a threshold and its name, `band` the places of the series
    between which an interval lies. `bars` begin at zero; `top` is how high the axis reaches at least.
    """

    name: str
    title: str
    unit: str
    x: Sequence[datetime] | Sequence[float]
    series: Sequence[Series]
    axis: str = ""
    limit: tuple[float, str] | None = None
    band: tuple[int, int] | None = None
    bars: bool = False
    top: float | None = None
    bottom: float = 0.0
    note: str = ""
    empty: str = "Nothing was counted in this time."
    days: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(value is not None for one in self.series if one.shown for value in one.values)

    def rows(self, most: int) -> list[tuple[datetime | float, list[tuple[Value, str]]]]:
        """Return the last places with their values and units, the latest first where the axis is time; for a table."""
        order = range(len(self.x))
        places = order if self.axis else list(reversed(order))
        return [
            (self.x[place], [(one.values[place], self.unit if one.unit is None else one.unit) for one in self.series])
            for place in places[:most]
        ]

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it: times as seconds since 1970."""
        x = [one.timestamp() if isinstance(one, datetime) else one for one in self.x]
        series = [one.plain(self.unit) for one in self.series]
        more = {name: getattr(self, name) for name in ("title", "unit", "axis", "bars", "top", "bottom", "empty", "days")}
        limit = {"at": self.limit[0], "name": self.limit[1]} if self.limit else None
        return more | {"x": x, "series": series, "limit": limit, "band": self.band}


def _round(values: Sequence[Value]) -> list[Value]:
    # Five figures are more than any eye sees.
    return [None if value is None or value != value else float(f"{value:.5g}") for value in values]  # noqa: PLR0124 - NaN


@dataclass(frozen=True, slots=True)
class Told:
    """What a page of figures says: figures by name, as people read them, charts by name, and rows of tables by name."""

    figures: dict[str, str] = field(default_factory=dict)
    charts: dict[str, Chart] = field(default_factory=dict)
    tables: dict[str, list[list[str]]] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "figures": self.figures,
            "charts": {name: chart.plain() for name, chart in self.charts.items()},
            "tables": self.tables,
        }
