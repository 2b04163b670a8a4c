"""What has to be done now and then beside the drain: the audit sample, what the queue lost, and the rollups."""

import time
from collections.abc import Callable

from contracts.facts import AuditSampled
from contracts.ports import Telemetry
from contracts.review_ports import LostLetters, Quality
from contracts.rollups import Rollups
from dlq_review.reconcile import reconcile

_SAMPLE_EVERY_S = 10.0
_RECONCILE_EVERY_S = 300.0
_ROLL_EVERY_S = 20.0
_ROLL_AT_MOST_S = 5.0
"""What is behind by days catches up in portions, and letters do not wait for it."""
_COUNT_LABELS_EVERY_S = 30.0
_LOOKED_BACK_S = 2 * 86_400.0
"""What was lost longer ago `waste dlq reconcile` finds: it reads all outcomes there ever were."""


class WithChores:
    """Calls a round, and does a chore when its time has come. A chore may be repeated, by others at the same time too."""

    def __init__(
        self,
        take_one: Callable[[], bool],
        quality: Quality,
        letters: LostLetters,
        rollups: Rollups,
        telemetry: Telemetry,
        *,
        audit_share: float,
    ) -> None:
        """Do `take_one`, and put `audit_share` of the confident predictions, in [0, 1], up for review."""
        self._take_one, self._quality, self._letters, self._telemetry = take_one, quality, letters, telemetry
        self._rollups, self._audit_share = rollups, audit_share
        self._sample_at = self._reconcile_at = self._roll_at = self._count_labels_at = 0.0

    def take_one(self) -> bool:
        """Go round once; returns whether there was a batch. Raises Infrastructure and loses nothing."""
        try:
            return self._take_one()
        finally:  # a queue that is away, or a batch that fails, keeps nothing else from being done
            self._do_chores()

    def _do_chores(self) -> None:
        now = time.monotonic()
        if now >= self._sample_at:
            self._sample_at = now + _SAMPLE_EVERY_S
            if sampled := self._quality.sample(self._audit_share):
                self._telemetry.emit(AuditSampled(sampled))
        if now >= self._reconcile_at:
            self._reconcile_at = now + _RECONCILE_EVERY_S
            reconcile(self._letters, self._telemetry, since_s=_LOOKED_BACK_S)
        if now >= self._roll_at:
            self._roll_at = now + _ROLL_EVERY_S
            while self._rollups.roll() and time.monotonic() < now + _ROLL_AT_MOST_S:
                pass
        if now >= self._count_labels_at:
            self._count_labels_at = now + _COUNT_LABELS_EVERY_S
            self._rollups.count_labels()
