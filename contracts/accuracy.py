"""How much was decided, and how much of it is known to be right: counts, as the ledger has them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol


class Dimension(StrEnum):
    """By what counts are told apart."""

    ALL = "all"
    CATEGORY = "category"
    """By what the model said."""
    ACTUAL = "actual"
    """By what it was."""
    SENSOR = "sensor"
    SITE = "site"
    MODEL = "model"
    DAY = "day"
    """UTC."""


@dataclass(frozen=True, slots=True)
class StratumCount:
    """Decisions of one value of a dimension and one kind of outcome: how many, their confidence summed up, labelled and right."""

    value: str
    kind: str
    decided: int
    confidence_sum: float
    labelled: int
    right: int


@dataclass(frozen=True, slots=True)
class DayBucket:
    """Decisions of one day (UTC), one kind of outcome, and one hundredth (0 to 99) by a digest of the event's id."""

    day: date
    kind: str
    hundredth: int
    decided: int
    labelled: int
    right: int


class Histogram(StrEnum):
    """Of what decisions are counted, without asking whether they are right."""

    CATEGORY = "category"
    CONFIDENCE = "confidence"
    """By tenths, the last one by hundredths."""


@dataclass(frozen=True, slots=True)
class Embeddings:
    """What one model saw in a number of pictures: mean and spread (standard deviation) along each direction of the sketches."""

    decided: int
    means: Sequence[float]
    spreads: Sequence[float]


class Decisions(Protocol):
    """What was decided, and what is known of it. Raises LedgerUnavailable.

    Buckets, histograms and embeddings, on which alerts rest, are without what sensors sent while they had a ticket.
    """

    def strata(self, since: datetime, until: datetime, by: Dimension, *, healthy: bool = False) -> list[StratumCount]:
        """Return the counts of what was photographed from `since` until `until`, by a dimension and by how it was decided.

        With `healthy`, without what sensors sent while they had a ticket.
        """

    def buckets(self, since: datetime, until: datetime) -> list[DayBucket]:
        """Return the same by day (UTC), kind, and a hundredth that a digest of the event's id falls into."""

    def embeddings(self, since: datetime, until: datetime) -> dict[str, Embeddings]:
        """Return by version of the model what it saw in what was photographed from `since` until `until`."""

    def histogram(self, since: datetime, until: datetime, of: Histogram) -> dict[str, int]:
        """Return how many decisions of what was photographed from `since` until `until` fall into each bin."""
