"""Charts as SVG inside a page: lines, bands, bars and a threshold, with their names beside them. Pure geometry."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from dlq_review.console.charts import Chart, Series
from dlq_review.web.formats import lasts, number, percent

WIDTH, HEIGHT = 640.0, 220.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 520.0, 12.0, 192.0
_LINE = 15.0
_TICKS = 4


@dataclass(frozen=True, slots=True)
class Path:
    """A line through points, or a dot where only one is known between gaps; `name` stands at `label_y`."""

    name: str
    colour: str
    parts: list[str]
    dots: list[tuple[float, float]]
    label_y: float | None


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar, and what it says when it is pointed at."""

    x: float
    y: float
    width: float
    height: float
    colour: str
    says: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A chart laid out: all places are in the units of the drawing."""

    chart: Chart
    paths: list[Path]
    bars: list[Bar]
    band: str
    limit_y: float | None
    limit_words_y: float
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]


def plot_of(chart: Chart) -> Plot:
    """Return a chart laid out in a drawing of 640 by 220."""
    shown = [one for one in chart.series if one.shown]
    scale = _Scale(chart, _bounds(chart))
    labels = dict(_labels(shown, scale))
    paths = [] if chart.bars else [_path(one, scale, labels.get(one.name)) for one in shown]
    return Plot(
        chart=chart,
        paths=paths,
        bars=list(_bars(shown, scale)) if chart.bars else [],
        band=_band(chart, scale),
        limit_y=scale.y(chart.limit[0]) if chart.limit else None,
        limit_words_y=_limit_words(chart, shown, scale),
        x_ticks=[(scale.x(place), _x_words(chart, place)) for place in range(0, len(chart.x), max(1, math.ceil(len(chart.x) / 8)))],
        y_ticks=[(scale.y(value), _y_words(value, chart.unit)) for value in _ticks(*scale.bounds)],
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    chart: Chart
    bounds: tuple[float, float]

    def x(self, place: float) -> float:
        count = len(self.chart.x)
        step = (_RIGHT - _LEFT) / (count if self.chart.bars else max(1, count - 1))
        return _LEFT + step * (place + (0.5 if self.chart.bars else 0))

    def y(self, value: float) -> float:
        low, high = self.bounds
        return _BOTTOM - (min(max(value, low), high) - low) / (high - low) * (_BOTTOM - _TOP)


def _bounds(chart: Chart) -> tuple[float, float]:
    values = [value for one in chart.series if one.unit in {None, chart.unit} for value in one.values if value is not None]
    low = min([chart.bottom, *values]) if chart.bottom else 0.0
    high = max(
        [chart.top or 0.0, chart.limit[0] * 1.1 if chart.limit else 0.0, *(value * (1 if chart.top else 1.1) for value in values)]
    )
    if chart.unit == "share":
        high = min(high, 1.0)
    return low, high if high > low else low + 1.0


def _ticks(low: float, high: float) -> Iterator[float]:
    size = (high - low) / _TICKS
    power = 10 ** math.floor(math.log10(size))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= size)
    value = math.ceil(low / step) * step
    while value <= high + step * 1e-9:
        yield round(value, 10)
        value += step


def _path(series: Series, scale: _Scale, label_y: float | None) -> Path:
    parts: list[str] = []
    dots: list[tuple[float, float]] = []
    run: list[tuple[float, float]] = []
    for place, value in enumerate([*series.values, None]):
        if value is not None:
            run.append((scale.x(place), scale.y(value)))
            continue
        if len(run) == 1:
            dots += run
        elif run:
            parts.append(" ".join(f"{x:.1f},{y:.1f}" for x, y in run))
        run = []
    return Path(series.name, series.colour, parts, dots, label_y)


def _labels(shown: Sequence[Series], scale: _Scale) -> Iterator[tuple[str, float]]:
    ends = sorted((scale.y(last), one.name) for one in shown if (last := _last(one)) is not None)
    free = _TOP
    placed: list[tuple[str, float]] = []
    for y, name in ends:
        free = max(y, free)
        placed.append((name, free))
        free += _LINE
    most = _BOTTOM
    for name, y in reversed(placed):
        most = min(y, most)
        yield name, most
        most -= _LINE


def _last(series: Series) -> float | None:
    return next((value for value in reversed(series.values) if value is not None), None)


def _band(chart: Chart, scale: _Scale) -> str:
    if not chart.band:
        return ""
    low, high = (chart.series[place].values for place in chart.band)
    known = [place for place in range(len(chart.x)) if low[place] is not None and high[place] is not None]
    up = [(scale.x(place), scale.y(high[place] or 0.0)) for place in known]
    down = [(scale.x(place), scale.y(low[place] or 0.0)) for place in reversed(known)]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in (*up, *down))


def _limit_words(chart: Chart, shown: Sequence[Series], scale: _Scale) -> float:
    # On the side of the line on which the values are not.
    if chart.limit is None:
        return 0.0
    first = next((value for one in shown for value in one.values if value is not None), 0.0)
    return scale.y(chart.limit[0]) + (14 if first >= chart.limit[0] else -5)


def _bars(shown: Sequence[Series], scale: _Scale) -> Iterator[Bar]:
    """Yield bars that stand upon each other, the first series at the bottom."""
    width = (_RIGHT - _LEFT) / max(1, len(scale.chart.x)) * 0.7
    for place in range(len(scale.chart.x)):
        below = 0.0
        for one in shown:
            value = one.values[place] or 0.0
            top, base = scale.y(below + value), scale.y(below)
            says = f"{_x_words(scale.chart, place)}: {one.name} {_y_words(value, scale.chart.unit)}"
            yield Bar(scale.x(place) - width / 2, top, width, base - top, one.colour, says)
            below += value


def _x_words(chart: Chart, place: int) -> str:
    at = chart.x[place]
    if isinstance(at, datetime):
        return f"{at:%d %b}" if chart.days else f"{at:%d %b %H:%M}"
    return number(at, 2)


def _y_words(value: float, unit: str) -> str:
    if unit == "share":
        return percent(value)
    if unit == "s":
        return "0" if value == 0 else lasts(value)
    return f"{value:,.10g}"
