"""Moves models by themselves: a candidate that passed its gate becomes shadow, canary and champion, or is withdrawn."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from contracts.facts import ModelMoved
from contracts.models import Model, ModelState, Registry
from contracts.ports import Clock, Telemetry
from contracts.trials import Trials
from learning.rollout.trial import Expected, Trial, Verdict, judge

LONGEST = timedelta(days=14)
"""A trial that has not decided by then has shown no gain."""
GATE = "gate"
"""The key of a model's metrics that says whether it passed: {"passed": true, ...}."""
AGREEMENT, TO_PEOPLE = "agreement", "to_people"
_NEXT = {ModelState.SHADOW: ModelState.CANARY, ModelState.CANARY: ModelState.CHAMPION}
_BY = "rollout"
_MOVES, _EVER = 1000, datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Steering:
    """A round may be repeated as often as one likes: each move says from which state it is."""

    registry: Registry
    trials: Trials
    clock: Clock
    telemetry: Telemetry

    def take_one(self) -> bool:
        """Move one model if something is decided; returns whether it did. Raises LedgerUnavailable."""
        if self.registry.pinned_by():
            return False
        models = self.registry.models()
        on_trial = [model for state in _NEXT for model in models if model.state is state]
        if any(self._judge(model) for model in on_trial):
            return True
        candidates = [] if on_trial else [one for one in models if one.state is ModelState.CANDIDATE and _passed(one)]
        return bool(candidates) and self._move(candidates[0], ModelState.SHADOW, "it passed the gate", {})

    def busy(self) -> bool:
        """Return whether a model is on trial, or about to be."""
        return any(one.state in _NEXT or (one.state is ModelState.CANDIDATE and _passed(one)) for one in self.registry.models())

    def look(self, model: Model) -> Trial:
        """Return how the trial of a model stands."""
        expected = Expected(_number(model.metrics.get(AGREEMENT)), _number(model.metrics.get(TO_PEOPLE)))
        counts = self.trials.counts(model.file.version, max(self._since(model), self._crowned()))
        return judge(counts, expected=expected, decides=model.state is ModelState.CANARY)

    def _judge(self, model: Model) -> bool:
        champion = self.registry.plan().champion  # the one beside which the trial was
        trial = self.look(model)
        evidence = asdict(trial)
        if trial.verdict is Verdict.PROMOTE and self._is_free(_NEXT[model.state]):
            target = _NEXT[model.state]
            beside = (champion.version if champion else "") if target is ModelState.CHAMPION else None
            return self._move(model, target, trial.why, evidence, beside)
        if trial.verdict is Verdict.WITHDRAW:
            return self._move(model, ModelState.RETIRED, trial.why, evidence)
        if self.clock() - self._since(model) > LONGEST:
            return self._move(model, ModelState.RETIRED, f"undecided after {LONGEST.days} days", evidence)
        return False

    def _is_free(self, target: ModelState) -> bool:
        # What people have put on trial meanwhile is judged first, and not replaced.
        return target is ModelState.CHAMPION or all(one.state is not target for one in self.registry.models())

    def _since(self, model: Model) -> datetime:
        moves = self.registry.moves(model.file.version, 20)
        return next((move.acted_at for move in moves if move.after == model.state), model.added_at)

    def _crowned(self) -> datetime:
        """Return since when the champion is what it is: how a model did beside another one says nothing of this one."""
        moves = self.registry.moves(limit=_MOVES)
        return max((one.acted_at for one in moves if ModelState.CHAMPION in {one.before, one.after}), default=_EVER)

    def _move(
        self, model: Model, target: ModelState, why: str, evidence: Mapping[str, object], instead_of: str | None = None
    ) -> bool:
        moved = self.registry.move(model.file.version, model.state, target, _BY, why, evidence, instead_of=instead_of)
        if moved:
            self.telemetry.emit(ModelMoved(model.file.version, model.state, target, why))
        return moved


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _passed(model: Model) -> bool:
    gate = model.metrics.get(GATE)
    return isinstance(gate, Mapping) and gate.get("passed") is True
