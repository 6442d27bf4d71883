"""Spans for an OpenTelemetry collector (OTLP over HTTP): the only file that imports OpenTelemetry.

What a span hangs below is the traceparent of the work at hand, the same that travels in records: OpenTelemetry's own
context is not used. Spans wait in memory and are sent by a thread; a collector that is away loses them and delays
nobody. How many traces are told follows OTEL_TRACES_SAMPLER, and the sampled flag of who began a trace.
"""

import asyncio
import logging
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from app import config, trace
from app.trace import Kind, Recorder, Span, Value

SECONDS = 3.0
"""A collector that takes longer is away. An orderly end waits no longer for it either."""

_KINDS: dict[Kind, SpanKind] = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}


class _Told(Span):
    __slots__ = ("_before", "_span", "_traceparent")

    def __init__(self, span: api.Span) -> None:
        self._span = span
        self._before: str | None = None
        context = span.get_span_context()
        self._traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    @property
    def traceparent(self) -> str:
        return self._traceparent

    def __enter__(self) -> Span:
        self._before = trace.here()
        trace.enter(self._traceparent)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        trace.enter(self._before)
        self._end(error)

    def call(self, name: str) -> None:
        self._span.update_name(name)

    def say(self, name: str, value: Value) -> None:
        self._span.set_attribute(name, value)

    def fail(self, why: str) -> None:
        self._span.set_status(Status(StatusCode.ERROR, why))

    def until(self, future: "asyncio.Future[Any]") -> None:
        future.add_done_callback(lambda done: self._end(None if done.cancelled() else done.exception()))

    def _end(self, error: BaseException | None) -> None:
        # Its words are left out: they may quote somebody's contacts. An end from outside is no fault.
        if error is not None and not isinstance(error, asyncio.CancelledError | GeneratorExit):
            self.fail(type(error).__name__)
        self._span.end()


def recorder(processor: SpanProcessor, process: str) -> Recorder:
    """Makes spans of the process called `process` (`importer.1`) and hands them to `processor` when they end."""
    resource = Resource.create(
        {
            "service.namespace": "addressbus",
            "service.name": process.partition(".")[0],
            "service.instance.id": process,
        }
    )
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("addressbus")

    def begin(name: str, kind: Kind, within: str | None, attributes: Mapping[str, Value], since: float | None) -> Span:
        return _Told(
            tracer.start_span(
                name,
                context=_context(within),
                kind=_KINDS[kind],
                attributes=attributes,
                start_time=None if since is None else int(since * 1e9),
            )
        )

    return begin


def to_collector(settings: config.Process) -> Recorder:
    """Sends spans to OTEL_EXPORTER_OTLP_ENDPOINT, in batches, and what is left at the process's end."""
    # It says in many words, for each batch anew, that the collector is away.
    logging.getLogger("opentelemetry").setLevel("ERROR")
    exporter = OTLPSpanExporter(
        endpoint=f"{settings.otel_exporter_otlp_endpoint.rstrip('/')}/v1/traces",
        headers=headers(settings.otel_exporter_otlp_headers),
        timeout=SECONDS,
    )
    return recorder(BatchSpanProcessor(exporter), settings.process_name)


def headers(said: str) -> dict[str, str]:
    """`name=value,name=value`, as OTEL_EXPORTER_OTLP_HEADERS has them."""
    pairs = (pair.partition("=") for pair in said.split(",") if pair.strip())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _context(traceparent: str | None) -> Context:
    """What a new span hangs below; a traceparent that cannot be read begins something new."""
    found = Context()
    if traceparent is None:
        return found
    try:
        _, in_trace, below, flags = (int(part, 16) for part in traceparent.split("-")[:4])
    except ValueError:
        return found
    parent = SpanContext(in_trace, below, is_remote=True, trace_flags=TraceFlags(flags))
    return api.set_span_in_context(NonRecordingSpan(parent), found)
