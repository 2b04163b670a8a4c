"""Panels of Grafana, as few kinds as the dashboards need; their JSON is Grafana's schema of dashboards (schemaVersion 39)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PROMETHEUS = {"type": "prometheus", "uid": "prometheus"}
POSTGRES = {"type": "grafana-postgresql-datasource", "uid": "ledger"}
COLOURS = {"plastic": "#e3b341", "paper": "#79b8ff", "glass": "#56d364", "metal": "#b1bac4", "organic": "#f2a3c7"}
"""Of the categories, as on the desk's pages in the dark."""
_WIDTH = 24


@dataclass(frozen=True)
class Panel:
    """A panel: `queries` by their legend; `lines` are thresholds by colour; `note` says what one sees and what to do."""

    title: str
    queries: Mapping[str, str]
    unit: str = "short"
    kind: str = "timeseries"
    note: str = ""
    width: int = 8
    height: int = 8
    lines: Sequence[tuple[float, str]] = ()
    source: Mapping[str, str] = field(default_factory=lambda: PROMETHEUS)
    most: float | None = None
    least: float | None = 0

    def as_json(self, number: int, x: int, y: int) -> dict[str, Any]:
        """Return the panel at a place of the grid."""
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.note,
            "datasource": dict(self.source),
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": list(self._targets()),
            "fieldConfig": {"defaults": self._defaults(), "overrides": list(self._overrides())},
            "options": self._options(),
        }

    def _targets(self) -> Iterator[dict[str, Any]]:
        for place, (legend, query) in enumerate(self.queries.items()):
            common = {"refId": chr(ord("A") + place), "datasource": dict(self.source)}
            if self.source is POSTGRES:
                shape = "time_series" if self.kind == "timeseries" else "table"
                yield common | {"format": shape, "rawQuery": True, "rawSql": query}
            else:
                yield common | {
                    "expr": query,
                    "legendFormat": legend,
                    "instant": self.kind in {"stat", "table"},
                    "range": self.kind == "timeseries",
                }

    def _defaults(self) -> dict[str, Any]:
        steps: list[dict[str, Any]] = [
            {"color": "text", "value": None},
            *({"color": colour, "value": at} for at, colour in self.lines),
        ]
        made: dict[str, Any] = {"unit": self.unit, "thresholds": {"mode": "absolute", "steps": steps}}
        made |= {name: value for name, value in (("min", self.least), ("max", self.most)) if value is not None}
        if self.kind == "timeseries":
            made["custom"] = {
                "lineWidth": 2,
                "fillOpacity": 0,
                "spanNulls": False,
                "thresholdsStyle": {"mode": "line" if self.lines else "off"},
            }
        return made

    def _overrides(self) -> Iterator[dict[str, Any]]:
        if "{{category}}" in self.queries:
            for category, colour in COLOURS.items():
                yield {
                    "matcher": {"id": "byName", "options": category},
                    "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
                }

    def _options(self) -> dict[str, Any]:
        if self.kind == "stat":
            return {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "none"}
        if self.kind == "table":
            return {"showHeader": True}
        return {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}


@dataclass(frozen=True)
class Dashboard:
    """Panels in rows, as many side by side as fit."""

    uid: str
    title: str
    panels: Sequence[Panel]
    since: str = "now-6h"

    def as_json(self) -> dict[str, Any]:
        """Return what Grafana provisions."""
        return {
            "uid": self.uid,
            "title": self.title,
            "tags": ["waste"],
            "schemaVersion": 39,
            "editable": False,
            "refresh": "30s",
            "timezone": "browser",
            "time": {"from": self.since, "to": "now"},
            "links": [{"type": "dashboards", "title": "Waste", "tags": ["waste"], "asDropdown": True, "keepTime": True}],
            "panels": list(self._placed()),
        }

    def _placed(self) -> Iterator[dict[str, Any]]:
        x = y = row = 0
        for number, panel in enumerate(self.panels, 1):
            if x + panel.width > _WIDTH:
                x, y, row = 0, y + row, 0
            yield panel.as_json(number, x, y)
            x, row = x + panel.width, max(row, panel.height)
