"""The gateway of one bin in memory: the twin of the one over HTTP, for tests and for trying a bin's program on its own."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from contracts.codec import decode_event
from contracts.edge import Advice, DoorAway, Fate, FleetAnswer
from contracts.errors import CaptureMistimed, EventInvalid
from contracts.events import ItemCaptured  # noqa: TC001 - as TC003 in pyproject.toml
from contracts.gateway import Upload
from contracts.picture_keys import ENDINGS, picture_key

_VALID = timedelta(minutes=10)


class MemoryDoor:
    """Implements `contracts.edge.Door` for one sensor. `events` and `pictures` are what it was given; it answers `answers`."""

    def __init__(self, sensor_id: str, clock: Callable[[], datetime], heard: Callable[[float, float], None] | None = None) -> None:
        """Tell `heard` the time with each answer, exactly."""
        self._sensor_id, self._clock, self.heard = sensor_id, clock, heard
        self.events: dict[UUID, tuple[bytes, ItemCaptured]] = {}
        self.pictures: dict[str, bytes] = {}
        self.answers: dict[UUID, FleetAnswer] = {}
        self.contacts: list[tuple[int, Mapping[str, str | float | bool]]] = []
        self.advice = Advice()

    @property
    def share(self) -> float:
        """The share of its own rate at which the device was last asked to send events."""
        return self.advice.share

    def answer(self) -> None:
        """Do what each answer does; a test may have it raise what an absent gateway raises."""
        if self.heard:
            self.heard(self._clock().timestamp(), 0.05)

    def place(self, event_id: UUID, content_type: str, size_bytes: int) -> Upload:
        """Return where a picture may be put."""
        self.answer()
        key = picture_key(self._sensor_id, self._clock(), event_id, ENDINGS[content_type])
        headers = {"content-type": content_type, "content-length": str(size_bytes)}
        return Upload(f"s3://waste-images/{key}", f"memory://{key}", headers, self._clock() + _VALID)

    def reach(self, place: Upload) -> None:
        """Be reached."""

    def put(self, place: Upload, image: bytes) -> None:
        """Keep a picture; one of another size than was said is refused, as an object store refuses it."""
        self.answer()
        if place.headers["content-length"] != str(len(image)):
            raise DoorAway("the object store answered 403", answered=True)
        self.pictures[place.image_url] = image

    def send(self, bodies: Sequence[bytes]) -> list[Fate]:
        """Take events; return what became of each."""
        self.answer()
        return [self._take(body) for body in bodies]

    def contact(self, next_sequence: int, report: Mapping[str, str | float | bool]) -> Advice:
        """Note that the device is there."""
        self.answer()
        self.contacts.append((next_sequence, dict(report)))
        return self.advice

    def find(self, event_id: UUID) -> FleetAnswer:
        """Return what `answers` has of an event."""
        self.answer()
        return self.answers.get(event_id, FleetAnswer())

    def _take(self, body: bytes) -> Fate:
        try:
            event = decode_event(body, self._clock())
        except CaptureMistimed as error:
            return Fate(409, "clock", error.detail)
        except EventInvalid as error:
            return Fate(422, "invalid", error.detail)
        if event.sensor_id != self._sensor_id:
            return Fate(403, "not-yours", event.sensor_id)
        if event.event_id in self.events:
            return Fate(200) if self.events[event.event_id][0] == body else Fate(409, "event-conflict", "it came before")
        self.events[event.event_id] = (body, event)
        return Fate(202)
