"""Facts become log lines and metrics here and nowhere else; spans they become in `adapters.telemetry.steps`."""

from datetime import UTC, datetime
from functools import singledispatchmethod
from typing import Any

import structlog

from adapters.telemetry import metrics
from contracts import facts
from contracts.categories import CATEGORIES
from contracts.errors import LedgerUnavailable, ObjectStoreUnavailable, Permanent, QueueUnavailable, Retryable, reasons_of
from contracts.facts import Fact
from contracts.models import ModelState
from contracts.names import LOW_CONFIDENCE, OUT_OF_DISTRIBUTION, OutcomeKind
from contracts.outcomes import Outcome
from contracts.ports import Telemetry
from contracts.trainings import TrainingState


class FleetTelemetry:
    """Implements `contracts.ports.Telemetry`."""

    def __init__(self, traces: Telemetry | None = None) -> None:
        """Log through structlog's configuration; tell `traces`, too, where there are any."""
        self._log: Any = structlog.get_logger("waste")
        self._traces = traces

    def emit(self, fact: Fact) -> None:
        """Log and count a fact."""
        self._tell(fact)
        if self._traces:
            self._traces.emit(fact)

    @singledispatchmethod
    def _tell(self, fact: Any) -> None:
        self._log.error("fact_unknown", kind=type(fact).__name__)

    @_tell.register(facts.EventForwarded)
    @_tell.register(facts.EventsEntered)
    @_tell.register(facts.EventSent)
    def _(self, fact: Fact) -> None:
        """Leave to traces what a line and a figure for a whole batch say."""

    @_tell.register
    def _(self, fact: facts.BatchAccepted) -> None:
        counts = {"new": fact.new, "repeated": fact.repeated, "conflicting": fact.conflicting, "refused": fact.refused}
        for fate, count in counts.items():
            metrics.EVENTS_ACCEPTED.labels(fate).inc(count)
        metrics.WAKE_UPS.inc(fact.wake_ups)
        metrics.EDGE_WAIT.observe(fact.waited_s)
        _TAKEN_BY_INTAKE.observe(sum(counts.values()))
        self._log.info("batch_accepted", **counts, wake_ups=fact.wake_ups, waited_s=round(fact.waited_s, 3))

    @_tell.register
    def _(self, fact: facts.EventRefused) -> None:
        metrics.OUTCOMES.labels(OutcomeKind.FAILURE.value, fact.reason).inc()
        self._log.warning(
            "event_refused", event_id=str(fact.event_id), sensor_id=fact.sensor_id, reason=fact.reason, detail=fact.detail
        )

    @_tell.register
    def _(self, fact: facts.ItemDecided) -> None:
        outcome = fact.outcome
        metrics.OUTCOMES.labels(outcome.kind.value, outcome.reason or "").inc()
        context = {"event_id": str(outcome.event_id), "sensor_id": outcome.sensor_id, "attempt": outcome.attempts}
        if outcome.prediction:
            context["model_version"] = outcome.prediction.model_version
        log = self._log.bind(**context)
        if outcome.reason == LOW_CONFIDENCE and outcome.prediction:
            confidence = round(outcome.prediction.confidence, 4)
            log.warning("LOW_CONFIDENCE_ALERT", category=outcome.prediction.category.value, confidence=confidence)
        level = log.warning if outcome.kind == OutcomeKind.FAILURE else log.info
        level("event_decided", kind=outcome.kind.value, **_measures(outcome), **_reason(outcome))
        metrics.DECISION.observe(max(0.0, fact.waited_s))
        _observe(outcome)

    @_tell.register
    def _(self, fact: facts.WakeUpTaken) -> None:
        _TAKEN_BY_A_WORKER.observe(fact.events)

    @_tell.register
    def _(self, fact: facts.OutcomeRepeated) -> None:
        metrics.OUTCOMES_REPEATED.labels(fact.kind.value).inc()
        self._log.info("outcome_repeated", event_id=str(fact.event_id), kind=fact.kind.value)

    @_tell.register
    def _(self, fact: facts.ItemPostponed) -> None:
        metrics.RETRIES.labels(fact.reason).inc()
        self._log.info(
            "event_postponed",
            event_id=str(fact.event_id),
            sensor_id=fact.sensor_id,
            attempt=fact.attempt,
            reason=fact.reason,
            detail=fact.detail,
            delay_s=round(fact.delay_s, 1),
        )

    @_tell.register
    def _(self, fact: facts.LeaseLost) -> None:
        metrics.LEASES_LOST.inc()
        self._log.warning("lease_lost", event_id=str(fact.event_id), losses=fact.losses)

    @_tell.register
    def _(self, fact: facts.WakeUpsRepublished) -> None:
        metrics.REPUBLISHED.labels(fact.cause).inc(len(fact.event_ids))
        self._log.info("events_republished", cause=fact.cause, events=len(fact.event_ids))

    @_tell.register
    def _(self, fact: facts.DeadLettersPublished) -> None:
        metrics.DEAD_LETTERS.labels("late" if fact.late else "in_time").inc(len(fact.letters))
        self._log.debug("dead_letters_published", count=len(fact.letters), late=fact.late)

    @_tell.register
    def _(self, fact: facts.DeadLettersFiled) -> None:
        metrics.DEAD_LETTERS_FILED.inc(fact.new)
        self._log.info("dead_letters_filed", received=len(fact.letters), new=fact.new)

    @_tell.register
    def _(self, fact: facts.AuditSampled) -> None:
        metrics.AUDIT_SAMPLED.inc(fact.count)
        self._log.info("audit_sampled", count=fact.count)

    @_tell.register
    def _(self, fact: facts.PolicyViolated) -> None:
        metrics.POLICY_VIOLATIONS.inc()
        self._log.warning("policy_violated", report=fact.report)

    @_tell.register
    def _(self, fact: facts.DependencyLost) -> None:
        metrics.DEPENDENCY_UP.labels(fact.reason).set(0)
        self._log.error("dependency_lost", reason=fact.reason, detail=fact.detail)

    @_tell.register
    def _(self, fact: facts.DependencyBack) -> None:
        metrics.DEPENDENCY_UP.labels(fact.reason).set(1)
        self._log.info("dependency_back", reason=fact.reason, away_s=round(fact.away_s, 1))

    @_tell.register
    def _(self, fact: facts.ModelsInForce) -> None:
        metrics.SERVING_REVISION.set(fact.revision)
        metrics.MODELS_BEHIND.set(0)
        self._log.info("models_in_force", revision=fact.revision, champion=fact.champion, canary=fact.canary, shadow=fact.shadow)

    @_tell.register
    def _(self, fact: facts.ModelLoaded) -> None:
        metrics.MODEL_LOAD.observe(fact.took_s)
        metrics.MODEL_FILES.labels(fact.found).inc()
        self._log.info("model_loaded", model_version=fact.version, took_s=round(fact.took_s, 3), found=fact.found)

    @_tell.register
    def _(self, fact: facts.ModelNotLoaded) -> None:
        metrics.MODELS_BEHIND.set(1)
        self._log.error("model_not_loaded", revision=fact.revision, problem=fact.problem)

    @_tell.register
    def _(self, fact: facts.ModelMoved) -> None:
        metrics.MODEL_MOVES.labels(fact.after).inc()
        level = self._log.warning if fact.after == ModelState.RETIRED else self._log.info
        level("model_moved", model_version=fact.version, before=fact.before, after=fact.after, why=fact.why)

    @_tell.register
    def _(self, fact: facts.TrainingEnded) -> None:
        metrics.TRAININGS.labels(fact.state).inc()
        level = self._log.warning if fact.state == TrainingState.FAILED else self._log.info
        level("training_ended", training_id=fact.training_id, state=fact.state, why=fact.why)

    @_tell.register
    def _(self, fact: facts.ModelUnfit) -> None:
        metrics.MODELS_UNFIT.inc()
        self._log.error("model_unfit", model_version=fact.version, why=fact.why)

    @_tell.register
    def _(self, fact: facts.AccuracyWatched) -> None:
        bounds = {"value": fact.value, "low": fact.low, "high": fact.high, "expected": fact.expected}
        for bound, value in bounds.items():
            metrics.ACCURACY.labels(bound).set(value)
        metrics.ACCURACY_LABELS.set(fact.labels)
        metrics.DRIFT_STRENGTH.set(fact.strength)
        self._log.info("accuracy_watched", **{name: round(value, 4) for name, value in bounds.items()}, labels=fact.labels)

    @_tell.register
    def _(self, fact: facts.ShiftMeasured) -> None:
        metrics.SHIFT.labels(fact.of, "distance").set(fact.distance)
        metrics.SHIFT.labels(fact.of, "limit").set(fact.limit)

    @_tell.register
    def _(self, fact: facts.AlertOpened) -> None:
        self._log.error("alert_opened", kind=fact.kind, subject=fact.subject, evidence=dict(fact.evidence))

    @_tell.register
    def _(self, fact: facts.AlertClosed) -> None:
        self._log.info("alert_closed", kind=fact.kind, subject=fact.subject)


def _begin() -> None:
    """Begin the series whose labels are known: what appears with its first count has no rate, and no alert sees a burst of it."""
    for need in (LedgerUnavailable, QueueUnavailable, ObjectStoreUnavailable):
        metrics.DEPENDENCY_UP.labels(need.reason).set(1)
    for reason in (LOW_CONFIDENCE, OUT_OF_DISTRIBUTION):
        metrics.OUTCOMES.labels(OutcomeKind.REVIEW.value, reason)
    metrics.OUTCOMES.labels(OutcomeKind.PREDICTION.value, "")
    retryable = reasons_of(Retryable)
    for reason in reasons_of(Permanent) | retryable:
        metrics.OUTCOMES.labels(OutcomeKind.FAILURE.value, reason)
    for reason in retryable:
        metrics.RETRIES.labels(reason)
    for category in CATEGORIES:
        metrics.CONFIDENCE.labels(category.value)


_begin()

# Looking a label up costs as much as the observation.
_TAKEN_BY_INTAKE, _TAKEN_BY_A_WORKER = (metrics.BATCH_EVENTS.labels(where) for where in ("intake", "worker"))
_STAGES = {f"{stage}_ms": metrics.STAGE.labels(stage) for stage in ("queued", "fetch", "decode", "inference", "record")}


def _observe(outcome: Outcome) -> None:
    if outcome.captured_at:
        metrics.EVENT_LATENCY.observe(max(0.0, (datetime.now(UTC) - outcome.captured_at).total_seconds()))
    if outcome.latencies:
        for name, seconds in _STAGES.items():
            seconds.observe(getattr(outcome.latencies, name) / 1000)
    if outcome.prediction:
        category = outcome.prediction.category.value
        metrics.PREDICTIONS.labels(category, outcome.prediction.model_version).inc()
        metrics.CONFIDENCE.labels(category).observe(outcome.prediction.confidence)


def _measures(outcome: Outcome) -> dict[str, object]:
    measures: dict[str, object] = {}
    if outcome.prediction:
        measures |= {"category": outcome.prediction.category.value, "confidence": round(outcome.prediction.confidence, 4)}
        if outcome.prediction.outlier_score is not None:
            measures["outlier_score"] = round(outcome.prediction.outlier_score, 4)
    if outcome.latencies:
        measures |= {"processing_time_ms": round(outcome.latencies.processing_time_ms, 2)}
        measures |= {
            name: round(getattr(outcome.latencies, name), 2) for name in ("queued_ms", "fetch_ms", "decode_ms", "inference_ms")
        }
    return measures


def _reason(outcome: Outcome) -> dict[str, str]:
    return {"reason": outcome.reason, "detail": outcome.detail} if outcome.reason else {}
