"""One round of the slow loop's looking: what was told is joined, sick cameras get a ticket, accuracy is judged."""

from dataclasses import dataclass

from contracts.shift import Shift
from contracts.truth import TruthJoins
from learning.truth.alarm import Evidence
from learning.truth.camera_watch import CameraWatch
from learning.truth.cameras import Round
from learning.truth.joining import Joining
from learning.truth.watch import AccuracyWatch


@dataclass(frozen=True, slots=True)
class Looked:
    """What a round has found."""

    cameras: Round
    accuracy: Evidence
    shifts: dict[str, Shift]


@dataclass(frozen=True, slots=True)
class Looking:
    """May be taken as often as one likes."""

    joins: TruthJoins
    cameras: CameraWatch
    watch: AccuracyWatch

    def take(self) -> Looked:
        """Look once; raises LedgerUnavailable."""
        joining = Joining(self.joins)
        while joining.take_one():
            pass
        self.joins.contest()
        cameras = self.cameras.look()  # first, for what a sick camera sends says nothing of the model
        return Looked(cameras, self.watch.look(), self.watch.warn())
