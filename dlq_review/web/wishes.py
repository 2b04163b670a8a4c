"""What query strings, forms and JSON wish for, in the desk's words. What is wrong with them names its field."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from contracts.categories import Category
from contracts.errors import RequestRefused
from contracts.labels import Choice
from contracts.review import Filter, Lane, Order, Wish


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


def _aware(value: object) -> object:
    value = _empty_is_none(value)
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


Text = Annotated[Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")] | None, BeforeValidator(_empty_is_none)]
Time = Annotated[datetime | None, BeforeValidator(_aware)]


class WishFields(BaseModel):
    """Which items a reviewer wants."""

    model_config = ConfigDict(extra="ignore")

    order: Order = Order.INFORMATIVE
    sensor: Text = None
    category: Annotated[Category | None, BeforeValidator(_empty_is_none)] = None
    reason: Text = None
    event: Annotated[UUID | None, BeforeValidator(_empty_is_none)] = None

    def wish(self, *, alike: bool = False) -> Wish:
        """Return the wish."""
        return Wish(self.order, self.sensor, self.category, self.reason, self.event, alike)


class FilterFields(BaseModel):
    """Which items of a lane are meant; `state` "any" is all of them. Times without a zone are UTC."""

    model_config = ConfigDict(extra="ignore")

    lane: Lane = Lane.REVIEW
    state: Annotated[str, Field(pattern="^(open|labelled|redriven|discarded|any)$")] = "open"
    reason: Text = None
    sensor: Text = None
    category: Annotated[Category | None, BeforeValidator(_empty_is_none)] = None
    answer: Annotated[Choice | None, BeforeValidator(_empty_is_none)] = None
    since: Time = None
    until: Time = None
    text: Text = None

    def filter(self, lane: Lane | None = None) -> Filter:
        """Return the filter, of `lane` whatever the fields say if it is given."""
        state = None if self.state == "any" else self.state
        return Filter(
            lane or self.lane, state, self.reason, self.sensor, self.category, self.answer, self.since, self.until, self.text
        )


class Listing(FilterFields):
    """A page of a list. What is not understood must not mean all items."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    after: Annotated[str | None, Field(max_length=100, description="`next` of the page before")] = None


class StrictFilter(FilterFields):
    """Which items a program means."""

    model_config = ConfigDict(extra="forbid")


class FailureFilter(FilterFields):
    """Which failures are to be moved: what is not understood must not mean all of them."""

    model_config = ConfigDict(extra="forbid")

    lane: Lane = Lane.FAILURES

    def filter(self, lane: Lane | None = None) -> Filter:
        """Return the filter; raises RequestRefused for what failures do not have."""
        foreign = {"lane": self.lane is not Lane.FAILURES, "category": self.category, "answer": self.answer}
        if wrong := [name for name, given in foreign.items() if given]:
            raise RequestRefused(f"filter.{wrong[0]}", "is of the review lane; failures have reason, sensor, since, until, text")
        return super().filter(lane or Lane.FAILURES)


WishQuery = Annotated[WishFields, Query()]
FilterQuery = Annotated[FilterFields, Query()]
