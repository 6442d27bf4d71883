"""One trace from hop to hop, told to a collector if there is one, and free if there is none."""

import asyncio
import re
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, StatusCode

from app import trace, tracing

ROOT = Path(__file__).resolve().parents[2]
GIVEN = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
FORM = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Heard(SpanExporter):
    """Remembers what was told, by name."""

    def __init__(self) -> None:
        self.spans: dict[str, ReadableSpan] = {}

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans.update({span.name: span for span in spans})
        return SpanExportResult.SUCCESS

    def above(self, name: str) -> str | None:
        """The id of a span's parent, 16 hex digits."""
        parent = self.spans[name].parent
        return None if parent is None else f"{parent.span_id:016x}"


@pytest.fixture
def heard() -> Iterator[Heard]:
    found = Heard()
    trace.record(tracing.recorder(SimpleSpanProcessor(found), "importer.1"))
    trace.enter(None)
    yield found
    trace.record(None)
    trace.enter(None)


def test_a_step_hangs_below_what_it_came_from_and_what_it_does_below_it(heard: Heard) -> None:
    with trace.received("process", GIVEN) as outer, trace.span("transaction", "client") as inner:
        assert trace.current() == inner.traceparent
        assert FORM.fullmatch(inner.traceparent)
    assert heard.above("process") == "b" * 16
    assert heard.above("transaction") == outer.traceparent.split("-")[2]
    for span in heard.spans.values():
        assert span.context is not None
        assert f"{span.context.trace_id:032x}" == "a" * 32
    assert heard.spans["transaction"].kind is SpanKind.CLIENT
    assert heard.spans["process"].resource.attributes["service.name"] == "importer"
    assert heard.spans["process"].resource.attributes["service.instance.id"] == "importer.1"


def test_after_a_step_the_work_goes_on_where_it_was(heard: Heard) -> None:
    with trace.received("process", GIVEN) as outer:
        with trace.span("transaction"):
            pass
        assert trace.current() == outer.traceparent
    assert trace.current() == GIVEN


@pytest.mark.parametrize("given", [None, "", "nonsense", "00-xyz-1-01", "00-1"])
def test_what_comes_without_a_readable_trace_begins_one(heard: Heard, given: str | None) -> None:
    with trace.received("process", given) as span:
        assert FORM.fullmatch(span.traceparent)
    assert heard.above("process") is None


def test_a_trace_whose_sender_does_not_want_it_told_is_not_told_but_carried_on(heard: Heard) -> None:
    with trace.received("process", GIVEN[:-1] + "0") as span:
        assert span.traceparent.startswith(GIVEN[:35])
        assert span.traceparent.endswith("-00")
    assert not heard.spans


def test_a_failure_is_told_by_its_name_and_without_its_words(heard: Heard) -> None:
    with pytest.raises(ValueError, match="ada"), trace.received("process", GIVEN):
        raise ValueError("ada@example.org")
    span = heard.spans["process"]
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError")
    assert "ada@" not in span.to_json()


async def test_a_step_without_a_block_ends_with_what_it_waits_for(heard: Heard) -> None:
    sent, refused = asyncio.Future[object](), asyncio.Future[object]()
    trace.span("send a").until(sent)
    trace.span("send b").until(refused)
    await asyncio.sleep(0)
    assert not heard.spans
    sent.set_result(None)
    refused.set_exception(OSError())
    await asyncio.sleep(0)
    assert heard.spans["send a"].status.status_code is StatusCode.UNSET
    assert heard.spans["send b"].status.description == "OSError"
    assert isinstance(refused.exception(), OSError)


def test_a_step_that_is_over_keeps_its_time(heard: Heard) -> None:
    trace.passed("deliver", GIVEN, since=1_700_000_000.5)
    assert heard.spans["deliver"].start_time == 1_700_000_000_500_000_000
    assert heard.above("deliver") == "b" * 16


def test_without_a_collector_every_record_has_a_trace_all_the_same() -> None:
    trace.enter(None)
    with trace.received("process", GIVEN) as span, trace.span("transaction") as inner:
        assert span.traceparent == inner.traceparent == trace.current() == GIVEN
        inner.say("x", 1)
    with trace.received("process", None) as span:
        assert FORM.fullmatch(span.traceparent)
        assert span.traceparent != GIVEN
    trace.enter(None)


def test_without_a_collector_no_process_imports_the_sdk() -> None:
    code = """
        import sys
        import app.web.__main__, workers.tracker.main, workers.importer.main, workers.projector.main
        import workers.fetcher.main
        from app import config, trace
        trace.set_up(config.Tracker(process_name="tracker.1", kafka_bootstrap="nowhere:1"))
        loaded = {name for name in sys.modules if name.startswith("opentelemetry")}
        assert not loaded, loaded
        import app.gateway.__main__  # whose Redis client looks for it, but not for the exporter
        loaded = {name for name in sys.modules if name.startswith("opentelemetry.exporter")}
        assert not loaded, loaded
        assert "app.tracing" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, check=True)


async def test_a_process_tells_its_collector_what_is_left_when_it_ends() -> None:
    said = asyncio.Future[bytes]()

    async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        assert length is not None
        said.set_result(head + await reader.readexactly(int(length[1])))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(collect, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        assert await _ended(f"http://127.0.0.1:{port}/", "x-key=secret") == 0
        told = await asyncio.wait_for(said, 10)
    head, _, body = told.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/traces ")
    assert b"x-key: secret" in head.lower()
    for word in (b"fold", b"tracker.1", b"addressbus"):
        assert word in body


async def test_a_collector_that_is_away_does_not_hold_up_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never answers
        began = time.monotonic()
        assert await _ended(f"http://127.0.0.1:{silent.getsockname()[1]}", "") == 0
    assert time.monotonic() - began < 3 * tracing.SECONDS


async def _ended(endpoint: str, headers: str) -> int:
    code = f"""
        from app import config, trace
        trace.set_up(config.Tracker(
            process_name="tracker.1", kafka_bootstrap="nowhere:1",
            otel_exporter_otlp_endpoint={endpoint!r}, otel_exporter_otlp_headers={headers!r},
        ))
        with trace.received("fold", None):
            pass
    """
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", textwrap.dedent(code), cwd=ROOT)
    return await asyncio.wait_for(process.wait(), 20)


def test_headers_for_the_collector_are_read_as_the_standard_writes_them() -> None:
    assert tracing.headers("") == {}
    assert tracing.headers("Authorization=Basic YTpi==, x=1") == {"authorization": "Basic YTpi==", "x": "1"}
