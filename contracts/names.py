"""Every name that two programs share: queues, tasks, tables' kinds, reasons that are not an error's own."""

from enum import StrEnum

EDGE_QUEUE = "waste-events"
WORK_QUEUE = "waste-work"
WORK_QUEUE_FIRST = "waste-work-first"
"""Wake-ups that were lost or are due again: they must not wait behind a backlog."""
SLOW_QUEUE = "waste-slow"
"""Jobs of the slow loop: they may wait, and what is lost comes again with the next round."""
DEAD_LETTER_QUEUE = "waste-dead-letters"

CLASSIFY_TASK = "classify-items"

SIGNATURE_HEADER = "signature"
TRACE_HEADER = "traceparent"

SCHEMA_VERSION = 1


class OutcomeKind(StrEnum):
    """How an event can end."""

    PREDICTION = "prediction"
    REVIEW = "review"
    FAILURE = "failure"


LOW_CONFIDENCE = "low_confidence"
"""The reason of a review outcome whose confidence is under the threshold."""
OUT_OF_DISTRIBUTION = "out_of_distribution"
"""The reason of a review outcome whose picture seems to show none of the five categories, whatever the confidence."""
AUDIT_SAMPLE = "audit_sample"
"""The reason of an item that the model was sure of and that was chosen by chance, to see how often it is right."""
