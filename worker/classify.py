"""One item: fetch, decode, infer, judge. What goes wrong is returned as data, not raised."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias, TypeVar

from contracts.categories import CATEGORIES
from contracts.errors import Infrastructure, ItemUnexpected, Permanent, Retryable
from contracts.facts import Steps
from contracts.ledger import ClaimedItem
from contracts.names import OutcomeKind
from contracts.outcomes import DeadLetter, Latencies, Outcome, Prediction
from contracts.pictures import PictureFacts
from contracts.ports import Classifier, ImageDecoder, PictureMeter, Pixels
from contracts.traces import Stretch
from worker.retries import delay_s
from worker.slots import Models
from worker.verdict import judge, predict

_NONE = Steps()


@dataclass(frozen=True, slots=True)
class Fetched:
    """An image's bytes, or why there are none, how long that took, and `time.perf_counter()` at its end."""

    data: bytes | Retryable | Permanent
    took_ms: float
    ended_at: float = field(default_factory=time.perf_counter)

    @property
    def stretch(self) -> Stretch:
        """When that was."""
        return self.ended_at - self.took_ms / 1000, self.ended_at


@dataclass(frozen=True, slots=True)
class Decided:
    """An outcome, `time.perf_counter()` at the verdict, and whose it is."""

    outcome: Outcome
    decided_at: float
    item: ClaimedItem
    steps: Steps = _NONE


@dataclass(frozen=True, slots=True)
class Postponed:
    """To be tried again."""

    item: ClaimedItem
    error: Retryable
    delay_s: float
    steps: Steps = _NONE


Result: TypeAlias = Decided | Postponed


@dataclass(frozen=True, slots=True)
class Decoded:
    """An item's pixels, and what they are like."""

    item: ClaimedItem
    image: Pixels
    fetch_ms: float
    decode_ms: float
    steps: Steps
    picture: PictureFacts | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What a model says of a picture, how the event ends by it and why, and how long that took."""

    prediction: Prediction
    kind: OutcomeKind
    reason: str | None
    took_ms: float


Step = TypeVar("Step")


def fetched(picture: Callable[[], bytes], started: float) -> Fetched:
    """Return what getting a picture gave; `started` is `time.perf_counter()` at its beginning."""
    try:
        data: bytes | Retryable | Permanent = picture()
    except (Retryable, Permanent) as error:
        data = error
    except Exception as error:  # noqa: BLE001 - what no adapter foresaw must hit this item alone, not its wake-up
        data = unexpected(error)
    ended = time.perf_counter()
    return Fetched(data, (ended - started) * 1000, ended)


def unexpected(error: Exception) -> ItemUnexpected:
    """Return an unforeseen error as one that is tried again and, if it stays, becomes this item's failure."""
    return ItemUnexpected(f"{type(error).__name__}: {error}"[:300])


class ItemClassifier:
    """Turns fetched items into results. Safe to use from several threads; `worker.turns` bounds how many compute at once."""

    def __init__(
        self,
        decode: ImageDecoder,
        models: Models,
        *,
        clock: Callable[[], datetime],
        chance: Callable[[], float],
        threshold: float | None = None,
        measure: PictureMeter | None = None,
    ) -> None:
        """Ask `models` at each item which one decides; `threshold` overrides every model's own."""
        self._decode, self.models, self._measure = decode, models, measure
        self._clock, self._chance, self._threshold = clock, chance, threshold

    def classify(self, item: ClaimedItem, picture: Fetched) -> Result:
        """Return what becomes of an item."""
        decoded = self.decode(item, picture)
        return self.infer(decoded) if isinstance(decoded, Decoded) else decoded

    def decode(self, item: ClaimedItem, picture: Fetched) -> Decoded | Result:
        """Return an item's pixels, or what becomes of it without any."""
        return self._sorted(item, lambda: self._pixels(item, picture), Steps(picture.stretch))

    def infer(self, decoded: Decoded) -> Result:
        """Return what becomes of a decoded item."""
        return self._sorted(decoded.item, lambda: self._outcome_of(decoded), decoded.steps)

    def _sorted(self, item: ClaimedItem, step: Callable[[], Step], steps: Steps) -> Step | Result:
        """Return what a step gives, or what becomes of the item; `steps` are those before it."""
        try:
            return step()
        except Permanent as error:
            return self.fail(item, error, steps)
        except Retryable as error:
            return self._postpone(item, error, steps)
        except Infrastructure:
            raise
        except Exception as error:  # noqa: BLE001 - as in `fetched`
            return self._postpone(item, unexpected(error), steps)

    def _postpone(self, item: ClaimedItem, error: Retryable, steps: Steps) -> Result:
        wait_s = delay_s(error, item.attempts, item.age_s, self._chance())
        return self.fail(item, error, steps) if wait_s is None else Postponed(item, error, wait_s, steps)

    def fail(self, item: ClaimedItem, error: Permanent | Retryable, steps: Steps = _NONE) -> Decided:
        """Return an item's failure."""
        letter = DeadLetter(
            event_id=item.event_id,
            kind=OutcomeKind.FAILURE,
            reason=error.reason,
            detail=error.detail[:500],
            decided_at=self._clock(),
            attempts=item.attempts,
            sensor_id=item.sensor_id,
            image_url=item.image_url,
            captured_at=item.captured_at,
        )
        return Decided(_outcome(item, OutcomeKind.FAILURE, letter=letter), time.perf_counter(), item, steps)

    def _pixels(self, item: ClaimedItem, picture: Fetched) -> Decoded:
        if not isinstance(picture.data, bytes):
            raise picture.data
        started = time.perf_counter()
        image = self._decode(picture.data)
        measured = self._measure(image) if self._measure else None
        ended = time.perf_counter()
        steps = Steps(picture.stretch, (started, ended))
        return Decoded(item, image, picture.took_ms, (ended - started) * 1000, steps, measured)

    def _outcome_of(self, decoded: Decoded) -> Decided:
        item = decoded.item
        began = time.perf_counter()
        found = self._believed(item.sensor_id, decoded.image)
        kind, reason = found.kind, found.reason
        latencies = Latencies(item.queued_ms, decoded.fetch_ms, decoded.decode_ms, found.took_ms)
        letter = self._unsure(item, found.prediction, reason) if reason else None
        outcome = _outcome(item, kind, letter=letter, prediction=found.prediction, latencies=latencies)
        ended = time.perf_counter()
        return Decided(replace(outcome, picture=decoded.picture), ended, item, replace(decoded.steps, inferred=(began, ended)))

    def _believed(self, sensor_id: str, image: Pixels) -> Judged:
        """Return what the deciding model says; one on trial that fails harms no event, for the champion answers in its stead."""
        model = self.models.deciding(sensor_id)
        try:
            return self.ask(model, image)
        except Exception as error:
            champion = self.models.unfit(model, f"{type(error).__name__}: {error}"[:300])
            if champion is None:
                raise
            return self.ask(champion, image)

    def ask(self, model: Classifier, image: Pixels) -> Judged:
        """Return what a model says of a picture; raises PredictionInvalid, ModelUnusable."""
        started = time.perf_counter()
        scores = model.classify(image)
        took_ms = (time.perf_counter() - started) * 1000
        self.models.took(model, took_ms)
        prediction = predict(scores, model.version)
        threshold = model.threshold if self._threshold is None else self._threshold
        return Judged(prediction, *judge(prediction, threshold, model.outlier_threshold), took_ms)

    def _unsure(self, item: ClaimedItem, prediction: Prediction, reason: str) -> DeadLetter:
        return DeadLetter(
            event_id=item.event_id,
            kind=OutcomeKind.REVIEW,
            reason=reason,
            decided_at=self._clock(),
            attempts=item.attempts,
            sensor_id=item.sensor_id,
            image_url=item.image_url,
            captured_at=item.captured_at,
            category=prediction.category,
            confidence=prediction.confidence,
            scores=dict(zip(CATEGORIES, prediction.scores, strict=True)),
            model_version=prediction.model_version,
            outlier_score=prediction.outlier_score,
        )


def _outcome(
    item: ClaimedItem,
    kind: OutcomeKind,
    *,
    letter: DeadLetter | None,
    prediction: Prediction | None = None,
    latencies: Latencies | None = None,
) -> Outcome:
    return Outcome(
        event_id=item.event_id,
        kind=kind,
        sensor_id=item.sensor_id,
        captured_at=item.captured_at,
        reason=letter.reason if letter else None,
        detail=letter.detail if letter else "",
        attempts=item.attempts,
        prediction=prediction,
        latencies=latencies,
        dead_letter=letter,
    )
