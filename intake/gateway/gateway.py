"""What the gateway does, without HTTP: take events, find places for pictures, answer for outcomes."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from contracts.errors import FleetError, Permanent
from contracts.events import UNNUMBERED, ItemCaptured
from contracts.gateway import EventState, Upload, Uploads
from contracts.ids import made_at, uuid7
from contracts.image_urls import UrlRule
from contracts.names import SCHEMA_VERSION
from contracts.picture_keys import ENDINGS, picture_key
from contracts.ports import Clock
from contracts.sensors import Contact, SensorBook
from contracts.signatures import Credential
from contracts.truth import PLANT, Delivery, TruthLedger
from contracts.truth_delivery import take_delivery
from intake.gateway.documents import ContactMade, PredictWanted, TruthBrought, UploadWanted
from intake.gateway.problems import NOT_KNOWN, NOT_SIGNED, NOT_YOURS, OVERLOADED, Problem, Refused, problem_of
from intake.gateway.publishing import Fate, Publisher
from intake.gateway.speakers import Speakers
from intake.gateway.submissions import Reader, Submission, compose, read_batch, traced
from intake.gateway.waiting import Waiters
from intake.weather import Weather


class State(Protocol):
    """How this process is."""

    def why_dead(self) -> str:
        """Return why it should be replaced, or nothing."""

    def why_unready(self) -> str:
        """Return what keeps it from taking events, or nothing."""


UPLOAD_VALID_S = 600
_YOUNG = timedelta(days=2)
"""An event that nobody knows may be on the queue still; one that was made long before that is not waited for."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """All that one gateway process knows. `metrics` returns Prometheus' text and its media type."""

    speakers: Speakers
    urls: UrlRule
    clock: Clock
    publisher: Publisher
    waiters: Waiters
    weather: Weather
    uploads: Uploads
    sensors: SensorBook
    truths: TruthLedger
    health: State
    metrics: Callable[[], tuple[bytes, str]]
    version: str

    def bearer(self, authorization: str | None) -> Credential | None:
        """Return whose token a request has; raises Refused for one that is none of ours."""
        try:
            return self.speakers.bearer(authorization)
        except FleetError as error:
            raise Refused(problem_of(error)) from None

    def known(self, authorization: str | None) -> Credential:
        """Return whose token a request has; raises Refused without one."""
        credential = self.bearer(authorization)
        if credential is None:
            raise Refused(Problem(NOT_SIGNED, "this needs an Authorization header with the device's bearer token"))
        return credential

    async def take(
        self, body: bytes, signature: str | None, bearer: Credential | None, traceparent: str | None = None
    ) -> Fate | list[Fate]:
        """Take an event or a batch; raises Refused where that is said of the whole request."""
        self._ask_weather()
        reader = Reader(self.speakers, self.urls, bearer, self.clock())
        try:
            items = read_batch(body)
        except Permanent as error:
            raise Refused(problem_of(error)) from None
        if items is None:
            (fate,) = await self._publish([reader.one(body, signature, traceparent)])
            return fate
        return await self._publish(traced(reader.several(items), traceparent))

    async def predict(self, wanted: PredictWanted, bearer: Credential, wait_s: float) -> tuple[UUID, EventState | None]:
        """Make an event of a picture, and return what is known of it after `wait_s` at most; raises Refused."""
        self._ask_weather()
        _own(wanted.sensor_id, bearer)
        now = self.clock()
        event = ItemCaptured(
            schema_version=SCHEMA_VERSION,
            event_id=uuid7(now, os.urandom(10)),
            sensor_id=wanted.sensor_id,
            image_url=wanted.image_url,
            captured_at=now,
            sequence=0,
            attributes={"via": UNNUMBERED},
        )
        composed = compose(event, bearer)
        reader = Reader(self.speakers, self.urls, bearer, now)
        (fate,) = await self._publish([reader.one(composed.message.body, None)])
        if isinstance(fate, Problem):
            raise Refused(fate)
        try:
            return event.event_id, await self.waiters.find(event.event_id, wait_s)
        except FleetError:  # it is on the queue all the same
            return event.event_id, None

    async def find(self, event_id: UUID, bearer: Credential, wait_s: float) -> EventState | None:
        """Return what is known of an event, None if it is still on the queue; raises Refused and LedgerUnavailable."""
        young = abs(self.clock() - made_at(event_id)) < _YOUNG if event_id.version == 7 else False
        state = await self.waiters.find(event_id, wait_s if young else 0.0)
        if state is None and self.publisher.remembers(event_id, bearer.sensor_id):
            return None
        if state is None or state.sensor_id != bearer.sensor_id:
            detail = "no such event of this sensor; one that another gateway took a moment ago may still be on the queue"
            raise Refused(Problem(NOT_KNOWN, detail, "event_id"))
        return state

    def contact(self, made: ContactMade, bearer: Credential) -> None:
        """Note that a device is there; raises Refused and LedgerUnavailable."""
        _own(made.sensor_id, bearer)
        self.sensors.note(Contact(made.sensor_id, made.next_sequence, made.report))

    def truth(self, brought: TruthBrought, bearer: Credential) -> Delivery:
        """Keep labels of the plant whose token it is; raises Refused and LedgerUnavailable."""
        if not bearer.sensor_id.startswith(PLANT):
            detail = f"the token is of the sensor {bearer.sensor_id}; labels are taken from a plant, whose name begins with {PLANT}"
            raise Refused(Problem(NOT_YOURS, detail))
        rows = ((line, {"batch": brought.batch, **row}) for line, row in enumerate(brought.labels, 1))
        name = brought.batch or "over HTTP"
        return take_delivery(rows, self.truths, self.clock, source=bearer.sensor_id.removeprefix(PLANT), name=name)

    def place(self, wanted: UploadWanted, bearer: Credential) -> Upload:
        """Return where a picture may be put, for ten minutes; raises Refused."""
        _own(wanted.sensor_id, bearer)
        key = picture_key(wanted.sensor_id, self.clock(), wanted.event_id, ENDINGS[wanted.content_type])
        return self.uploads.place(key, wanted.content_type, wanted.size_bytes, UPLOAD_VALID_S)

    def _ask_weather(self) -> None:
        hint = self.weather.hint
        if hint.share <= 0:
            detail = f"{hint.because}; nothing was taken, send it again later"
            raise Refused(Problem(OVERLOADED, detail, retry_after_s=hint.pause_s))

    async def _publish(self, read: Sequence[Submission | Problem]) -> list[Fate]:
        good = [one for one in read if isinstance(one, Submission)]
        fates = iter(await self.publisher.publish(good) if good else [])
        return [next(fates) if isinstance(one, Submission) else one for one in read]


def _own(sensor_id: str, bearer: Credential) -> None:
    if sensor_id != bearer.sensor_id:
        raise Refused(Problem(NOT_YOURS, f"the token is of {bearer.sensor_id}, the request of {sensor_id}", "sensor_id"))
