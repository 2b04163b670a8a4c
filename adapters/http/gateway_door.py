"""The gateway as a bin sees it, over the standard library's HTTP client."""

import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from adapters.http.connections import Connections
from contracts.edge import Advice, DoorAway, DoorRefused, DoorUnbelieving, Fate, FleetAnswer, bounded_pause, bounded_share
from contracts.gateway import Upload
from contracts.signatures import Credential, sign

Heard = Callable[[float, float], None]
"""What the service's clock says now (Unix time), and by how many seconds that may be wrong."""

_NO_HEADERS: Mapping[str, str] = {}
_MOST_ANSWER = 2 * 2**20
_MOST_SERVERS = 8
_MOST_URL = 2048
_PROBLEM = "urn:waste-fleet:problem:"
_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME: chain and name are checked, the dates are not."""
_NEVER_BEFORE_S = 1_735_689_600.0
"""2025: a clock that says less was never set."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who speaks: a sensor with its token, and with its credential if it signs by itself."""

    sensor_id: str
    token: str
    credential: Credential | None = None

    def __repr__(self) -> str:
        """Show whose it is and no secret."""
        return f"Speaker({self.sensor_id!r})"


@dataclass(frozen=True, slots=True)
class SlowLine:
    """The patience of a bin: 60 s are enough for a picture on a line of 20 kbit/s; `whole_s` bounds a request with its answer."""

    connect_s: float = 15.0
    wait_s: float = 60.0
    whole_s: float = 300.0


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    took_s: float

    def document(self) -> dict[str, Any]:
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


class GatewayDoor:
    """Implements `contracts.edge.Door`. For one thread at a time."""

    def __init__(
        self,
        url: str,
        speaker: Speaker,
        heard: Heard,
        patience: SlowLine | None = None,
        *,
        stamp: Callable[[UUID], Mapping[str, str]] | None = None,
    ) -> None:
        """Speak to the gateway at `url` as `speaker`, and tell `heard` what each of its own answers says of the time.

        `stamp` gives the headers of an event that is traced.
        """
        parts = urlsplit(url)
        self._base, self._scheme, self._netloc = parts.path.rstrip("/"), parts.scheme, parts.netloc
        self._speaker, self._heard, self._patience = speaker, heard, patience or SlowLine()
        self._servers: dict[tuple[str, str], Connections] = {}
        self._share = 1.0
        self._stamp = stamp

    @property
    def share(self) -> float:
        """The share of its own rate at which the device was last asked to send events."""
        return self._share

    def place(self, event_id: UUID, content_type: str, size_bytes: int) -> Upload:
        """Return where a picture may be put."""
        wanted = {"sensor_id": self._speaker.sensor_id, "event_id": str(event_id), "content_type": content_type}
        answer = self._ask("POST", "/v1/uploads", wanted | {"size_bytes": size_bytes})
        with _reading():
            found = _good(answer)
            headers = {str(name): str(value) for name, value in found["headers"].items()}
            place = Upload(str(found["image_url"]), str(found["url"]), headers, datetime.fromisoformat(found["expires_at"]))
            if urlsplit(place.url).scheme not in {"http", "https"} or not 0 < len(place.image_url) <= _MOST_URL:
                raise ValueError("a place that is none")
        self._hear_date(answer)
        return place

    def reach(self, place: Upload) -> None:
        """Speak to the server of a place, and put nothing there; whatever it answers, it can be reached."""
        parts = urlsplit(place.url)
        self._exchange((parts.scheme, parts.netloc), "HEAD", parts.path, {}, None)

    def put(self, place: Upload, image: bytes) -> None:
        """Put a picture there; whatever the store says against it may be otherwise with the next place."""
        if place.headers.get("content-length", str(len(image))) != str(len(image)):
            raise DoorAway(f"the place is for {place.headers['content-length']} bytes, not {len(image)}", answered=True)
        parts = urlsplit(place.url)
        answer = self._exchange((parts.scheme, parts.netloc), "PUT", f"{parts.path}?{parts.query}", place.headers, image)
        if not 200 <= answer.status < 300:
            raise DoorAway(f"the object store answered {answer.status}", _retry_after(answer), answered=True, status=answer.status)

    def send(self, bodies: Sequence[bytes]) -> list[Fate]:
        """Send events in one batch; return what became of each."""
        answer = self._ask("POST", "/v1/events", {"events": [self._item(body) for body in bodies]}, self._stamp_of(bodies))
        results = answer.document().get("results")
        if answer.status == 401 or not isinstance(results, list) or len(results) != len(bodies):
            _good(answer)
            raise DoorAway(f"an answer that is none of the gateway's ({answer.status})")
        with _reading():
            fates = [_fate(result) for result in results]
        self._share = bounded_share(_number(answer.headers.get("waste-rate"), 1.0))
        self._hear_date(answer)
        return fates

    def contact(self, next_sequence: int, report: Mapping[str, str | float | bool]) -> Advice:
        """Say that the device is there."""
        told = {"sensor_id": self._speaker.sensor_id, "next_sequence": next_sequence, "report": dict(report)}
        answer = self._ask("POST", "/v1/contacts", told)
        with _reading():
            found = _good(answer)
            advice = Advice(bounded_share(found["share"]), bounded_pause(found["pause_s"]))
            at_s = datetime.fromisoformat(found["time"]).timestamp()
        self._heard(at_s + answer.took_s / 2, answer.took_s / 2)
        self._share = advice.share
        return advice

    def find(self, event_id: UUID) -> FleetAnswer:
        """Return what the fleet says of an event; nothing yet for one that it does not know."""
        answer = self._ask("GET", f"/v1/events/{event_id}", None)
        if answer.status == 404:
            return FleetAnswer()
        with _reading():
            found = _good(answer)
            outcome, category = (None if found.get(name) is None else str(found[name]) for name in ("outcome", "category"))
            return FleetAnswer(outcome, category, None if found.get("confidence") is None else float(found["confidence"]))

    def _item(self, body: bytes) -> object:
        credential = self._speaker.credential
        return json.loads(body) if credential is None else {"body": body.decode(), "signature": sign(credential, body)}

    def _stamp_of(self, bodies: Sequence[bytes]) -> Mapping[str, str]:
        """Return the headers of the first event that is traced: by them the gateway knows those of the others."""
        ids = (UUID(json.loads(body)["event_id"]) for body in bodies) if self._stamp else iter(())
        return next((stamp for event_id in ids if self._stamp and (stamp := self._stamp(event_id))), {})

    def _ask(self, method: str, path: str, document: object, more: Mapping[str, str] = _NO_HEADERS) -> _Answer:
        headers = {"authorization": f"Bearer {self._speaker.token}", "content-type": "application/json", **more}
        body = None if document is None else json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
        answer = self._exchange((self._scheme, self._netloc), method, self._base + path, headers, body)
        if _is_problem(answer.document()):
            self._hear_date(answer)
        return answer

    def _hear_date(self, answer: _Answer) -> None:
        """Hear what an answer says of the time. Only of one that is the gateway's own: a hotel's page has a date as well."""
        try:
            at = parsedate_to_datetime(answer.headers.get("date", ""))
            at_s = at.replace(tzinfo=at.tzinfo or UTC).timestamp()
        except (ValueError, OverflowError):
            return
        # The header has whole seconds, of some moment between question and answer.
        self._heard(at_s + 0.5 + answer.took_s / 2, 0.5 + answer.took_s / 2)

    def _exchange(
        self, server: tuple[str, str], method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> _Answer:
        if server not in self._servers:
            if len(self._servers) >= _MOST_SERVERS:
                self._servers.clear()
            tls = _tls() if server[0] == "https" else None
            self._servers[server] = Connections(*server, self._patience, keep=2, tls=tls, whole_s=self._patience.whole_s)
        began = time.monotonic()
        try:
            with self._servers[server].exchange(method, target, headers, body) as response:
                return _read(response, began)
        except ssl.SSLCertVerificationError as error:
            raise DoorAway(f"its certificate is not believed: {error.verify_message}") from error
        except ssl.SSLError as error:
            if error.reason != "WRONG_VERSION_NUMBER":
                raise DoorAway(f"{server[1]}: {error.reason or error}"[:200]) from error
            raise DoorAway(f"{server[1]} does not speak TLS at that port") from error
        except (HTTPException, OSError, ValueError) as error:  # the last one of a place's headers, or its host's name
            raise DoorAway(
                f"{server[1]}: {getattr(error, 'strerror', None) or str(error) or type(error).__name__}"[:200]
            ) from error


def _tls() -> ssl.SSLContext:
    """Return the usual checks; a clock that was never set would find every certificate not valid yet, and never be set."""
    context = ssl.create_default_context()
    if time.time() < _NEVER_BEFORE_S:
        context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
    return context


def _read(response: HTTPResponse, began: float) -> _Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    body = response.read(_MOST_ANSWER)
    return _Answer(response.status, headers, body, time.monotonic() - began)


def _is_problem(document: Mapping[str, Any]) -> bool:
    return str(document.get("type", "")).startswith(_PROBLEM)


def _good(answer: _Answer) -> dict[str, Any]:
    """Return the document of a good answer; raise what a bad one means."""
    document = answer.document()
    if 200 <= answer.status < 300 and document:
        return document
    if not _is_problem(document):
        # A hotel's or a carrier's page, not the gateway: no event is to blame, and no credential.
        raise DoorAway(f"an answer that is none of the gateway's ({answer.status})", _retry_after(answer))
    fate = _problem(answer.status, document, _retry_after(answer))
    if answer.status == 401:
        raise DoorUnbelieving(fate.detail)
    if fate.again:
        raise DoorAway(f"{fate.kind}: {fate.detail}", fate.retry_after_s, answered=True, status=answer.status)
    raise DoorRefused(fate)


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DoorAway(f"an answer that is none of the gateway's: {type(error).__name__} {error}"[:200]) from error


def _fate(result: Mapping[str, Any]) -> Fate:
    problem = result.get("problem")
    if problem is None and result["status"] in {200, 202}:
        return Fate(result["status"])
    return _problem(int(result["status"]), problem or {}, None)


def _problem(status: int, document: Mapping[str, Any], retry_after_s: float | None) -> Fate:
    kind = str(document.get("type", "")).removeprefix(_PROBLEM)[:40] or "unknown"
    told = document.get("retry_after_s")
    waits = [s for s in (retry_after_s, bounded_pause(told) if isinstance(told, int | float) else None) if s is not None]
    return Fate(status, kind, str(document.get("detail", ""))[:200], max(waits, default=None))


def _retry_after(answer: _Answer) -> float | None:
    text = answer.headers.get("retry-after")
    return None if text is None else bounded_pause(_number(text, 1.0))


def _number(text: str | None, default: float) -> float:
    try:
        return float(text or "")
    except ValueError:
        return default
