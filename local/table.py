"""The demo's live table."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from local.figures import Figures

_ORDER = ("plastic", "paper", "glass", "metal", "organic")


def show(figures: Figures | None, events: int, note: str) -> RenderableType:
    """Return the table of a run so far."""
    if figures is None:
        return Text(note)
    table = Table(title=f"waste fleet: {figures.outcomes} of {events} events decided", title_justify="left", show_header=False)
    table.add_column(justify="left")
    table.add_column(justify="right")
    accuracy = "-" if figures.accuracy is None else f"{figures.accuracy:.1%}"
    for name, value in (
        ("accepted", f"{figures.accepted}"),
        ("classified", f"{figures.prediction}"),
        ("in review", f"{figures.review}"),
        ("failed", f"{figures.failure}"),
        ("latency p50 / p95", f"{figures.p50_ms:,.0f} / {figures.p95_ms:,.0f} ms"),
        ("events/s", f"{figures.events_per_s:.1f}"),
        ("accuracy of the classified", accuracy),
        *((category, f"{figures.by_category.get(category, 0)}") for category in _ORDER),
    ):
        table.add_row(name, value)
    return Group(table, Text(note)) if note else table
