"""What one bin sends next: live events, then its backlog; pictures before events; and word of itself."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from contracts.codec import MAX_AGE
from contracts.edge import Door, DoorAway, DoorRefused, DoorUnbelieving, Fate
from contracts.errors import FleetError, Permanent, SettingsInvalid
from contracts.facts import EventSent
from contracts.traces import Stretch
from producer.edge.bodies import body_of, captured_s, is_sound
from producer.edge.clocks import Moment
from producer.edge.deferred import Deferred
from producer.edge.outbox import Outbox
from producer.edge.pace import Backoff, Bucket, backlog_share
from producer.edge.tables import Kept

_BATCH = 20
_REMADE = 2
_UNFORESEEN = 500
_IDLE_S = 1.0
_CHORES_S = 60.0
_CLOCK = "clock"
_UNSURE_S, _OTHERWISE_S = 10.0, 60.0
_PREPARING_S = 10.0
"""What is uploaded by then is sent: on a slow line nothing is to wait for the pictures of a whole batch."""

_log = structlog.get_logger("waste")


@dataclass(frozen=True, slots=True)
class Plan:
    """How a bin sends: events a second, and of those of its backlog; what counts as live; how often it says that it is there."""

    rate: float = 5.0
    backlog_rate: float = 1.0
    live_s: float = 600.0
    contact_s: float = 300.0
    keep_s: float = 14 * 86_400.0


@dataclass(slots=True)
class Sender:
    """Sends from an outbox, a step at a time.

    `door` opens the gateway with the credential in force now; `told` hears of each event that it took.
    """

    outbox: Outbox
    sensor_id: str
    door: Callable[[], Door]
    clock: Callable[[], Moment]
    plan: Plan
    chance: random.Random
    report: Callable[[], Mapping[str, str | float | bool]]
    told: Callable[[EventSent], None] | None = None
    unbelieved: bool = False
    _open: Door | None = None
    _backoff: Backoff = field(init=False)
    _live: Bucket = field(init=False)
    _backlog: Bucket = field(init=False)
    _contact_at_s: float = 0.0
    _chores_at_s: float = 0.0
    _trouble: str | None = None
    _deferred: Deferred = field(default_factory=Deferred)
    _uploaded: dict[int, Stretch] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with full buckets for live events and an empty one for the backlog."""
        now_s = self.clock().since_boot_s
        self._backoff = Backoff(self.chance)
        self._live = Bucket(self.plan.rate, _BATCH, _BATCH, now_s)
        self._backlog = Bucket(self.plan.backlog_rate, _BATCH, 1.0, now_s)

    def step(self) -> float:
        """Do the next thing and return after how many seconds to come again. Raises ShelfFull and ShelfBroken."""
        self._chores()
        try:
            door = self._open = self._open or self.door()
            self._say_that_we_are_there(door)
            batch, wait_s = self._next(door)
            if batch:
                wait_s = self._send(door, batch)
            self.unbelieved = False
            # A step that only waits its turn, or for what is deferred, shows nothing: trouble lasts until something went.
            if batch or (wait_s == _IDLE_S and not self._deferred.until(self.clock().since_boot_s)):
                self._backoff.worked()
                self._tell_trouble("")
        except DoorUnbelieving as error:
            self._open, self.unbelieved = None, True
            self._tell_trouble(f"the gateway does not believe this bin's credential: {error.detail}")
            return self._backoff.unbelieved()
        except SettingsInvalid as error:
            self._open = None
            self._tell_trouble(f"the settings are not usable any more: {error.detail}")
            return self._backoff.unbelieved()
        except DoorAway as error:
            self._tell_trouble(f"the gateway cannot be used: {error.detail}")
            return self._backoff.failed(error.retry_after_s)
        return wait_s

    # --- what to send -----------------------------------------------------------------------------------------------

    def _next(self, door: Door) -> tuple[list[Kept], float]:
        """Return the events to send now, and if there are none how long to wait."""
        now, share = self.clock(), door.share
        may_live = self._live.refill(now.since_boot_s, max(share, 0.0))
        may_backlog = min(may_live, self._backlog.refill(now.since_boot_s, backlog_share(share)))
        besides = self._deferred.until(now.since_boot_s)
        live = self.outbox.waiting(now, self.plan.live_s, _BATCH, live=True, besides=besides)
        if live:
            batch = live[:may_live]
            self._live.take(len(batch))
            return batch, max(0.05, self._live.wait_s(share))
        backlog = self.outbox.waiting(now, self.plan.live_s, _BATCH, live=False, besides=besides)
        if not backlog:
            return [], _IDLE_S
        # A few at once cost the line and the gateway less than one by one.
        wanted = min(len(backlog), _BATCH // 2)
        if may_backlog < wanted:
            return [], min(_IDLE_S * 5, max(0.05, self._backlog.wait_s(backlog_share(share), wanted)))
        batch = backlog[:may_backlog]
        self._backlog.take(len(batch))
        self._live.take(len(batch))
        return batch, 0.0

    # --- sending ----------------------------------------------------------------------------------------------------

    def _send(self, door: Door, batch: Sequence[Kept]) -> float:
        """Upload what is not uploaded, fix each event's bytes, send them; return how long to wait."""
        ready, away = self._prepare(door, batch)
        present = self.outbox.fix([one for one in ready if one[0].body is None])
        ready = [one for one in ready if one[0].body or one[0].sequence in present]
        if away and not ready:
            raise away
        if not ready:
            return 0.0
        began = time.perf_counter()
        try:
            fates = self._ask(door, [body for _, _, body in ready])
        except DoorAway as error:
            if error.status == _UNFORESEEN:  # it may be one of these at which the gateway stumbles
                for kept, _, _ in ready:
                    self._defer(kept, error.detail)
            raise
        taken = [kept for (kept, _, _), fate in zip(ready, fates, strict=True) if fate.taken]
        self.outbox.done(taken)
        self._tell_of(taken, (began, time.perf_counter()))
        if all(fate.unbelieved for fate in fates):
            raise DoorUnbelieving(fates[0].detail)
        refused = [((kept, body), fate) for (kept, _, body), fate in zip(ready, fates, strict=True) if not fate.taken]
        for (kept, _), fate in refused:
            if fate.unbelieved or fate.status == _UNFORESEEN:
                self._defer(kept, fate.detail or fate.kind)
        refused = [one for one in refused if not one[1].unbelieved]
        pauses_s = [self._refuse(kept, fate, body) for (kept, body), fate in refused if not fate.again]
        if taken:
            _log.info("events_sent", number=len(taken), first=ready[0][0].sequence, last=ready[-1][0].sequence)
        waits = [fate.retry_after_s or 1.0 for _, fate in refused if fate.again]
        return max([0.0, *pauses_s, self._backoff.spread(max(waits)) if waits else 0.0])

    def _prepare(self, door: Door, batch: Sequence[Kept]) -> tuple[list[tuple[Kept, str, bytes]], DoorAway | None]:
        """Return what can be sent of a batch, and what kept the rest: one picture that the store refuses holds up no other."""
        ready, away, until_s = [], None, self.clock().since_boot_s + _PREPARING_S
        for kept in batch:
            try:
                if made := self._ready(door, kept):
                    ready.append(made)
            except DoorAway as error:
                away = error
                if not error.answered:
                    break
                self._defer(kept, error.detail)
            except FleetError:
                raise
            except Exception:  # noqa: BLE001 - one event that nobody foresaw must not hold up all others
                _log.exception("unforeseen", event_id=str(kept.event_id), sequence=kept.sequence)
                self._defer(kept, "unforeseen")
            if self.clock().since_boot_s > until_s:
                break
        return ready, away

    def _defer(self, kept: Kept, why: str) -> None:
        """Leave an event alone for a while, and send others."""
        for_s = self._deferred.defer(kept.sequence, self.clock().since_boot_s)
        _log.warning("event_deferred", event_id=str(kept.event_id), sequence=kept.sequence, for_s=for_s, why=why)

    def _ask(self, door: Door, bodies: Sequence[bytes]) -> list[Fate]:
        try:
            return door.send(bodies)
        except DoorRefused as error:
            if not error.fate.condemns:
                raise _misled(error) from error
            # Said of all at once: each is asked for alone, for it may be the fault of one, or of their number.
            return [error.fate] if len(bodies) == 1 else [fate for body in bodies for fate in self._ask(door, [body])]

    def _ready(self, door: Door, kept: Kept) -> tuple[Kept, str, bytes] | None:
        """Return an event with its picture's place and its bytes, None if it was dropped or put aside meanwhile."""
        try:
            url = kept.image_url or self._upload(door, kept)
            if url is None:
                return None
            if kept.body and not is_sound(kept, self.sensor_id, kept.body):
                why = "what was sent for it before"
                _log.error("event_damaged", event_id=str(kept.event_id), sequence=kept.sequence, why=why, hint="it is made again")
                self.outbox.remake(kept)
                return None
            return kept, url, kept.body or body_of(kept, self.sensor_id, url, *self.outbox.when(kept.at))
        except DoorRefused as error:
            if not error.fate.condemns:
                raise _misled(error) from error
            self._refuse(kept, error.fate)
        except Permanent as error:
            self._refuse(kept, Fate(422, "invalid", error.detail))
        return None

    def _upload(self, door: Door, kept: Kept) -> str | None:
        image = self.outbox.image(kept)
        if image is None:
            return None
        place = door.place(kept.event_id, kept.content_type, len(image))
        began = time.perf_counter()
        door.put(place, image)
        if self.told:
            self._uploaded[kept.sequence] = (began, time.perf_counter())
        return place.image_url

    def _tell_of(self, taken: Sequence[Kept], published: Stretch) -> None:
        uploaded, self._uploaded = self._uploaded, {}
        if self.told:
            for kept in taken:
                self.told(EventSent(kept.event_id, self.sensor_id, uploaded.get(kept.sequence), published))

    def _refuse(self, kept: Kept, fate: Fate, body: bytes = b"") -> float:
        """Put an event aside, or have it made again: a refused time is no fault of it while the clock is not sure.

        Return for how many seconds to wait until more may be known of the time.
        """
        if fate.kind == _CLOCK and body:
            otherwise = abs(captured_s(body) - self.outbox.when(kept.at)[0]) > _OTHERWISE_S
            sure = self.outbox.is_sure_of_time(self.clock().boot)
            if otherwise or not sure or kept.remade < _REMADE:
                _log.warning("event_time_refused", event_id=str(kept.event_id), why=fate.detail, hint="it is made again")
                self.outbox.remake(kept)
                return 0.0 if otherwise or sure else _UNSURE_S
        _log.error("event_put_aside", event_id=str(kept.event_id), sequence=kept.sequence, problem=fate.kind, why=fate.detail)
        self.outbox.put_aside(kept, fate.kind, fate.detail)
        return 0.0

    # --- beside it --------------------------------------------------------------------------------------------------

    def _say_that_we_are_there(self, door: Door) -> None:
        now_s = self.clock().since_boot_s
        if now_s < self._contact_at_s:
            return
        try:
            advice = door.contact(int(self.outbox.fact("next_sequence", 0) or 0), self.report())
        except DoorRefused as error:
            _log.error("contact_refused", why=error.detail)
        except DoorAway as error:
            # Contacts need the gateway's database and events do not: only who cannot be reached at all ends the step.
            if not error.answered:
                raise
            self._contact_at_s = now_s + self._backoff.spread(self.plan.contact_s / 10)
            return
        else:
            self.outbox.remember(last_contact_s=self.outbox.when(self.clock())[0])
            if advice.share <= 0:
                raise DoorAway("the fleet has as many events as it can hold", advice.pause_s, answered=True)
        self._contact_at_s = now_s + self._backoff.spread(self.plan.contact_s * 0.8)

    def _chores(self) -> None:
        now = self.clock()
        if now.since_boot_s < self._chores_at_s:
            return
        self._chores_at_s = now.since_boot_s + _CHORES_S
        self.outbox.shelf.must_be_in_place()
        self.outbox.shelf.take_ballast()
        if self.outbox.is_sure_of_time(now.boot):
            keep_s = min(self.plan.keep_s, MAX_AGE.total_seconds() - 3600)
            if dropped := self.outbox.drop_older(self.outbox.when(now)[0] - keep_s):
                _log.warning("events_dropped", number=dropped, reason="too_old")

    def _tell_trouble(self, trouble: str) -> None:
        if trouble == self._trouble:
            return
        before, self._trouble = self._trouble, trouble
        if trouble:
            _log.warning("sending_stopped", why=trouble, hint="pictures are kept; it is tried again")
        elif before:
            _log.info("sending_goes_on")
        try:
            last: dict[str, str | float] = (
                {"last_error": trouble, "last_error_s": self.outbox.when(self.clock())[0]} if trouble else {}
            )
            self.outbox.remember(trouble=trouble, **last)
        except FleetError as error:
            _log.error("outbox_not_written", why=error.detail)


def _misled(error: DoorRefused) -> DoorAway:
    """Return what a refusal means that is no event's fault."""
    return DoorAway(f"{error.detail}; is GATEWAY_URL right, to its last letter?", answered=False)
