"""An OpenTelemetry collector on loopback; it reads what it gets by the library's own types."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from tests.support.websites import HOST, listening, reply

__all__ = ["Collector", "attributes_of", "open_collector"]


@dataclass
class Collector:
    """Answers with `status`, but not before `may_answer` is set."""

    port: int
    status: int = 200
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    may_answer: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/v1/traces"

    @property
    def received(self) -> list[Any]:
        """What came, resource by resource."""
        read = ExportTraceServiceRequest.FromString
        return [one for body in self.bodies for one in read(body).resource_spans]

    @property
    def spans(self) -> list[Any]:
        """The spans, as they were recorded."""
        scopes = [scope for one in self.received for scope in one.scope_spans]
        return [span for scope in scopes for span in scope.spans]


def attributes_of(described: Any) -> dict[str, str | int]:
    """The attributes of a span or a resource."""
    return {one.key: _value(one) for one in described.attributes}


def _value(attribute: KeyValue) -> str | int:
    kind = attribute.value.WhichOneof("value")
    assert kind in {"string_value", "int_value"}
    value: str | int = getattr(attribute.value, kind)
    return value


@contextmanager
def open_collector() -> Iterator[Collector]:
    """A collector that is there as long as the context."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            assert self.path == "/v1/traces"
            collector.headers.append({name.lower(): v for name, v in self.headers.items()})
            collector.bodies.append(body)
            collector.may_answer.wait()
            try:
                reply(self, collector.status, {}, b"")
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # whoever sent has waited enough

        def log_message(self, *_: Any) -> None:
            pass

    with listening(Handler) as port:
        collector = Collector(port)
        collector.may_answer.set()
        try:
            yield collector
        finally:
            collector.may_answer.set()
