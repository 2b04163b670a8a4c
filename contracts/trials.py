"""How a model on trial and the one that it is compared with did on the same pictures: counts, as the ledger has them. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class TrialCount:
    """Events that both have scored, of one way in which they ended and one hundredth (0 to 99) by a digest of the event's id.

    `agreeing` name the same category; `unsure` would go to people by the model on trial, `unsure_before` by the other. Of the
    `labelled`, `better` are those where the one on trial alone is right, `worse` those where the other alone is.
    """

    kind: str
    hundredth: int
    paired: int
    agreeing: int
    unsure: int
    unsure_before: int
    labelled: int
    better: int
    worse: int


class Trials(Protocol):
    """What trials have given so far. Raises LedgerUnavailable."""

    def counts(self, version: str, since: datetime) -> list[TrialCount]:
        """Return the counts of a model on trial, of what was scored from `since` on."""
