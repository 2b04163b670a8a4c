"""Facts become the steps of events' traces, here and nowhere else. No step says an address, or a stranger's text."""

from collections.abc import Iterator
from functools import singledispatch
from typing import Any, TypeAlias
from uuid import UUID

from contracts import facts
from contracts.events import ItemCaptured
from contracts.messages import Received
from contracts.names import DEAD_LETTER_QUEUE, EDGE_QUEUE, TRACE_HEADER, WORK_QUEUE, WORK_QUEUE_FIRST, OutcomeKind
from contracts.outcomes import Outcome
from contracts.traces import (
    ACCEPTED,
    FORWARDED,
    PUBLISHED,
    ROOT,
    UPLOADED,
    WOKEN,
    Role,
    Step,
    Stretch,
    attempt,
    is_kept,
    origin,
    span_id,
    told,
)

About: TypeAlias = dict[str, str | int | float]

_POSTGRES: About = {"db.system.name": "postgresql"}


@singledispatch
def steps(fact: Any, offset: float, share: float) -> Iterator[Step]:  # noqa: ARG001
    """Yield the steps that a fact tells of, of the `share` of events that is traced; none for most facts.

    `offset` makes a time of `time.perf_counter()` a Unix time.
    """
    yield from ()


@steps.register
def _(fact: facts.EventSent, offset: float, share: float) -> Iterator[Step]:
    if not is_kept(fact.event_id, share):
        return
    root = span_id(fact.event_id, ROOT)
    who: About = {"waste.sensor_id": fact.sensor_id}
    if fact.uploaded:
        yield _step(fact.event_id, UPLOADED, "upload picture", root, fact.uploaded, offset, Role.ASKS, who)
    queue = _queue(EDGE_QUEUE, "send")
    yield _step(fact.event_id, PUBLISHED, "send event", root, fact.published, offset, Role.SENDS, who | queue)


@steps.register
def _(fact: facts.EventForwarded, offset: float, share: float) -> Iterator[Step]:
    if not is_kept(fact.event_id, share):
        return
    parent, foreign = origin(fact.event_id, fact.traceparent, FORWARDED, ACCEPTED, WOKEN)
    told_of = {"waste.sensor_id": fact.sensor_id} | _queue(EDGE_QUEUE, "send")
    name = "forward event"
    yield _step(fact.event_id, FORWARDED, name, parent, fact.published, offset, Role.SENDS, told_of, foreign=foreign)


@steps.register
def _(fact: facts.EventRefused, offset: float, share: float) -> Iterator[Step]:
    if is_kept(fact.event_id, share):
        now = fact.at + offset
        yield Step(fact.event_id, "event", span_id(fact.event_id, ROOT), None, now, now, failed=fact.reason)


@steps.register
def _(fact: facts.EventsEntered, offset: float, share: float) -> Iterator[Step]:
    for received, item in fact.entered:
        if item.event.event_id in fact.new and is_kept(item.event.event_id, share):
            yield from _entered(received, item.event, fact, offset)


def _entered(received: Received, event: ItemCaptured, fact: facts.EventsEntered, offset: float) -> Iterator[Step]:
    event_id, batch = event.event_id, {"waste.batch": len(fact.entered)}
    parent, foreign = origin(event_id, received.message.headers.get(TRACE_HEADER), ACCEPTED, WOKEN)
    accepted, began = span_id(event_id, ACCEPTED), fact.received_at + offset
    ended = (fact.woken or fact.accepted)[1] + offset
    who = {"waste.sensor_id": event.sensor_id, "waste.event_id": str(event_id)}
    # A bin's clock may be ahead of ours: no step may end before it began.
    captured = min(event.captured_at.timestamp(), began)
    yield Step(event_id, "event", span_id(event_id, ROOT), None, captured, fact.accepted[1] + offset, facts=who)
    waited = {
        "waste.waited_s": round(max(0.0, began - received.enqueued_at.timestamp()), 3),
        "waste.deliveries": received.deliveries,
    }
    about = _queue(EDGE_QUEUE, "process") | waited | batch
    yield Step(event_id, "take in", accepted, parent, began, ended, Role.TAKES, about, foreign=foreign)
    yield _step(
        event_id, "ledger accept", "postgres accept", accepted, fact.accepted, offset, Role.ASKS, _statement("accept") | batch
    )
    if fact.woken:
        yield _step(event_id, WOKEN, "wake workers", accepted, fact.woken, offset, Role.SENDS, _celery(WORK_QUEUE, "send"))


@steps.register
def _(fact: facts.WakeUpsRepublished, offset: float, share: float) -> Iterator[Step]:
    about = _celery(WORK_QUEUE_FIRST, "send") | {"waste.cause": fact.cause}
    for event_id in (one for one in fact.event_ids if is_kept(one, share)):
        # Of its own: it may happen more than once to an event, and its worker cannot tell which wake-up it was.
        once = _once("woken", fact.published, offset)
        yield _step(event_id, once, "wake workers again", span_id(event_id, ACCEPTED), fact.published, offset, Role.SENDS, about)


@steps.register
def _(fact: facts.ItemDecided, offset: float, share: float) -> Iterator[Step]:
    outcome = fact.outcome
    if fact.way and is_kept(outcome.event_id, share):
        name = attempt(outcome.dead_letter.decided_at) if outcome.dead_letter else _once("attempt", fact.way.claimed, offset)
        failed = outcome.reason or "" if outcome.kind == OutcomeKind.FAILURE else ""
        yield from _attempted(outcome.event_id, name, fact.way, offset, "record", _ending(outcome), failed)


@steps.register
def _(fact: facts.ItemPostponed, offset: float, share: float) -> Iterator[Step]:
    if fact.way and is_kept(fact.event_id, share):
        name, outcome = _once("attempt", fact.way.claimed, offset), "postponed"
        about: About = {"waste.sensor_id": fact.sensor_id, "waste.outcome": outcome, "waste.attempt": fact.attempt}
        about |= {"waste.delay_s": round(fact.delay_s, 1)}
        yield from _attempted(fact.event_id, name, fact.way, offset, "postpone", about, fact.reason)


def _attempted(
    event_id: UUID, name: str, way: facts.Way, offset: float, statement: str, about: About, failed: str
) -> Iterator[Step]:
    own, whole = span_id(event_id, name), (way.claimed[0], way.recorded[1])
    told_of = _celery(WORK_QUEUE, "process") | about
    yield _step(event_id, name, "classify", span_id(event_id, WOKEN), whole, offset, Role.TAKES, told_of, failed=failed)
    parts: tuple[tuple[str, Stretch | None, Role, About], ...] = (
        ("postgres claim", way.claimed, Role.ASKS, _statement("claim")),
        ("fetch", way.steps.fetched, Role.ASKS, {}),
        ("decode", way.steps.decoded, Role.INSIDE, {}),
        ("inference", way.steps.inferred, Role.INSIDE, {}),
        (f"postgres {statement}", way.recorded, Role.ASKS, _statement(statement)),
    )
    for part, stretch, role, facts_of in parts:
        if stretch:
            yield _step(event_id, f"{name} {part}", part, own, stretch, offset, role, facts_of)


def _ending(outcome: Outcome) -> About:
    told_of: About = {"waste.outcome": outcome.kind.value, "waste.attempt": outcome.attempts}
    if outcome.sensor_id:
        told_of["waste.sensor_id"] = outcome.sensor_id
    if outcome.reason:
        told_of["waste.reason"] = outcome.reason
    if outcome.prediction:
        told_of["waste.category"] = outcome.prediction.category.value
        told_of["waste.confidence"] = round(outcome.prediction.confidence, 4)
        told_of["waste.model_version"] = outcome.prediction.model_version
    return told_of


@steps.register
def _(fact: facts.DeadLettersPublished, offset: float, share: float) -> Iterator[Step]:
    for letter in (one for one in fact.letters if is_kept(one.event_id, share)):
        parent = span_id(letter.event_id, attempt(letter.decided_at) if letter.attempts else ROOT)
        about = _queue(DEAD_LETTER_QUEUE, "send") | {"waste.late": int(fact.late)}
        name = told(letter.decided_at)
        yield _step(letter.event_id, name, "tell people", parent, fact.published, offset, Role.SENDS, about)


@steps.register
def _(fact: facts.DeadLettersFiled, offset: float, share: float) -> Iterator[Step]:
    for letter in (one for one in fact.letters if is_kept(one.event_id, share)):
        event_id, whole = letter.event_id, (fact.received_at, fact.filed[1])
        name = _once("filed", whole, offset)  # a letter may be delivered more than once
        about = _queue(DEAD_LETTER_QUEUE, "process") | {"waste.batch": len(fact.letters)}
        parent = span_id(event_id, told(letter.decided_at))
        yield _step(event_id, name, "file for people", parent, whole, offset, Role.TAKES, about)
        statement = f"{name} postgres"
        yield _step(
            event_id, statement, "postgres file", span_id(event_id, name), fact.filed, offset, Role.ASKS, _statement("file")
        )


def _step(
    event_id: UUID,
    step: str,
    name: str,
    parent: int,
    stretch: Stretch,
    offset: float,
    role: Role,
    about: About,
    **more: Any,
) -> Step:
    began, ended = stretch
    return Step(event_id, name, span_id(event_id, step), parent, began + offset, ended + offset, role, about, **more)


def _once(step: str, stretch: Stretch, offset: float) -> str:
    return f"{step} {stretch[0] + offset:.6f}"


def _queue(name: str, what: str) -> About:
    return {"messaging.destination.name": name, "messaging.operation.type": what}


def _celery(name: str, what: str) -> About:
    return {"messaging.system": "celery"} | _queue(name, what)


def _statement(what: str) -> About:
    return _POSTGRES | {"db.operation.name": what}
