"""What the slow loop does and how often; each job may be repeated, and runs beside another machine's without harm."""

from collections.abc import Callable
from dataclasses import dataclass

from contracts.alerts import ACCURACY_FELL, Alerts
from contracts.models import Registry
from contracts.ports import Clock
from contracts.trainings import Trainings
from learning.retrain.retraining import Retraining
from learning.retrain.trigger import Rhythm, due
from learning.rollout.steering import Steering
from learning.truth.looking import Looking

_BY = "slow loop"
_LAST = 20


@dataclass(frozen=True, slots=True)
class SlowLoop:
    """The jobs of the slow loop; `rhythm` says how often trainings may be asked for, by `clock`, which is the ledger's."""

    looking: Looking
    alerts: Alerts
    trainings: Trainings
    retraining: Callable[[], Retraining]
    registry: Registry
    steering: Steering
    clock: Clock
    rhythm: Rhythm

    def look(self) -> None:
        """Join labels, look at cameras and accuracy, and tell people."""
        self.looking.take()

    def ask(self) -> bool:
        """Ask for a training if one is due; returns whether it did."""
        if self.registry.pinned_by():
            return False
        alerts, trainings = self.alerts.standing(ACCURACY_FELL), self.trainings.recent(_LAST)
        why = due(alerts, trainings, self.clock(), self.rhythm, on_trial=self.steering.busy())
        return why is not None and self.trainings.ask(_BY, *why) is not None

    def train(self) -> None:
        """Run the training that waits, if any."""
        self.retraining().take_one()

    def steer(self) -> None:
        """Move models whose trial has decided."""
        while self.steering.take_one():
            pass
