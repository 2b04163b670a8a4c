"""What query strings, forms and JSON wish for, in the desk's words. What is wrong with them names its field."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Generic, Literal, TypeVar
from uuid import UUID

from fastapi import Depends, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from contracts.categories import Category
from contracts.errors import RequestRefused
from contracts.labels import Choice
from contracts.review import Filter, Lane, Order, Wish
from dlq_review.web.wording import LABELS, sentence, sentences

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
    if not isinstance(value, datetime):
        return value
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("date", "is no date and time") from None


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
        """Return the filter, of `lane` whatever the fields say if it is given; raises RequestRefused if it makes no sense."""
        state = None if self.state == "any" else self.state
        return Filter(
            lane or self.lane, state, self.reason, self.sensor, self.category, self.answer, self.since, self.until, self.text
        ).checked()


class StrictFilter(FilterFields):
    """Which items a program means: what is not understood, or empty, must not mean all of them."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("reason", "sensor", "category", "answer", "since", "until", "text", mode="before")
    @classmethod
    def _given(cls, value: object) -> object:
        if value == "":
            raise PydanticCustomError("empty", "is empty")
        return value


class Listing(StrictFilter):
    """A page of a list."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    after: Annotated[str | None, Field(max_length=100, description="`next` of the page before")] = None


class TaskFilter(StrictFilter):
    """Which items go out as tasks: failures are not labelled."""

    lane: Literal[Lane.REVIEW] = Lane.REVIEW


class FailureFilter(StrictFilter):
    """Which failures are to be moved."""

    lane: Literal[Lane.FAILURES] = Lane.FAILURES


class FailureFields(FilterFields):
    """Which failures a page is to show."""

    lane: Literal[Lane.FAILURES] = Lane.FAILURES


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
        found = model.model_validate(typed)
        if isinstance(found, FilterFields):
            found.filter()
        return Asked(found, typed)
    except RequestRefused as error:
        return Asked(found, typed, sentence(error))
    except ValidationError as error:
        rows = error.errors()
        wrong = {row["loc"][0] for row in rows}
        read = model.model_validate({name: value for name, value in typed.items() if name not in wrong})
        return Asked(read, typed, sentences(rows, LABELS))


FailureAsked = Annotated[Asked[FailureFields], Depends(asked(FailureFields))]
FilterAsked = Annotated[Asked[FilterFields], Depends(asked(FilterFields))]
WishAsked = Annotated[Asked[WishFields], Depends(asked(WishFields))]
