"""Looks at each camera, opens a ticket for one that is sick and closes it when the camera is as before."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.alerts import SENSOR_FAULTY, SHIFTED, Alert, Alerts
from contracts.facts import AlertClosed, AlertOpened
from contracts.pictures import SensorDay, SensorHistory
from contracts.ports import Clock, Telemetry
from learning.truth.cameras import Change, Round, judge

REACH_DAYS = 28
"""How far back what is usual for a sensor is told from."""
WINDOW_H = 24.0
"""Of whole days alone the light of all hours is the same."""
PICTURES = "pictures"
"""The subject of a shift of what the fleet's pictures are like."""


@dataclass(frozen=True, slots=True)
class CameraWatch:
    """A round may be repeated as often as one likes."""

    history: SensorHistory
    alerts: Alerts
    clock: Clock
    telemetry: Telemetry

    def look(self) -> Round:
        """Look once; raises LedgerUnavailable. Whoever looks has people told (`AccuracyWatch.tell`)."""
        until = self.clock()
        since = until - timedelta(hours=WINDOW_H)
        self.history.sum_up(until, REACH_DAYS)
        standing = {one.subject: one for one in self.alerts.standing(SENSOR_FAULTY)}
        found = judge(self.history.lately(since, until), self.history.usual(since, REACH_DAYS), frozenset(standing))
        new = {one.sensor_id for one in found.opens}
        for change in found.changes:
            if change.sensor_id in standing or change.sensor_id in new:
                self._ticket(change, standing.get(change.sensor_id), since, drifts=found.drifts)
        self._fleet(found)
        return found

    def accept(self, sensor_id: str, who: str) -> bool:
        """Take what a sensor shows from now on for usual: its ticket is closed; returns whether it had one."""
        closed = self.alerts.resolve(SENSOR_FAULTY, sensor_id, {"accepted_by": who})
        self._closed(closed)
        return closed is not None

    def _ticket(self, change: Change, standing: Alert | None, since: datetime, *, drifts: bool) -> None:
        said = evidence(change)
        if change.fault:
            began = standing.evidence.get("since") if standing else None
            self._opened(
                self.alerts.fire(SENSOR_FAULTY, change.sensor_id, said | {"since": began or since.isoformat(timespec="seconds")})
            )
        elif change.calm and not drifts:
            self._closed(self.alerts.resolve(SENSOR_FAULTY, change.sensor_id, said))

    def _fleet(self, found: Round) -> None:
        said = {
            "sensors": len(found.changes),
            "changed": len(found.fresh),
            "brightness": round(found.brightness, 3),
            "sharpness": round(found.sharpness, 3),
            "edge": round(found.brim, 2),
        }
        if found.drifts:
            self._opened(self.alerts.fire(SHIFTED, PICTURES, said))
        elif found.settled:
            self._closed(self.alerts.resolve(SHIFTED, PICTURES, said))

    def _opened(self, alert: Alert | None) -> None:
        if alert:
            self.telemetry.emit(AlertOpened(alert.kind, alert.subject, dict(alert.evidence)))

    def _closed(self, alert: Alert | None) -> None:
        if alert:
            self.telemetry.emit(AlertClosed(alert.kind, alert.subject))


def evidence(change: Change) -> dict[str, object]:
    """Return what speaks for a change, for people: each figure before and now."""
    now, before = change.now, change.before
    said: dict[str, object] = {"fault": change.fault.value if change.fault else None}
    for name in ("brightness", "sharpness", "entropy", "confidence"):
        said[name] = [round(getattr(before, name), 3), round(getattr(now, name), 3)]
    spreads = [round(min(abs(one), 999.0), 1) for one in change.spreads]
    mix = round(_mix_distance(before, now), 3)
    return said | {"edge": round(change.brim, 2), "spreads": spreads, "mix": mix, "pictures": now.pictures, "days": change.days}


def _mix_distance(before: SensorDay, now: SensorDay) -> float:
    """Return which share of the pictures would have to be of another category, in [0, 1]."""
    shares = [[count / sum(day.categories) for count in day.categories] for day in (before, now)]
    return sum((abs(one - other) for one, other in zip(*shares, strict=True)), 0.0) / 2
