"""Traces: each request is sent to an OpenTelemetry collector as a span, its steps as its children.

This module needs the extra `traces`, so it is imported only where traces are set. A thread sends
what was recorded, from a bounded queue: no request waits for the collector or fails with it.
"""

import atexit
import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from recommender.errors import ReadAlsoError
from recommender.logs import RepeatedFault
from recommender.ranking.candidates import Step
from recommender.release import RELEASE

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

__all__ = ["Traces"]

SERVICE: Final = "read-also"
QUEUE_SPANS: Final = 2_048
BATCH_SPANS: Final = 512
DELAY_MS: Final = 1_000
"""How long a span waits for others, unless a batch is full."""
SEND_SECONDS: Final = 2.0
"""How long a batch is tried; a worker that stops may wait so long for its last one."""
SERVER_ERROR: Final = 500
_log = logging.getLogger(__name__)


class Traces:
    """Records requests as spans, and sends them. Safe for threads; make it after the last fork."""

    def __init__(self, address: str) -> None:
        """Start the thread that sends.

        Args:
            address: of the collector's call for traces, OTLP over HTTP. How much is sampled, and
                headers with a key, come from the standard variables that OpenTelemetry reads.
        """
        self._sender = _Sender(address)
        ours = Resource.create({"service.name": SERVICE, "service.version": RELEASE})
        self._provider = TracerProvider(
            resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False
        )
        self._processor = BatchSpanProcessor(
            cast("SpanExporter", self._sender),
            max_queue_size=QUEUE_SPANS,
            schedule_delay_millis=DELAY_MS,
            max_export_batch_size=BATCH_SPANS,
        )
        self._provider.add_span_processor(self._processor)
        self._tracer = self._provider.get_tracer(SERVICE, RELEASE)
        atexit.register(self.stop)

    def record(
        self,
        described: Mapping[str, str | int],
        traceparent: str,
        began: float,
        steps: Sequence[Step],
    ) -> str:
        """Record a request that ends now; return the id of its trace, 32 hex digits.

        Args:
            described: its attributes by their names in OpenTelemetry; empty ones are left out.
            traceparent: the header of W3C Trace Context that it came with; one that is malformed
                or empty begins a new trace.
            began: when it began, in seconds of `time.perf_counter`.
            steps: its parts.
        """
        offset = time.time_ns() - round(time.perf_counter() * 1e9)
        span = self._tracer.start_span(
            f"{described['http.request.method']} {described['http.route']}".strip(),
            TraceContextTextMapPropagator().extract({"traceparent": traceparent}, Context()),
            SpanKind.SERVER,
            {name: value for name, value in described.items() if value != ""},
            start_time=offset + round(began * 1e9),
        )
        self._record_steps(steps, set_span_in_context(span, Context()), offset)
        if int(described["http.response.status_code"]) >= SERVER_ERROR:
            span.set_status(Status(StatusCode.ERROR))
        span.end(offset + round(time.perf_counter() * 1e9))
        return f"{span.get_span_context().trace_id:032x}"

    def _record_steps(self, steps: Sequence[Step], inside: Context, offset: int) -> None:
        """Record steps inside a span; `offset`: nanoseconds from `perf_counter` to the clock."""
        for step in steps:
            began, ended = (offset + round(at * 1e9) for at in (step.began, step.ended))
            self._tracer.start_span(step.name, inside, start_time=began).end(ended)

    def flush(self) -> None:
        """Send now what was recorded."""
        self._processor.force_flush()

    def stop(self) -> None:
        """Send what was recorded, unless the collector is away, and end the thread."""
        atexit.unregister(self.stop)
        self._sender.is_last = True
        self._provider.shutdown()


class _Sender:
    """Sends spans. What it cannot send is lost; the log says so once a minute, and how it ended.

    It is a `SpanExporter`, which is only a name where OpenTelemetry is not installed. One thread at
    a time calls `export`.
    """

    def __init__(self, address: str) -> None:
        self.is_last = False
        """Whether the program stops, so that after a failure nothing else is tried."""
        self._exporter: SpanExporter = OTLPSpanExporter(address, timeout=SEND_SECONDS)
        self._fault = RepeatedFault(_log, f"traces cannot be sent to {address}")
        self._is_away = False
        self._reason = _Reason()
        self._library_log = logging.getLogger(OTLPSpanExporter.__module__)
        self._library_log.propagate = False
        self._library_log.addHandler(self._reason)

    def export(self, spans: "Sequence[ReadableSpan]") -> SpanExportResult:
        """Send some spans."""
        if self._is_away and self.is_last:
            return SpanExportResult.FAILURE
        self._reason.text = ""
        result = self._exporter.export(spans)
        self._is_away = result is not SpanExportResult.SUCCESS
        if self._is_away:
            self._fault.note(ReadAlsoError(f"{len(spans)} spans are lost: {self._reason.text}"))
        else:
            self._fault.clear()
        return result

    def shutdown(self) -> None:
        """Close the connection."""
        self._exporter.shutdown()
        self._library_log.removeHandler(self._reason)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits here."""
        return self._exporter.force_flush(timeout_millis)


class _Reason(logging.Handler):
    """Keeps the library's first message about a batch: why it was not sent."""

    text = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message, if none is there."""
        self.text = self.text or record.getMessage()
