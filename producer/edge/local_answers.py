"""An answer on the spot, for a flap that cannot wait, and later what the fleet said of the same picture."""

import json
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import structlog

from contracts.categories import CATEGORIES
from contracts.edge import Door
from contracts.errors import FleetError
from contracts.ports import Classifier, ImageDecoder
from producer.edge.clocks import Moment
from producer.edge.outbox import Outbox
from producer.edge.pace import Backoff
from producer.edge.shelf import ShelfFull
from producer.edge.tables import Kept

_ASK_AFTER_S = (5.0, 30.0, 300.0, 3600.0, 21_600.0, 86_400.0)
_MOST_KEPT = 10_000
_IDLE_S = 5.0
_SOCKET_S = 0.2

_log = structlog.get_logger("waste")


class Teller:
    """Tells an answer as one line of JSON: to a unix socket at `path`, else as the whole content of a file there."""

    def __init__(self, path: Path) -> None:
        """Tell whoever listens at `path`."""
        self._path = path

    def tell(self, answer: dict[str, object]) -> None:
        """Tell an answer; that nobody listens is logged and no more."""
        line = f"{json.dumps(answer)}\n".encode()
        try:
            if self._path.is_socket():
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as flap:
                    flap.settimeout(_SOCKET_S)
                    flap.connect(str(self._path))
                    flap.sendall(line)
            else:
                beside = self._path.with_name(f".{self._path.name}")
                beside.write_bytes(line)
                beside.replace(self._path)
        except OSError as error:
            _log.warning("answer_not_told", to=str(self._path), why=error.strerror or str(error))


@dataclass(slots=True)
class LocalAnswers:
    """Implements `producer.edge.taking.Answers`; `decode` and `model` are those of the fleet's workers, so that answers compare."""

    outbox: Outbox
    decode: ImageDecoder
    model: Classifier
    tell: Callable[[dict[str, object]], None]

    def answer(self, kept: Kept | None, image: bytes) -> None:
        """Say what is on a picture; without an event (no room for it) all the same. What goes wrong with it costs no event."""
        try:
            scores = self.model.classify(self.decode(image))
        except FleetError as error:
            _log.warning("no_local_answer", why=str(error))
            self.tell({"category": None, "event_id": str(kept.event_id) if kept else None})
            return
        confidence = max(scores.probabilities)
        category = CATEGORIES[list(scores.probabilities).index(confidence)].value
        outlier = self.model.outlier_threshold is not None and (scores.outlier_score or 0.0) > self.model.outlier_threshold
        sure = confidence >= self.model.threshold and not outlier
        self.tell(
            {
                "category": category,
                "confidence": round(confidence, 4),
                "sure": sure,
                "model": self.model.version,
                "event_id": str(kept.event_id) if kept else None,
            }
        )
        if kept:
            self._remember(kept, category, confidence)

    def _remember(self, kept: Kept, category: str, confidence: float) -> None:
        try:
            with self.outbox.shelf.change() as sql:
                sql.execute(
                    "INSERT INTO answers (event_id, category, confidence, model, sent)"
                    " VALUES (?1, ?2, ?3, ?4, NOT EXISTS (SELECT 1 FROM captures WHERE event_id = ?1))",
                    (kept.event_id.bytes, category, confidence, self.model.version),
                )
                sql.execute(
                    "DELETE FROM answers WHERE event_id IN (SELECT event_id FROM answers ORDER BY event_id DESC LIMIT -1 OFFSET ?)",
                    (_MOST_KEPT,),
                )
            self.outbox.count("answers_local")
        except ShelfFull:
            _log.warning("local_answer_not_kept", hint="the disk is full; it was told all the same")


@dataclass(slots=True)
class Comparison:
    """Asks the fleet for the answers of events that this bin has answered by itself. Implements `producer.edge.running.Asking`."""

    outbox: Outbox
    door: Callable[[], Door]
    clock: Callable[[], Moment]
    chance: random.Random
    _open: Door | None = None
    _backoff: Backoff = field(init=False)

    def __post_init__(self) -> None:
        """Begin without a failure."""
        self._backoff = Backoff(self.chance)

    def ask_one(self) -> float:
        """Ask for one event whose time has come; return after how many seconds to come again."""
        now_s = self.outbox.when(self.clock())[0]
        with self.outbox.shelf.look() as sql:
            row = sql.execute(
                "SELECT event_id, category, asked FROM answers"
                " WHERE sent = 1 AND fleet_outcome IS NULL AND asked < ? AND ask_at_s <= ? ORDER BY event_id DESC LIMIT 1",
                (len(_ASK_AFTER_S), now_s),
            ).fetchone()
        if row is None:
            return _IDLE_S
        try:
            self._open = self._open or self.door()
            answer = self._open.find(UUID(bytes=row[0]))
        except FleetError:
            self._open = None
            return self._backoff.failed(None)
        self._backoff.worked()
        if answer.outcome is None:
            self._later(row[0], int(row[2]), now_s)
        else:
            self._note(row[0], row[1], answer.outcome, answer.category)
        return 0.2

    def _later(self, event_id: bytes, asked: int, now_s: float) -> None:
        with self.outbox.shelf.change() as sql:
            sql.execute(
                "UPDATE answers SET asked = asked + 1, ask_at_s = ? WHERE event_id = ?", (now_s + _ASK_AFTER_S[asked], event_id)
            )

    def _note(self, event_id: bytes, said: str, outcome: str, category: str | None) -> None:
        """Keep the fleet's answer; only a prediction can agree, people and failures come later or never."""
        with self.outbox.shelf.change() as sql:
            sql.execute(
                "UPDATE answers SET fleet_outcome = ?, fleet_category = ? WHERE event_id = ?", (outcome, category, event_id)
            )
        if outcome == "prediction" and category:
            self.outbox.count("answers_compared")
            if category == said:
                self.outbox.count("answers_agreed")
            else:
                _log.info("fleet_disagrees", event_id=str(UUID(bytes=event_id)), here=said, fleet=category)
