"""Looks whether accuracy has fallen, opens and closes the alert, and sees to it that people are told."""

import math
import random
from datetime import timedelta

from contracts.accuracy import Decisions, Dimension, Histogram
from contracts.alerts import ACCURACY_FELL, SHIFTED, Alert, Alerts, Messenger
from contracts.errors import AlertNotTold
from contracts.estimates import estimate
from contracts.facts import AccuracyWatched, AlertClosed, AlertOpened, ShiftMeasured
from contracts.ports import Clock, Telemetry
from contracts.shift import Shift, compare, compare_embeddings
from learning.truth.alarm import BASELINE, WINDOW_DAYS, Evidence, weigh
from learning.truth.sampling import fair_days

MATURE_S = 86_400.0
"""Labels are awaited so long: of what was photographed later than this ago nothing is judged yet."""
_PATIENCE = 3
"""So many alerts are not taken one after another before the others wait for the next round."""
EMBEDDINGS = "embeddings"
"""The subject of a shift of what the model sees in the pictures."""


class AccuracyWatch:
    """A round may be repeated as often as one likes: see `learning.truth.alarm`."""

    def __init__(
        self,
        decisions: Decisions,
        alerts: Alerts,
        messenger: Messenger,
        clock: Clock,
        telemetry: Telemetry,
        *,
        baseline: float = BASELINE,
        mature_s: float = MATURE_S,
    ) -> None:
        """Watch what `decisions` says against `baseline`, in (0, 1)."""
        self._decisions, self._alerts, self._messenger = decisions, alerts, messenger
        self._clock, self._telemetry, self._baseline, self._mature_s = clock, telemetry, baseline, mature_s

    def look(self) -> Evidence:
        """Look once; raises LedgerUnavailable."""
        until = self._clock() - timedelta(seconds=self._mature_s)
        since = until - timedelta(days=WINDOW_DAYS)
        found = weigh(fair_days(self._decisions.buckets(since, until)), until.date(), baseline=self._baseline)
        overall = estimate(self._decisions.strata(since, until, Dimension.ALL, healthy=True))
        self._telemetry.emit(
            AccuracyWatched(overall.value, overall.low, overall.high, overall.labels, overall.expected, found.strength)
        )
        said = {
            "accuracy": _number(overall.value),
            "interval": [_number(overall.low), _number(overall.high)],
            "labels": overall.labels,
            "expected": _number(overall.expected),
            "baseline": self._baseline,
            "strength": round(min(found.strength, 1e12), 3),
            "since": found.since.isoformat() if found.since else None,
            "until": until.isoformat(timespec="seconds"),
        }
        if found.fires:
            self._opened(self._alerts.fire(ACCURACY_FELL, "", said))
        elif found.over(self._baseline):
            self._closed(self._alerts.resolve(ACCURACY_FELL, "", said))
        self.tell()
        return found

    def warn(self) -> dict[str, Shift]:
        """Compare the last week with the four before it, which needs no labels; raises LedgerUnavailable."""
        until = self._clock()
        since, before = until - timedelta(days=WINDOW_DAYS), until - timedelta(days=WINDOW_DAYS * 5)
        looked = self._decisions
        found = {of.value: compare(looked.histogram(before, since, of), looked.histogram(since, until, of)) for of in Histogram}
        found[EMBEDDINGS] = compare_embeddings(looked.embeddings(before, since), looked.embeddings(since, until))
        for of, shift in found.items():
            self._telemetry.emit(ShiftMeasured(of, shift.index, shift.limit))
            said = {"index": round(shift.index, 4), "most": shift.most, "decisions": shift.now, "decisions_before": shift.before}
            if shift.warns:
                self._opened(self._alerts.fire(SHIFTED, of, said))
            elif shift.calm:
                self._closed(self._alerts.resolve(SHIFTED, of, said))
        self.tell()
        return found

    def tell(self) -> None:
        """Tell people what they were not told yet; what cannot be told now is told in a later round.

        In any order: those that are never taken shall not keep back the same others each time.
        """
        refused, untold = 0, self._alerts.untold()
        for alert in random.sample(untold, len(untold)):
            if refused >= _PATIENCE:
                return  # it is the other side that is away, and not one alert that it does not take
            with self._alerts.telling(alert) as mine:
                if mine:
                    refused = 0 if self._told(alert) else refused + 1

    def _told(self, alert: Alert) -> bool:
        try:
            self._messenger.tell(alert)
        except AlertNotTold:
            return False
        self._alerts.told(alert)
        return True

    def _opened(self, alert: Alert | None) -> None:
        if alert:
            self._telemetry.emit(AlertOpened(alert.kind, alert.subject, dict(alert.evidence)))

    def _closed(self, alert: Alert | None) -> None:
        if alert:
            self._telemetry.emit(AlertClosed(alert.kind, alert.subject))


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 5)
