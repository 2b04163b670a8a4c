"""The ledger as far as it is there: the gateway takes events without it, and answers questions when it is back."""

import time
from collections.abc import Collection, Mapping
from uuid import UUID

from contracts.errors import LedgerUnavailable
from contracts.facts import DependencyBack, DependencyLost
from contracts.gateway import EventState, Outcomes
from contracts.ports import Telemetry

_AGAIN_AFTER_S = 2.0


class LedgerReads:
    """Asks Postgres, and for a while does not ask it again when it was away. Safe to use from several threads."""

    def __init__(self, outcomes: Outcomes, telemetry: Telemetry) -> None:
        """Read `outcomes`."""
        self._outcomes, self._telemetry = outcomes, telemetry
        self._away_since: float | None = None
        self._ask_at = 0.0

    def states(self, event_ids: Collection[UUID]) -> dict[UUID, EventState]:
        """Return what is known of each event; raises LedgerUnavailable, at once while Postgres was away a moment ago."""
        if time.monotonic() < self._ask_at:
            raise LedgerUnavailable("it was away a moment ago")
        try:
            found = self._outcomes.states(event_ids)
        except LedgerUnavailable as error:
            self._lost(error)
            raise
        self._back()
        return found

    def digests(self, event_ids: Collection[UUID]) -> dict[UUID, bytes]:
        """Return the digest of the body of each event that came before; none of them while Postgres is away.

        Who sends an event again is then told that it was accepted, which it was; intake sees that it is the same.
        """
        try:
            return {event_id: state.body_sha256 for event_id, state in self.states(event_ids).items()}
        except LedgerUnavailable:
            return {}

    def refused(self) -> Mapping[str, int] | None:
        """Return the last generation that is refused of each sensor; None while Postgres is away."""
        try:
            return self._outcomes.refused()
        except LedgerUnavailable as error:
            self._lost(error)
            return None

    def _lost(self, error: LedgerUnavailable) -> None:
        self._ask_at = time.monotonic() + _AGAIN_AFTER_S
        if self._away_since is None:
            self._away_since = time.monotonic()
            self._telemetry.emit(DependencyLost(error.reason, error.detail))

    def _back(self) -> None:
        if self._away_since is not None:
            self._telemetry.emit(DependencyBack(LedgerUnavailable.reason, time.monotonic() - self._away_since))
            self._away_since = None
