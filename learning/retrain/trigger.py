"""When a training is due. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from contracts.alerts import ACCURACY_FELL, Alert
from contracts.trainings import BY_ALERT, BY_SCHEDULE, Training, TrainingState

AGAIN_AFTER = timedelta(days=1)
"""By then new labels may have changed what a training gives."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """`every` is the schedule, None for none; `again_after` the pause before an alert that still stands asks once more."""

    every: timedelta | None
    again_after: timedelta = AGAIN_AFTER


def due(
    alerts: Sequence[Alert], trainings: Sequence[Training], now: datetime, rhythm: Rhythm, *, on_trial: bool
) -> tuple[str, UUID | None] | None:
    """Return why a training is due, and by which alert; None if none is.

    `trainings` are the last ones, the newest first. While a model is `on_trial` or about to be, it may be the answer.
    """
    if on_trial:
        return None
    ended = [one for one in trainings if one.ended_at is not None and one.state is not TrainingState.CANCELLED]
    if any(one.ended_at is None for one in trainings):
        return None
    last = ended[0] if ended else None
    for alert in alerts:
        if alert.kind == ACCURACY_FELL and alert.resolved_at is None and _answers(last, alert, now, rhythm):
            return BY_ALERT, alert.alert_id
    if rhythm.every is not None and (last is None or last.ended_at is None or now - last.ended_at > rhythm.every):
        return BY_SCHEDULE, None
    return None


def _answers(last: Training | None, alert: Alert, now: datetime, rhythm: Rhythm) -> bool:
    if last is None or last.ended_at is None or last.ended_at < alert.fired_at:
        return True
    return now - last.ended_at > rhythm.again_after
