"""A training from its asking to its end: snapshot, fit, gate, registry. Whoever dies in it is followed by another."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from contracts.errors import FleetError, Infrastructure
from contracts.facts import TrainingEnded
from contracts.models import Registry
from contracts.ports import Telemetry
from contracts.trainings import BY_ALERT, Training, TrainingEnd, Trainings, TrainingState
from learning.datasets import DatasetInvalid
from learning.report import plain
from learning.retrain.beating import Told, TrainingStopped, beating
from learning.retrain.fitting import Retrained
from learning.retrain.lessons import Lesson

SILENT_S, MOST_ATTEMPTS = 600.0, 3


class Workshop(Protocol):
    """What a training is done with. Each raises a FleetError or DatasetInvalid that says what is wrong."""

    def gather(self, told: Told) -> Lesson:
        """Make a snapshot of the field, and read it and what was known before."""

    def fit(self, lesson: Lesson, version: str, told: Told) -> Retrained:
        """Fit and examine a candidate."""

    def register(self, made: Retrained, lesson: Lesson, metrics: Mapping[str, object]) -> None:
        """Put a candidate that passed the gate into the registry."""


@dataclass(frozen=True, slots=True)
class Retraining:
    """Runs trainings that were asked for; `watched` is told each step as it begins."""

    trainings: Trainings
    registry: Registry
    workshop: Workshop
    telemetry: Telemetry
    watched: Told = lambda _, __: None
    beat_every_s: float = SILENT_S / 10

    def take_one(self) -> bool:
        """Run the training that waits, if any; returns whether there was one. Raises what may pass: LedgerUnavailable and such."""
        training = self.trainings.take(SILENT_S, MOST_ATTEMPTS)
        if training is None:
            return False
        try:
            with beating(self.trainings, training, self.beat_every_s) as told:
                end = self._run(training, told)
        except TrainingStopped:
            self.telemetry.emit(TrainingEnded(str(training.training_id), TrainingState.CANCELLED, "it was told to stop"))
            return True
        except Infrastructure:
            raise  # nobody's fault: it is taken again when it has been silent for long enough
        except (DatasetInvalid, FleetError) as error:
            end = TrainingEnd(TrainingState.FAILED, str(error), {"error": str(error)[:1000]})
        except Exception as error:
            why = f"{type(error).__name__}: {error}"[:1000]
            self._ended(training, TrainingEnd(TrainingState.FAILED, why, {"error": why}))
            raise
        self._ended(training, end)
        return True

    def _ended(self, training: Training, end: TrainingEnd) -> None:
        if self.trainings.end(training, end):
            self.telemetry.emit(TrainingEnded(str(training.training_id), end.state, end.why))

    def _run(self, training: Training, beaten: Told) -> TrainingEnd:
        def told(step: str, progress: float) -> None:
            self.watched(step, progress)
            beaten(step, progress)

        version = version_of(training)
        for model in self.registry.models():
            if model.file.version == version:  # whoever ran it before died between the registry and the end
                return TrainingEnd(TrainingState.REGISTERED, version, dict(model.metrics), model.snapshot_id, version)
        told("gather", 0.0)
        lesson = self.workshop.gather(told)
        told("fit", 0.6)
        made = self.workshop.fit(lesson, version, told)
        report = report_of(made, lesson, answers_shift=training.because == BY_ALERT)
        if not made.gate.passed:
            return TrainingEnd(TrainingState.REFUSED, "; ".join(made.gate.reasons), report, lesson.snapshot_id)
        told("register", 0.95)
        self.workshop.register(made, lesson, report)
        return TrainingEnd(TrainingState.REGISTERED, version, report, lesson.snapshot_id, version)


def version_of(training: Training) -> str:
    """Return what the model of a training is called: the same at each attempt."""
    return f"auto-{training.asked_at:%Y%m%d-%H%M}-{training.training_id.hex[:6]}"


def report_of(made: Retrained, lesson: Lesson, *, answers_shift: bool) -> dict[str, Any]:
    """Return what is kept of an examination, as the registry's metrics have it: see `learning.rollout.steering`.

    Of a model that answers a shift no agreement is expected: the examination's pictures are of before the shift, too, and where
    the champion is wrong now it shall be contradicted.
    """
    figures = made.gate.figures
    told: dict[str, Any] = plain(asdict(figures)) if figures else {}
    splits = [sample.split.value for sample in lesson.features.samples]
    return {
        "gate": {"passed": made.gate.passed},
        "reasons": list(made.gate.reasons),
        "agreement": None if answers_shift else told.get("agreement"),
        "to_people": None if answers_shift else told.get("to_people"),
        "figures": told,
        "pictures": {split: splits.count(split) for split in sorted(set(splits))},
        "left_out": lesson.left_out,
    }
