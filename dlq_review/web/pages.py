"""Templates: how values look on a page, and what every page knows."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse, Response

from contracts.categories import CATEGORIES
from contracts.labels import Choice
from dlq_review.text import jsonable, plain, plain_lines
from dlq_review.web.visitors import Visitor

STATIC = Path(__file__).with_name("static")
CHOICES = [
    ("1", Choice.PLASTIC, "plastic"),
    ("2", Choice.PAPER, "paper"),
    ("3", Choice.GLASS, "glass"),
    ("4", Choice.METAL, "metal"),
    ("5", Choice.ORGANIC, "organic"),
    ("6", Choice.EMPTY, "empty"),
    ("7", Choice.SEVERAL, "several items"),
    ("8", Choice.CANNOT_TELL, "cannot tell"),
]
"""Key, answer and its words, in the order of all pages."""
REASONS = {
    "low_confidence": "the model was not sure enough",
    "out_of_distribution": "it looks like none of the five categories",
    "audit_sample": "chosen by chance, to see how often the model is right",
}
_NONE = "\u2013"
_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


def render(request: Request, template: str, visitor: Visitor | None = None, status: int = 200, **values: Any) -> Response:
    """Return a page."""
    page = _TEMPLATES.get_template(template)
    told = {"visitor": visitor, "path": request.url.path, "choices": CHOICES, "categories": CATEGORIES, "reasons": REASONS}
    return HTMLResponse(page.render(told | {"problem": None} | values), status)


def _age(seconds: float | None) -> str:
    if seconds is None:
        return _NONE
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.0f}\u00a0{unit}"
    return f"{max(0.0, seconds):.0f}\u00a0s"


def _ago(moment: datetime) -> str:
    seconds = (datetime.now(UTC) - moment).total_seconds()
    return f"{_age(seconds)} ago" if seconds >= 0 else f"in {_age(-seconds)}"


def _beside(moment: datetime, other: datetime) -> str:
    seconds = (moment - other).total_seconds()
    return f"{_age(abs(seconds))} {'after' if seconds > 0 else 'before'}"


def _percent(share: float | None, digits: int = 0) -> str:
    return _NONE if share is None or share != share else f"{share * 100:.{digits}f}\u00a0%"  # noqa: PLR0124 - NaN


def _number(value: float | None, digits: int = 0) -> str:
    return _NONE if value is None or value != value else f"{value:,.{digits}f}"  # noqa: PLR0124 - NaN


def _pretty(value: Any) -> str:
    return json.dumps(jsonable(value), indent=2, ensure_ascii=False)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("dlq_review.web"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "plain": plain, "lines": plain_lines, "age": _age, "ago": _ago, "percent": _percent, "number": _number, "pretty": _pretty,
        "local": lambda moment: moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M"),
        "clock": lambda moment: moment.astimezone(UTC).strftime("%H:%M:%S"), "beside": _beside,
        "exact": lambda moment: moment.isoformat(timespec="seconds"),
        "text_of": lambda raw: bytes(raw).decode(errors="replace"),
        "words": {choice.value: words for _, choice, words in CHOICES}.get,
    }  # fmt: skip
    return environment


_TEMPLATES = _environment()
