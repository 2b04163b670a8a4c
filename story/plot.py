"""The story: calm days, new packaging, the alert, a training, its trial, calm days again, a bad model and its end."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.postgres.connections import Pool, connected
from contracts.alerts import ACCURACY_FELL
from contracts.models import ModelState, Registry
from learning.slow.jobs import SlowLoop
from producer.pictures import Picture
from producer.uplink import Sent
from story.city import Calendar, City
from story.timeline import DayRow, Timeline

MATURE = timedelta(hours=24)
_PATIENCE_S = 120.0
_DAY = """
SELECT count(*)::int, count(*) FILTER (WHERE p.category = t.category)::int,
    count(*) FILTER (WHERE p.model_version = %(canary)s)::int,
    count(*) FILTER (WHERE p.model_version = %(canary)s AND p.category = t.category)::int
FROM predictions p JOIN ground_truth t ON t.event_id = p.event_id AND t.match = 'matched' WHERE p.event_id = ANY(%(ids)s)
"""
_OPEN = "SELECT count(*) FROM outcomes WHERE event_id = ANY(%s)"


@dataclass
class Plot:
    """Lets days pass; after each the slow loop does its jobs, as it does by itself every hour."""

    city: City
    loop: SlowLoop
    registry: Registry
    pool: Pool
    calendar: Calendar
    timeline: Timeline
    wait: Callable[[Callable[[], bool], float, str], None]
    number: int = 0
    _alert: bool = False
    _seen: int = 0
    _trained: set[Any] = field(default_factory=set)

    def day(self, pictures: Iterator[Picture]) -> DayRow:
        """Let one day pass and return it."""
        self.number += 1
        begins = self.calendar.now
        sent = self.city.day(begins, pictures)
        self.wait(lambda: self._decided(sent), _PATIENCE_S, f"the outcomes of {len(sent)} events")
        self.city.tell(sent)
        self.calendar.now = begins + timedelta(days=1) + MATURE
        plan = self.registry.plan()
        self.loop.look()
        row = self._row(sent, plan.canary.version if plan.canary else "", plan.champion.version if plan.champion else "as shipped")
        self.timeline.passed(row)
        self._tell_of_alerts()
        self.calendar.now = begins + timedelta(days=1)
        self.loop.ask()
        self.loop.train()
        self._tell_of_trainings()
        self.loop.steer()
        self._tell_of_moves()
        self.await_workers()
        return row

    def _decided(self, sent: list[Sent]) -> bool:
        ids = [one.capture.event_id for one in sent]
        with connected(self.pool) as connection:
            row = connection.execute(_OPEN, (ids,)).fetchone()
        return row is not None and row[0] == len(ids)

    def _row(self, sent: list[Sent], canary: str, champion: str) -> DayRow:
        ids = [one.capture.event_id for one in sent]
        with connected(self.pool) as connection:
            row = connection.execute(_DAY, {"ids": ids, "canary": canary}).fetchone()
        known, right, by_canary, canary_right = row or (0, 0, 0, 0)
        return DayRow(
            self.number,
            known,
            right / known if known else float("nan"),
            by_canary,
            canary_right / by_canary if by_canary else float("nan"),
            champion,
        )

    def _tell_of_alerts(self) -> None:
        standing = bool(self.loop.alerts.standing(ACCURACY_FELL))
        if standing != self._alert:
            self.timeline.happened(self.number, "the alert fires: accuracy fell" if standing else "the alert closes by itself")
        self._alert = standing

    def _tell_of_trainings(self) -> None:
        for one in reversed(self.loop.trainings.recent(20)):
            if one.ended_at is None or one.training_id in self._trained:
                continue
            self._trained.add(one.training_id)
            reasons = "; ".join(map(str, one.report.get("reasons") or [one.report.get("error") or ""]))  # type: ignore[call-overload]
            came = f"passes the gate: {one.version}" if one.version else f"ends {one.state}: {reasons}"
            self.timeline.happened(self.number, f"a training (because: {one.because}) {came}")

    def _tell_of_moves(self) -> None:
        moves = self.registry.moves(limit=200)
        for move in reversed(moves[: len(moves) - self._seen]):
            self.timeline.happened(self.number, f"{move.version}: {move.before} -> {move.after} ({move.because})")
        self._seen = len(moves)

    def await_workers(self) -> None:
        """Wait until every worker has in force what is planned."""
        revision = self.registry.plan().revision
        self.wait(
            lambda: bool(found := self.registry.workers()) and all(one.revision == revision for one in found),
            30.0,
            "the plan in every worker",
        )

    def state_of(self, version: str) -> ModelState:
        """Return where a model stands."""
        return next(one.state for one in self.registry.models() if one.file.version == version)


def first_day(days: int) -> datetime:
    """Return the midnight at which a story of so many days begins, so that all of it lies in the past."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=days + 2)
