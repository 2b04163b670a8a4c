"""What is wrong with what somebody sent, in words for people: the field, and what to do. Nothing of how it is checked."""

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.errors import RequestRefused
from dlq_review.text import plain

_MOST = 5
_LONGEST = 40
LABELS = {
    "since": "From",
    "until": "Until",
    "category": "Guess",
    "hours": "Hours a day",
    "speed": "Labels an hour",
    "event_id": "Item",
    "events": "The chosen failures",
    "labels": "The chosen pictures",
    "old": "Old password",
    "new": "New password",
    "what": "Change",
    "replaces": "The answer to be corrected",
}
"""Field -> what pages call it, where that is another word."""
_WORDS = {
    "missing": "is missing",
    "empty": "is empty: leave it out, or say what is meant",
    "string_too_long": "is longer than {max_length} letters",
    "string_too_short": "is shorter than {min_length} letters",
    "too_long": "are more than {max_length}",
    "greater_than": "has to be more than {gt}",
    "greater_than_equal": "has to be {ge} or more",
    "less_than_equal": "has to be {le} or less",
    "enum": "is none of {expected}",
    "literal_error": "is none of {expected}",
    "extra_forbidden": "is not known here",
    "string_pattern_mismatch": "is nothing that can stand here",
    "json_invalid": "is no JSON that can be read",
}
_KINDS = {
    "date": "is no date and time that can be read; write it like 2026-03-31T14:00",
    "uuid": "is no id that can be read",
    "int": "is no whole number",
    "float": "is no number",
}
_NOT_QUOTED = frozenset({"missing", "empty", "string_too_long", "string_too_short", "too_long", "extra_forbidden", "json_invalid"})


def sentences(rows: Sequence[Mapping[str, Any]], labels: Mapping[str, str] | None = None) -> str:
    """Return what a validator found, one sentence a field; `labels` are the names that people know the fields by."""
    said: dict[str, str] = {}
    for row in rows:
        field = _field(row["loc"])
        said.setdefault(field, _sentence(field, row, labels or {}))
    return " ".join(list(said.values())[:_MOST])


def sentence(error: RequestRefused) -> str:
    """Return a refusal as a sentence."""
    said = f"{LABELS.get(error.field, error.field)} {error.problem}"
    return said[:1].upper() + said[1:] + "."


def _field(place: Sequence[str | int]) -> str:
    # Behind a field's name a validator says which of several types it tried: that is of no use to people.
    parts = [str(part) for part in place[1 if place and place[0] in {"body", "query", "path"} else 0 :]]
    while parts and not (parts[-1].isidentifier() and parts[-1] != "enum"):
        parts.pop()
    return ".".join(parts)


def _sentence(field: str, row: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    kind, given = str(row["type"]), row.get("input")
    problem = _WORDS.get(kind) or _KINDS.get(kind.split("_", 1)[0]) or "cannot be read"
    problem = problem.format_map(
        {name: plain(f"{value:g}" if isinstance(value, float) else value) for name, value in row.get("ctx", {}).items()}
    )
    name = labels.get(field, plain(field[:1].upper() + field[1:] if labels else field, 100)) or "The body"
    quoted = isinstance(given, str) and kind not in _NOT_QUOTED
    return f"{name}: “{plain(given, _LONGEST)}” {problem}." if quoted else f"{name} {problem}."
