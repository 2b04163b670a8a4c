"""When an event is tried again: data for the ledger, decided here and nowhere else. Pure; chance is passed in."""

from contracts.errors import MaybeLate, Retryable, Transient

_LATE_DELAYS_S = (5.0, 30.0, 120.0, 600.0)
_TRANSIENT_BASE_S = 2.0
_TRANSIENT_CAP_S = 600.0
_TRANSIENT_TRIES = 6
_TRANSIENT_PATIENCE_S = 30 * 60.0


def delay_s(error: Retryable, attempt: int, age_s: float, chance: float) -> float | None:
    """Return in how many seconds to try again after attempt number `attempt` (1 up), or None to give up.

    `age_s` is the time since the event came in, `chance` a random number in [0, 1): full jitter keeps a fleet that
    failed together from trying again together. What a server asks for (Retry-After) is obeyed.
    """
    if isinstance(error, MaybeLate):
        return _LATE_DELAYS_S[attempt - 1] if attempt <= len(_LATE_DELAYS_S) else None
    if attempt >= _TRANSIENT_TRIES or age_s >= _TRANSIENT_PATIENCE_S:
        return None
    ceiling = min(_TRANSIENT_CAP_S, _TRANSIENT_BASE_S * 4.0 ** (attempt - 1))
    jittered = max(0.1, ceiling * chance)
    asked = error.retry_after_s if isinstance(error, Transient) and error.retry_after_s else 0.0
    return max(jittered, min(asked, _TRANSIENT_CAP_S))
