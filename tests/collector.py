"""A collector of traces: what OTLP over HTTP brings, as a test wants to see it."""

import gzip
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse


@dataclass(frozen=True)
class Span:
    name: str
    service: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: int
    began: int
    ended: int
    attributes: dict
    failed: str
    links: tuple


class Collector:
    """Listens on 127.0.0.1; `answer` is the status it gives, and `hang_s` how long it thinks before."""

    def __init__(self):
        self.spans, self.headers, self.answer, self.hang_s = [], [], 200, 0.0
        self.arrived = threading.Condition()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                time.sleep(collector.hang_s)
                if collector.answer == 200:
                    collector.take(self.path, dict(self.headers), body)
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(collector.answer)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, path, headers, body):
        assert path == "/v1/traces"
        body = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
        with self.arrived:
            self.headers.append({name.lower(): value for name, value in headers.items()})
            self.spans += list(read(ExportTraceServiceRequest.FromString(body)))
            self.arrived.notify_all()

    def of(self, event_id):
        """Return the spans of an event's trace."""
        with self.arrived:
            return [span for span in self.spans if span.trace_id == event_id.hex]

    def by_name(self, event_id):
        found = defaultdict(list)
        for span in self.of(event_id):
            found[span.name].append(span)
        return found

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def read(request):
    for of_resource in request.resource_spans:
        service = values(of_resource.resource.attributes)["service.name"]
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield Span(
                    span.name,
                    service,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.kind,
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    values(span.attributes),
                    span.status.message,
                    tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                )


def values(attributes):
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
