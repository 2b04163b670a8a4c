"""Templates: how values look on a page, and what every page knows."""

from datetime import UTC
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse, Response

from contracts.categories import CATEGORIES
from contracts.labels import Choice
from dlq_review.text import plain, plain_lines
from dlq_review.web.formats import age, ago, beside, exact, lasts, number, percent, pretty, rate, valued
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


def render(request: Request, template: str, visitor: Visitor | None = None, status: int = 200, **values: Any) -> Response:
    """Return a page."""
    page = _TEMPLATES.get_template(template)
    told = {"visitor": visitor, "path": request.url.path, "choices": CHOICES, "categories": CATEGORIES, "reasons": REASONS}
    return HTMLResponse(page.render(told | {"problem": None} | values), status)


def page_of(template: str, values: dict[str, Any]) -> str:
    """Return a page that belongs to no request."""
    return _TEMPLATES.get_template(template).render(values)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("dlq_review.web"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "plain": plain, "lines": plain_lines, "age": age, "ago": ago, "percent": percent, "number": number, "pretty": pretty,
        "lasts": lasts, "rate": rate, "valued": valued,
        "local": lambda moment: moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M"),
        "clock": lambda moment: moment.astimezone(UTC).strftime("%H:%M:%S"), "beside": beside,
        "exact": exact,
        "text_of": lambda raw: bytes(raw).decode(errors="replace"),
        "words": {choice.value: words for _, choice, words in CHOICES}.get,
    }  # fmt: skip
    return environment


_TEMPLATES = _environment()
FILTERS = _TEMPLATES.filters
"""By which rooms with pages of their own say how their values look."""
