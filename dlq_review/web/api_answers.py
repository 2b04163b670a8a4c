"""What the JSON API answers, for its published description. Errors have one shape: what is wrong, field first."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, RootModel

from contracts.labels import Choice
from contracts.review import Lane


class Problem(BaseModel):
    """Why nothing was done."""

    error: str


class ItemRow(BaseModel):
    """An item of a list. Reviewers are not told `state`, `resolved`, `closed_at` and `leased`; failures have no guess."""

    event_id: UUID
    reason: str
    sensor_id: str | None
    image_url: str | None
    captured_at: datetime | None
    decided_at: datetime
    category: str | None = None
    confidence: float | None = None
    model_version: str | None = None
    state: str | None = None


class Item(ItemRow):
    """All that is known of an item, with its labels and what happened to it; the rest differs between the lanes."""

    model_config = ConfigDict(extra="allow")

    lane: Lane
    labels: list[dict[str, Any]]
    timeline: list[dict[str, Any]]


class Items(BaseModel):
    """A page of items, and what `after` has to be for the next one; null: that was all."""

    items: list[ItemRow]
    next: str | None


class LabelTaken(BaseModel):
    """`effect` is closed, counted, kept, reopened or repeated; for reviewers taken or repeated, which tells nothing of others."""

    label_id: UUID
    effect: str


class Standing(BaseModel):
    """A person's answer that stands; a correction has to name its `label_id` as `replaces`."""

    label_id: UUID
    choice: Choice


class LabelDiffers(Problem):
    """This account gave another answer before, and nothing was changed."""

    standing: Standing


class Redriven(BaseModel):
    """Events that are open again, messages sent to the door again, and what stayed as it was."""

    reopened: list[UUID]
    sent_again: list[UUID]
    left: list[UUID]


class Discarded(BaseModel):
    """What was put away now, and what stayed as it was."""

    discarded: list[UUID]
    left: list[UUID]


class Imported(BaseModel):
    """Labels by effect, what was refused and why, and events whose other answer of this account stands."""

    effects: dict[str, int]
    refused: list[str]
    differing: list[UUID]


class BacklogNow(BaseModel):
    """What waits (items), the oldest's age in seconds, what came and went, and in how many hours it is empty; null: never."""

    open: int
    oldest_s: float | None
    filed_last_hour: int
    filed_last_day: int
    closed_last_hour: int
    closed_last_day: int
    reviewers: int
    failures_open: int
    failures_oldest_s: float | None
    empty_in_h: float | None
    fitting_threshold: float | None


class ConsoleFigures(BaseModel):
    """What a page of the console says: figures by name, as people read them, charts by name, rows of tables by name."""

    figures: dict[str, str]
    charts: dict[str, dict[str, Any]]
    tables: dict[str, list[list[str]]]


class StoryMoment(BaseModel):
    """Something that happened to an event, who did it, and facts of it."""

    at: datetime
    what: str
    who: str
    facts: dict[str, Any]


class Story(BaseModel):
    """An event's whole story."""

    event_id: UUID
    moments: list[StoryMoment]


class Tasks(RootModel[list[dict[str, Any]]]):
    """Tasks in Label Studio's format: `data`, `predictions`, `annotations`."""


def answers(ok: type[BaseModel], **more: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """Return the answers of a call that answers `ok`; `more` are others, as `s409`."""
    said: dict[int | str, dict[str, Any]] = {status: {"model": Problem, "description": why} for status, why in _PROBLEMS.items()}
    said |= {int(name[1:]): {"model": model} for name, model in more.items()}
    return said | {200: {"model": ok}}


_PROBLEMS = {
    401: "Nobody is signed in, or the token is not known, has ended, or its account is locked.",
    403: "The account's role does not cover this.",
    422: "What is wrong with the request, the field first.",
    503: "The database or a queue cannot be reached; nothing was changed.",
}
PICTURE: dict[int | str, dict[str, Any]] = answers(Problem) | {
    200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}, "description": "The picture, made anew."},
    404: {"description": "There is no such picture, or it cannot be shown any more; as text, why."},
}
