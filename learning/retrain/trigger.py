"""When a training is due. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from contracts.alerts import ACCURACY_FELL, Alert
from contracts.trainings import BY_ALERT, BY_SCHEDULE, Training, TrainingState

AFTER_REFUSAL = timedelta(days=1)
"""Until then new labels may change what the gate says."""
AFTER_SUCCESS = timedelta(days=14)
"""So long a candidate has for its trial."""


def due(
    alerts: Sequence[Alert], trainings: Sequence[Training], now: datetime, every: timedelta | None
) -> tuple[str, UUID | None] | None:
    """Return why a training is due, and by which alert; None if none is.

    `trainings` are the last ones, the newest first; `every` is the schedule, None for no schedule.
    """
    ended = [one for one in trainings if one.ended_at is not None and one.state is not TrainingState.CANCELLED]
    if any(one.ended_at is None for one in trainings):
        return None
    last = ended[0] if ended else None
    for alert in alerts:
        if alert.kind == ACCURACY_FELL and alert.resolved_at is None and _answers(last, alert, now):
            return BY_ALERT, alert.alert_id
    if every is not None and (last is None or last.ended_at is None or now - last.ended_at > every):
        return BY_SCHEDULE, None
    return None


def _answers(last: Training | None, alert: Alert, now: datetime) -> bool:
    if last is None or last.ended_at is None or last.ended_at < alert.fired_at:
        return True
    return now - last.ended_at > (AFTER_SUCCESS if last.state is TrainingState.REGISTERED else AFTER_REFUSAL)
