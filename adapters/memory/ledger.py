"""In-memory twin of the ledger and the review desk: the same conditions as the SQL, readable in one place."""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from contracts.ledger import Acceptance, AcceptedEvent, ClaimedItem, WorkerPulse
from contracts.outcomes import DeadLetter, Outcome
from contracts.ports import Clock

_SILENCE = timedelta(seconds=7)
_ABANDONED_GRACE = timedelta(seconds=5)


@dataclass(slots=True)
class _Row:
    accepted: AcceptedEvent
    received_at: datetime
    available_at: datetime
    woken_at: datetime
    open: bool = True
    attempts: int = 0
    losses: int = 0
    lease_owner: UUID | None = None
    lease_until: datetime | None = None


@dataclass(slots=True)
class MemoryLedger:
    """Twin of `IntakeLedger`, `WorkerLedger`, `Reconciliation` and `ReviewDesk`."""

    clock: Clock
    rows: dict[UUID, _Row] = field(default_factory=dict)
    outcomes: dict[UUID, Outcome] = field(default_factory=dict)
    decided_at: dict[UUID, datetime] = field(default_factory=dict)
    published: set[UUID] = field(default_factory=set)
    pulses: dict[UUID, tuple[WorkerPulse, datetime]] = field(default_factory=dict)
    revocations: dict[str, int] = field(default_factory=dict)
    filed: dict[UUID, DeadLetter] = field(default_factory=dict)
    revision: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def accept(self, events: Sequence[AcceptedEvent], refusals: Sequence[Outcome]) -> Acceptance:
        """Open the new events and record the refusals."""
        fates = Acceptance([], [], [])
        with self._lock:
            for outcome in refusals:
                self._write(outcome)
            for accepted in events:
                known = self.rows.get(accepted.event.event_id)
                if known is None:
                    now = self.clock()
                    self.rows[accepted.event.event_id] = _Row(accepted, now, now, now)
                    fates.new.append(accepted.event.event_id)
                elif known.accepted.body_sha256 != accepted.body_sha256:
                    if accepted.event.event_id in fates.conflicting:
                        continue
                    fates.conflicting.append(accepted.event.event_id)
                elif accepted.event.event_id not in fates.new:
                    fates.repeated.append(accepted.event.event_id)
        return fates

    def revoked(self) -> dict[str, int]:
        """Return the last revoked generation of each sensor that has one."""
        return dict(self.revocations)

    def live_workers(self) -> int:
        """Count the workers whose heartbeat is young."""
        return sum(beaten_at > self.clock() - _SILENCE for _, beaten_at in self.pulses.values())

    def claim(self, event_ids: Sequence[UUID], owner: UUID, lease_s: float) -> list[ClaimedItem]:
        """Lease those of the events that are open, due and free."""
        with self._lock:
            rows = [(event_id, self.rows[event_id]) for event_id in dict.fromkeys(event_ids) if event_id in self.rows]
            return [self._lease(event_id, row, owner, lease_s) for event_id, row in rows if self._claimable(row)]

    def record(self, outcomes: Sequence[Outcome], owner: UUID) -> list[UUID]:  # noqa: ARG002 - the key decides
        """Write outcomes and close their events."""
        with self._lock:
            written = [outcome.event_id for outcome in outcomes if self._write(outcome)]
            for outcome in outcomes:
                if row := self.rows.get(outcome.event_id):
                    row.open, row.lease_owner, row.lease_until = False, None, None
            return written

    def postpone(self, delays_s: dict[UUID, float], owner: UUID, reasons: dict[UUID, str]) -> None:  # noqa: ARG002
        """Give leases back, each to be tried again after its delay."""
        for event_id, row in self._leased_by(owner, delays_s):
            row.available_at = self.clock() + timedelta(seconds=delays_s[event_id])
            row.lease_owner = row.lease_until = None

    def release(self, event_ids: Collection[UUID], owner: UUID) -> None:
        """Give leases back as if the events had never been claimed."""
        for _, row in self._leased_by(owner, event_ids):
            row.available_at = max(self.clock(), row.woken_at + timedelta(milliseconds=1))
            row.attempts -= 1
            row.lease_owner = row.lease_until = None

    def mark_published(self, event_ids: Collection[UUID]) -> None:
        """Note that dead letters are on their queue."""
        self.published |= set(event_ids)

    def beat(self, pulse: WorkerPulse) -> int:
        """Renew the heartbeat; return the revision of what is to be served."""
        self.pulses[pulse.owner] = (pulse, self.clock())
        return self.revision

    def leave(self, owner: UUID) -> None:
        """Take the heartbeat away."""
        self.pulses.pop(owner, None)

    @contextmanager
    def lead(self) -> Iterator[bool]:
        """Lead; there is nobody else."""
        yield True

    def due(self, limit: int) -> list[UUID]:
        """Mark as woken and return the retries that are due."""
        return self._wake(lambda row: row.woken_at < row.available_at and row.lease_owner is None, limit)

    def abandoned(self, limit: int) -> list[UUID]:
        """Mark as woken and return events whose lease has ended or whose holder is silent."""
        before = self.clock() - _ABANDONED_GRACE
        return self._wake(lambda row: row.lease_owner is not None and self._lease_free(row) and row.woken_at < before, limit)

    def passed_over(self, limit: int, grace_s: float, *, queue_empty: bool) -> list[UUID]:
        """Mark as woken and return open events whose wake-up must be lost."""
        grace = timedelta(seconds=grace_s)
        passed = max((pulse.passed_woken_at for pulse, _ in self.pulses.values() if pulse.passed_woken_at), default=None)
        before = self.clock() - grace

        def lost(row: _Row) -> bool:
            gone = queue_empty or (passed is not None and row.woken_at < passed - grace)
            return gone and row.woken_at >= row.available_at and row.lease_owner is None and row.woken_at < before

        return self._wake(lost, limit)

    def unpublished(self, limit: int, grace_s: float) -> list[DeadLetter]:
        """Return dead letters that were recorded and not published."""
        before = self.clock() - timedelta(seconds=grace_s)
        letters = [outcome.dead_letter for outcome in self.outcomes.values() if outcome.event_id not in self.published]
        return [letter for letter in letters if letter and self.decided_at[letter.event_id] < before][:limit]

    def file(self, letters: Sequence[DeadLetter]) -> int:
        """Put dead letters into their lane, each once."""
        new = [letter for letter in letters if letter.event_id not in self.filed]
        self.filed |= {letter.event_id: letter for letter in new}
        return len(new)

    def _write(self, outcome: Outcome) -> bool:
        if outcome.event_id in self.outcomes:
            return False
        self.outcomes[outcome.event_id] = outcome
        self.decided_at[outcome.event_id] = self.clock()
        return True

    def _claimable(self, row: _Row) -> bool:
        return row.open and row.available_at <= self.clock() and (row.lease_owner is None or self._lease_free(row))

    def _lease_free(self, row: _Row) -> bool:
        silent = row.lease_owner not in self.pulses or self.pulses[row.lease_owner][1] <= self.clock() - _SILENCE
        return silent or (row.lease_until is not None and row.lease_until < self.clock())

    def _lease(self, event_id: UUID, row: _Row, owner: UUID, lease_s: float) -> ClaimedItem:
        now = self.clock()
        row.attempts += 1
        row.losses += row.lease_owner is not None
        row.lease_owner, row.lease_until = owner, now + timedelta(seconds=lease_s)
        event = row.accepted.event
        queued_ms = max(0.0, (now - event.captured_at).total_seconds() * 1000)
        age_s = (self.clock() - row.received_at).total_seconds()
        place = (event_id, event.sensor_id, event.image_url, event.captured_at, age_s, row.woken_at)
        return ClaimedItem(*place, row.attempts, row.losses, queued_ms)

    def _leased_by(self, owner: UUID, event_ids: Collection[UUID]) -> list[tuple[UUID, _Row]]:
        known = [(event_id, self.rows[event_id]) for event_id in event_ids if event_id in self.rows]
        return [(event_id, row) for event_id, row in known if row.open and row.lease_owner == owner]

    def _wake(self, condition: Callable[[_Row], bool], limit: int) -> list[UUID]:
        with self._lock:
            now = self.clock()
            found = [(i, row) for i, row in self.rows.items() if row.open and row.available_at <= now and condition(row)][:limit]
            for _, row in found:
                row.woken_at = now
            return [event_id for event_id, _ in found]
