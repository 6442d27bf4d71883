"""One small import on real servers is one trace, from the request to the frame on a page's socket."""

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from app import config, trace, tracing
from app.core.channels import workspace_channel
from tests.integration.conftest import Servers
from tests.integration.house import house
from tests.integration.house import settings as web_settings
from tests.integration.listening import client, gateway, settings
from tests.waiting import until
from workers.importer import main as importer
from workers.projector import main as projector
from workers.tracker.follow import Follower


class Heard(SpanExporter):
    """Remembers the spans of one trace."""

    def __init__(self) -> None:
        self.trace = secrets.token_hex(16)
        self.spans: list[ReadableSpan] = []

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace}-{'1' * 16}-01"

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans += [span for span in spans if f"{span.context.trace_id:032x}" == self.trace]
        return SpanExportResult.SUCCESS

    def ways(self) -> set[str]:
        """Every way from the trace's beginning down to a span: `POST /api/v1/imports > upload > ...`."""
        by_id = {span.context.span_id: span for span in self.spans}

        def way(span: ReadableSpan) -> str:
            above = by_id.get(span.parent.span_id) if span.parent is not None else None
            return span.name if above is None else f"{way(above)} > {span.name}"

        return {way(span) for span in self.spans}


@pytest.fixture
def heard() -> Iterator[Heard]:
    found = Heard()
    trace.record(tracing.recorder(SimpleSpanProcessor(found), "everything.1"))
    yield found
    trace.record(None)


@asynccontextmanager
async def working(servers: Servers) -> AsyncIterator[None]:
    """An importer of the express lane, a projector and a tracker."""
    environment = {
        "PROCESS_NAME": f"traced-{uuid4().hex[:6]}",
        "KAFKA_BOOTSTRAP": servers.kafka,
        "LANE": "express",
        "IMPORTER_DATABASE_URL": servers.dsn("importer"),
        "PROJECTOR_DATABASE_URL": servers.dsn("projector"),
        "DATA_KEYS": web_settings(servers).data_keys,
    }
    runs = (
        importer.run(config.read(config.Importer, environment)),
        projector.run(config.read(config.Projector, environment)),
        Follower(config.read(config.Tracker, environment)).run(),
    )
    tasks = [asyncio.create_task(run) for run in runs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for number in (signal.SIGTERM, signal.SIGINT):  # which belong to a process, and are pytest's again
            asyncio.get_running_loop().remove_signal_handler(number)


async def test_an_import_is_one_trace_from_the_request_to_the_socket(servers: Servers, heard: Heard) -> None:
    made = settings(servers, f"gateway-{uuid4().hex[:6]}")
    async with (
        house(servers) as app,
        working(servers),
        gateway(made, f"g-{uuid4().hex}") as listening,
        client(listening) as page,
    ):
        person = await app.join(await app.workspace())
        await page.subscribe(person.principal.workspace, workspace_channel(person.principal.workspace))
        answer = await person.program.post(
            "/api/v1/imports?name=a.csv",
            content=b"Name,E-mail\nAda,ada@example.org\n",
            headers={"traceparent": heard.traceparent},
        )
        assert answer.status_code == 202, answer.text
        await until(lambda: any(kind == "visible" for kind, _ in page.kinds), within=60)

    request, segment = "POST /api/v1/imports", "process import.segments.express"
    imported = f"{request} > upload > send import.segments.express > {segment}"
    shown = f"{imported} > tell > send contacts.changed > process contacts.changed"
    ways = heard.ways()
    for way in (
        request,
        f"{request} > intake > transaction",
        f"{request} > intake > send import.facts > fold",
        f"{imported} > read",
        f"{imported} > transaction",
        f"{imported} > tell > send import.facts > fold",
        f"{shown} > transaction",
        f"{shown} > send import.facts > fold",
    ):
        assert way in ways, f"{way} is not among\n" + "\n".join(sorted(ways))
    # Which of the facts comes last, and which of several that come together is told, is a matter of moments.
    for step in ("process notices", "deliver"):
        assert any(way.endswith(f" > send import.facts > fold > send notices > {step}") for way in ways), sorted(ways)
    assert {way.partition(" > ")[0] for way in ways} == {request}
    attributes: list[Any] = [value for span in heard.spans for value in (span.attributes or {}).values()]
    assert answer.json()["id"] in attributes
    assert not [value for value in attributes if "ada" in str(value).lower()]
