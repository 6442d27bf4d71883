"""Exports of contacts, streamed as they come from the database: memory does not grow with their number."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from typing import NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from app.core.events import ContactOut
from app.core.principals import require
from app.web import spreadsheet, vcard
from app.web.contacts_api import WHICH, filter_of, sort_of
from app.web.lookup import Export
from app.web.openapi import Paths, operation
from app.web.services import services

_contact = msgspec.json.Decoder(ContactOut)


class Format(NamedTuple):
    """How contacts are written: what stands before the first one, and some contacts at a time."""

    ending: str
    media_type: str
    head: Callable[[Export], bytes]
    some: Callable[[Export, Sequence[ContactOut]], bytes]


CSV = Format(
    ending="csv",
    media_type="text/csv; charset=utf-8",
    head=lambda export: spreadsheet.BOM + spreadsheet.table([spreadsheet.header(export.custom)]),
    some=lambda export, contacts: spreadsheet.table(spreadsheet.row(one, export.custom) for one in contacts),
)
VCARD = Format(
    ending="vcf",
    media_type="text/vcard; charset=utf-8",
    head=lambda export: b"",
    some=lambda export, contacts: vcard.cards(contacts),
)


async def contacts_csv(request: Request) -> Response:
    return await _streamed(request, CSV)


async def contacts_vcf(request: Request) -> Response:
    return await _streamed(request, VCARD)


async def _streamed(request: Request, written: Format) -> Response:
    principal = require(request.scope, "owner")
    wanted, sort = filter_of(request), sort_of(request)
    headers = {"Content-Disposition": f'attachment; filename="{_file_name(written.ending)}"'}
    if request.method == "HEAD":
        return Response(headers=headers, media_type=written.media_type)
    await services(request).audit.note(principal, "contacts.exported", written.ending)
    async with AsyncExitStack() as stack:
        export = await stack.enter_async_context(services(request).lookup.export(principal.workspace, wanted, sort))
        # From here on the answer owns the transaction: it ends with the last byte, or when the reader goes away.
        body = _written(export, written, stack.pop_all())
    return StreamingResponse(body, headers=headers, media_type=written.media_type)


async def _written(export: Export, written: Format, open_: AsyncExitStack) -> AsyncIterator[bytes]:
    async with open_:
        yield written.head(export)
        async for docs in export.chunks:
            yield written.some(export, [_contact.decode(doc) for doc in docs])


def _file_name(ending: str) -> str:
    return f"contacts-{time.strftime('%Y-%m-%d', time.gmtime())}.{ending}"


ROUTES = [
    Route("/api/v1/contacts.csv", contacts_csv, methods=["GET"]),
    Route("/api/v1/contacts.vcf", contacts_vcf, methods=["GET"]),
]


def _described(summary: str, media_type: str) -> dict[str, object]:
    described = operation(summary, {}, parameters=WHICH)
    described["responses"]["200"] = {"description": summary, "content": {media_type: {"schema": {"type": "string"}}}}
    return described


OPENAPI_PATHS: Paths = {
    "/api/v1/contacts.csv": {"get": _described("All contacts that fit, as CSV", "text/csv")},
    "/api/v1/contacts.vcf": {"get": _described("All contacts that fit, as vCard 3.0", "text/vcard")},
}
