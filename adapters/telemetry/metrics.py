"""Every metric of the fleet, by name. Labels are bounded: never a sensor, an event or a URL."""

import math

from prometheus_client import Counter, Gauge, Histogram


def _unknown(name: str, documentation: str) -> Gauge:
    # The library begins with 0, which in the programs that never set it would be a figure: partitions that end now.
    gauge = Gauge(name, documentation)
    gauge.set(math.nan)
    return gauge


_BATCH = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

EVENTS_ACCEPTED = Counter("waste_events_accepted_total", "Messages of the edge queue by what intake made of them.", ["fate"])
EDGE_WAIT = Histogram("waste_edge_wait_seconds", "Time of a batch's oldest message on the edge queue.", buckets=_SECONDS)
WAKE_UPS = Counter("waste_wake_ups_total", "Wake-ups sent by intake.")
REPUBLISHED = Counter("waste_events_republished_total", "Events woken again by the reconciler.", ["cause"])
OUTCOMES = Counter("waste_outcomes_total", "Events decided, by kind and reason.", ["kind", "reason"])
OUTCOMES_REPEATED = Counter("waste_outcomes_repeated_total", "Outcomes that the primary key refused.", ["kind"])
PREDICTIONS = Counter("waste_predictions_total", "Predictions by category and model version.", ["category", "model_version"])
CONFIDENCE = Histogram(
    "waste_confidence_ratio",
    "Confidence of predictions.",
    ["category"],
    buckets=(0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95, 0.99, 1),
)
STAGE = Histogram("waste_stage_seconds", "Time of an event in each stage.", ["stage"], buckets=_SECONDS)
EVENT_LATENCY = Histogram("waste_event_latency_seconds", "From capture to outcome.", buckets=_SECONDS)
DECISION = Histogram(
    "waste_decision_seconds", "From acceptance to outcome, which no bin's clock or network lengthens.", buckets=_SECONDS
)
BATCH_EVENTS = Histogram(
    "waste_batch_events", "Events that were taken at once, by intake or by a worker.", ["where"], buckets=_BATCH
)
RETRIES = Counter("waste_retries_total", "Events to be tried again, by reason.", ["reason"])
LEASES_LOST = Counter("waste_leases_lost_total", "Claims that found the lease of a holder that vanished.")
DEAD_LETTERS = Counter("waste_dead_letters_total", "Dead letters published, in time or late by the reconciler.", ["timing"])
DEAD_LETTERS_FILED = Counter("waste_dead_letters_filed_total", "Dead letters moved to the review desk.")
DEPENDENCY_UP = Gauge("waste_dependency_up", "0: this program misses what the fleet needs of its own; 1: it does not.", ["reason"])
AUDIT_SAMPLED = Counter("waste_audit_sampled_total", "Confident predictions chosen by chance for people to look at.")
GATEWAY_REQUESTS = Counter("waste_gateway_requests_total", "Requests by route and status.", ["route", "status"])
GATEWAY_SECONDS = Histogram("waste_gateway_request_seconds", "Time of requests by route.", ["route"], buckets=_SECONDS)
POLICY_VIOLATIONS = Counter("waste_policy_violations_total", "Reports of browsers that a page tried what its policy forbids.")
ACCURACY = Gauge("waste_accuracy_ratio", "How often the fleet was right in the last days: value, low, high, expected.", ["bound"])
ACCURACY_LABELS = _unknown("waste_accuracy_labels", "Labels that the accuracy rests on.")
DRIFT_STRENGTH = _unknown("waste_drift_strength_days", "What speaks against the baseline, in days without a false alarm.")
SHIFT = Gauge("waste_shift_ratio", "How far something is from what it was: distance, and the limit of a warning.", ["of", "bound"])
SERVING_REVISION = Gauge("waste_serving_revision", "The revision of the plan of models that this worker has in force.")
MODELS_BEHIND = Gauge("waste_models_behind", "Whether this worker could not load what is planned.")
MODEL_LOAD = Histogram("waste_model_load_seconds", "Time until a model was there to decide with.", buckets=_SECONDS)
MODEL_FILES = Counter("waste_model_files_total", "Files of models that were wanted, by where they lay: disk, store.", ["found"])
MODELS_UNFIT = Counter("waste_models_unfit_total", "Models on trial that this worker found unfit.")
MODEL_MOVES = Counter("waste_model_moves_total", "Models moved by the rule of the rollout.", ["after"])
TRAININGS = Counter("waste_trainings_total", "Trainings that ended, by what came of them.", ["state"])
BACKLOG_SECONDS = _unknown("waste_backlog_seconds", "Time until what waits and is in flight is decided; NaN: not known.")
BACKLOG_EVENTS = _unknown("waste_backlog_events", "Events that wait, on both queues, or are in flight; NaN: not known.")
WORKERS = _unknown("waste_workers", "Workers that live and take wake-ups; NaN: not known.")
WORKERS_NEEDED = _unknown("waste_workers_needed", "Workers that what comes in and what waits call for; NaN: not known.")

# What `waste monitor` sees. NaN: not known.
ALERTS_OPEN = Gauge("waste_alert_open", "Alerts of the fleet's own that are open, by kind.", ["kind"])
QUEUE_MESSAGES = Gauge(
    "waste_queue_messages", "Messages on a queue that nobody has taken yet, or that are leased.", ["queue", "state"]
)
QUEUE_OLDEST = Gauge("waste_queue_oldest_seconds", "Age of a queue's oldest message; 0: none waits.", ["queue"])
BROKER_MEMORY = _unknown("waste_broker_memory_ratio", "Share of its memory that the broker uses.")
EVENTS_OPEN = Gauge(
    "waste_events_open", "Events without an outcome: waiting, in_flight, later, and overdue for an hour.", ["state"]
)
EVENTS_OLDEST = _unknown("waste_events_oldest_seconds", "Time since the oldest open event that is due was accepted; 0: none is.")
LOSSES_CHECKED = Counter(
    "waste_loss_checked_events_total", "Accepted events that were looked at, soon and late, for a loss.", ["check"]
)
LOSSES = Counter("waste_loss_events_total", "Accepted events that are closed and have no outcome: none, ever.", ["check"])
REVIEW_OPEN = Gauge("waste_review_open", "What waits for people, by lane.", ["lane"])
REVIEW_OLDEST = Gauge(
    "waste_review_oldest_seconds", "Age of what has waited longest for people, by lane; 0: nothing waits.", ["lane"]
)
REVIEW_HOURS = _unknown("waste_review_backlog_hours", "Hours until what waits is labelled at the last day's speed.")
REVIEW_DAY = Gauge("waste_review_day", "What came and went in the last day: filed, closed, labels, gold, gold_right.", ["what"])
REVIEW_WORK = _unknown("waste_review_work_seconds", "Time that people took for the labels of the last day.")
SENSORS = Gauge("waste_sensors", "Sensors: known, silent, faulty, losing events.", ["state"])
MONTHS_AHEAD = _unknown("waste_months_ahead_seconds", "Time until the last month that has partitions ends.")
CERTIFICATE = Gauge("waste_certificate_seconds", "Time until clients refuse a server's certificate; 0: they do now.", ["server"])
PRICE = Gauge("waste_price_hour", "What an hour costs, in the currency of who set it.", ["of"])
MONITORED = Gauge("waste_monitored_timestamp_seconds", "When figures were last seen, by what was looked at.", ["what"])
