"""OpenTelemetry: the one place that knows it, and nothing of it is imported unless an endpoint is set.

Spans are made of facts, when what they tell of is over, and with ids of our own (`contracts.traces`). To send them never holds
anything up: a thread does it, and of what waits for it beyond 2048 spans the oldest are lost.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog

from adapters.settings import TraceSettings
from adapters.telemetry.steps import steps
from contracts.errors import SettingsInvalid
from contracts.facts import Fact
from contracts.names import TRACE_HEADER
from contracts.traces import Step, is_kept, traceparent

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

_FLUSH_S = 2.0
_TELL_EVERY_S = 60.0


class Traces:
    """Implements `contracts.ports.Telemetry`, with spans. Safe to use from several threads."""

    def __init__(self, exporter: "SpanExporter", resource: Mapping[str, str], share: float, most_waiting: int = 2048) -> None:
        """Send through `exporter` the spans of the `share`, in [0, 1], of all events; `most_waiting` of them may wait."""
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._share, self._log = share, structlog.get_logger("waste")
        self._make = _SpanMaker(Resource.create(dict(resource)).merge(OTELResourceDetector().detect()))
        self._failed = _Seldom()
        self._count = _Count(most_waiting, self._log)
        self._processor = BatchSpanProcessor(_counted(exporter, self._count), max_queue_size=most_waiting)

    def emit(self, fact: Fact) -> None:
        """Send the spans that a fact tells of, sometime."""
        try:
            for step in steps(fact, time.time() - time.perf_counter(), self._share):
                if self._count.has_room():
                    self._processor.on_end(self._make(step))
        except Exception:  # noqa: BLE001 - a trace is worth no event
            if self._failed.may_tell():
                self._log.exception("trace_not_made", kind=type(fact).__name__)

    def stamp(self, event_id: UUID, step: str) -> dict[str, str]:
        """Return the headers of a message that is sent in a step of an event's trace; none if the event is not traced."""
        return {TRACE_HEADER: traceparent(event_id, step)} if is_kept(event_id, self._share) else {}

    def close(self) -> None:
        """Send what is left, for two seconds at most."""
        ending = threading.Thread(target=self._processor.shutdown, name="last spans", daemon=True)
        ending.start()
        ending.join(_FLUSH_S)


class _SpanMaker:
    """Makes OpenTelemetry's spans of steps."""

    def __init__(self, resource: Any) -> None:
        from opentelemetry import trace
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        self._api, self._span, self._resource = trace, ReadableSpan, resource
        self._scope = InstrumentationScope("waste-fleet", version("waste-fleet"))
        self._flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)

    def __call__(self, step: Step) -> "ReadableSpan":
        api, trace_id = self._api, step.event_id.int
        failed = api.Status(api.StatusCode.ERROR, step.failed) if step.failed else api.Status()
        return self._span(
            name=step.name,
            context=self._context(trace_id, step.span_id),
            parent=None if step.parent_id is None else self._context(trace_id, step.parent_id),
            resource=self._resource,
            attributes=step.facts,
            links=[api.Link(self._context(step.foreign.trace_id, step.foreign.span_id))] if step.foreign else (),
            kind=api.SpanKind[step.role.value.upper()],
            status=failed,
            start_time=int(step.began * 1e9),
            end_time=int(max(step.began, step.ended) * 1e9),
            instrumentation_scope=self._scope,
        )

    def _context(self, trace_id: int, span_id: int) -> Any:
        return self._api.SpanContext(trace_id, span_id, is_remote=False, trace_flags=self._flags)


class _Seldom:
    """Says whether something may be told again: once a minute."""

    def __init__(self) -> None:
        self._from = float("-inf")

    def may_tell(self) -> bool:
        """Return whether it may, and count from now if so."""
        if time.monotonic() < self._from:
            return False
        self._from = time.monotonic() + _TELL_EVERY_S
        return True


class _Count:
    """How many spans wait and how many were lost, which a line a minute tells in the stead of the SDK's line for each."""

    def __init__(self, most: int, log: Any) -> None:
        self._most, self._waiting, self._lost, self._log = most, 0, 0, log
        self._lock, self._told = threading.Lock(), _Seldom()

    def has_room(self) -> bool:
        """Return whether one more may wait; it does from now on, or is lost."""
        with self._lock:
            room = self._waiting < self._most
            self._waiting += room
            self._lost += not room
        return room

    def gone(self, number: int, why: str) -> None:
        """Note that so many wait no more; `why` they are lost, or nothing."""
        with self._lock:
            self._waiting -= number
            self._lost += number if why else 0
            tell = self._lost and self._told.may_tell()
            lost, self._lost = (self._lost, 0) if tell else (0, self._lost)
        if lost:
            self._log.warning("spans_lost", number=lost, why=why or "they came faster than they were taken")


def _counted(exporter: "SpanExporter", count: _Count) -> "SpanExporter":
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class Counted(SpanExporter):
        def export(self, spans: "Sequence[ReadableSpan]") -> "SpanExportResult":
            try:
                result, why = exporter.export(spans), "the collector does not take them"
            except Exception as error:  # noqa: BLE001 - whatever it is, the next ones are tried again
                result, why = SpanExportResult.FAILURE, f"{type(error).__name__}: {error}"[:200]
            count.gone(len(spans), "" if result is SpanExportResult.SUCCESS else why)
            return result

        def shutdown(self) -> None:
            exporter.shutdown()

    return Counted()


def open_traces(settings: TraceSettings, role: str) -> Traces | None:
    """Return where a program's spans go, None if nowhere; raises SettingsInvalid where OpenTelemetry is not installed."""
    address = settings.traces_address()
    if address is None:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.util.re import parse_env_headers
    except ImportError as error:
        name = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" if settings.otel_traces_endpoint else "OTEL_EXPORTER_OTLP_ENDPOINT"
        raise SettingsInvalid(f"{name}: needs the package {error.name}; install waste-fleet[traces]") from None
    # Each failed try is a line of the SDK's.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    headers = parse_env_headers(settings.otel_headers.get_secret_value(), liberal=True) if settings.otel_headers else None
    resource = {
        "service.name": settings.otel_service_name or f"waste-{role}",
        "service.namespace": "waste-fleet",
        "service.version": version("waste-fleet"),
        "service.instance.id": f"{socket.gethostname()}/{os.getpid()}",
    }
    try:
        exporter = OTLPSpanExporter(endpoint=address, headers=headers)
        return Traces(exporter, resource, settings.traced_share(), settings.otel_queue)
    except (ValueError, OSError) as error:
        raise SettingsInvalid(f"OTEL_*: OpenTelemetry cannot be set up with them: {error}") from None
