"""What another model than the deciding one says of the same pictures: how a model on trial and the champion are compared.

Nothing waits for it: it is asked after the outcomes are in the ledger, and what it costs is taken from nobody's event.
"""

import time
from collections.abc import Sequence

from contracts.errors import LedgerUnavailable
from contracts.facts import DependencyLost
from contracts.models import SecondOpinion
from worker.classify import Decoded
from worker.turns import Turn
from worker.workplace import Workplace

_LONGEST_S = 5.0
_POLL_S = 0.2


class SecondOpinions:
    """Safe to use from several threads."""

    def __init__(self, workplace: Workplace) -> None:
        """Ask the models of `workplace` and keep what they say in its registry."""
        self._place = workplace

    def wanted(self, decoded: Decoded) -> bool:
        """Return whether another model is asked about an item's picture, too."""
        return self._place.classifier.models.second(decoded.item.sensor_id) is not None

    def give(self, watched: Sequence[Decoded]) -> None:
        """Ask about each picture and keep what is said; what does not come about is no loss to any event."""
        if not watched:
            return
        with self._place.turns.queue() as turn:
            until = time.monotonic() + _LONGEST_S
            opinions = [opinion for one in watched if (opinion := self._ask(one, turn, until))]
        if not opinions:
            return
        try:
            self._place.serving.keep_opinions(opinions)
        except LedgerUnavailable as error:
            self._place.telemetry.emit(DependencyLost(error.reason, error.detail))

    def _ask(self, decoded: Decoded, turn: Turn, until: float) -> SecondOpinion | None:
        classifier = self._place.classifier
        model = classifier.models.second(decoded.item.sensor_id)
        if model is None or self._place.stopping.is_set() or time.monotonic() > until or not turn.take(_POLL_S):
            return None
        try:
            found = classifier.ask(model, decoded.image)
        except Exception as error:  # noqa: BLE001 - whatever a model on trial does, no event may be harmed by it
            classifier.models.unfit(model, f"{type(error).__name__}: {error}"[:300])
            return None
        said = found.prediction
        return SecondOpinion(decoded.item.event_id, said.model_version, said.category, said.confidence, found.kind, found.took_ms)
