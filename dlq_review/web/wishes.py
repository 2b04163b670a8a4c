"""What query strings, forms and JSON wish for, in the desk's words. What is wrong with them names its field."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Generic, Literal, TypeVar
from uuid import UUID

from fastapi import Depends, Query, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

from contracts.categories import Category
from contracts.errors import RequestRefused
from contracts.labels import Choice
from contracts.review import Filter, Lane, Order, Wish
from dlq_review.web.wording import LABELS, sentences

Fields = TypeVar("Fields", bound=BaseModel)


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


def _aware(value: object) -> object:
    value = _empty_is_none(value)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise PydanticCustomError("date", "is no date and time") from None
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
    state: Literal["open", "labelled", "redriven", "discarded", "any"] = "open"
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


class BacklogFields(BaseModel):
    """What a reviewing day is taken to be: hours of all people together, labels of one person in an hour."""

    hours: Annotated[Annotated[float, Field(gt=0, le=1000)] | None, BeforeValidator(_empty_is_none)] = None
    speed: Annotated[Annotated[float, Field(gt=0, le=100_000)] | None, BeforeValidator(_empty_is_none)] = None


class QualityFields(BaseModel):
    """Over how many days."""

    days: Annotated[int, Field(ge=1, le=365)] = 30


@dataclass(frozen=True, slots=True)
class Asked(Generic[Fields]):
    """What a page was asked for; with a `problem`, `fields` are what could be read, and `typed` is all as it was typed."""

    fields: Fields
    typed: Mapping[str, str]
    problem: str | None = None


def asked(model: type[Fields]) -> Callable[[Request], Asked[Fields]]:
    """Return a dependency that reads a page's query, and says on that page what of it cannot be read."""

    def read(request: Request) -> Asked[Fields]:
        return read_typed(model, request.query_params)

    return read


def read_typed(model: type[Fields], given: Mapping[str, str]) -> Asked[Fields]:
    """Return what of some typed fields can be read; others than the model's are left out."""
    typed = {name: value for name, value in given.items() if name in model.model_fields}
    try:
        return Asked(model.model_validate(typed), typed)
    except ValidationError as error:
        rows = error.errors()
        wrong = {row["loc"][0] for row in rows}
        read = model.model_validate({name: value for name, value in typed.items() if name not in wrong})
        return Asked(read, typed, sentences(rows, LABELS))


FilterAsked = Annotated[Asked[FilterFields], Depends(asked(FilterFields))]
WishAsked = Annotated[Asked[WishFields], Depends(asked(WishFields))]
FilterQuery = Annotated[FilterFields, Query()]
