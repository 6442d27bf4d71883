"""All contacts: search, filters with counts, paging; and one contact with where each value came from."""

import asyncio
from typing import Any
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.core.principals import require
from app.core.search import Facet
from app.web import looks
from app.web.pages import reading
from app.web.services import Services, services
from app.web.templates import page

ROWS = 50
FACETS: tuple[Facet, ...] = ("label", "company", "domain", "import")
FILTERS = ("q", *FACETS, "sort")


async def show(request: Request) -> Response:
    """`?part=found` answers with what is below the search field, for the page to swap in."""
    principal = require(request.scope)
    found = services(request)
    asked = request.query_params
    filters = {name: asked.get(name) or None for name in FILTERS}
    workspace = principal.workspace
    listed = await found.lookup.contacts(
        workspace,
        q=filters["q"],
        label=filters["label"],
        company=filters["company"],
        domain=filters["domain"],
        import_=_id(filters["import"]),
        sort="name" if filters["sort"] == "name" else None,
        after=asked.get("after"),
        limit=ROWS,
    )
    values: dict[str, Any] = {
        "found": {
            "contacts": [reading.contact(one) for one in listed.contacts],
            "total": listed.total,
            "about": listed.about,
        },
        "filters": filters,
        "next": "/contacts" + looks.query(filters, after=listed.after) if listed.after else None,
        "counts": await _counts(found, workspace),
        "names": await _names(found, workspace, filters["import"]),
    }
    template = "parts/contacts-found.html" if asked.get("part") == "found" else "contacts.html"
    return page(request, template, **values)


async def show_one(request: Request) -> Response:
    """`?part=contact` answers with the card alone, to be shown beside the list."""
    principal = require(request.scope)
    found = services(request)
    doc = await found.lookup.contact(principal.workspace, request.path_params["id"])
    if doc is None:
        raise reading.gone()
    contact = reading.contact(msgspec.json.decode(doc))
    imports = await reading.names_of(found, principal.workspace, reading.imports_in(contact))
    template = "parts/contact-detail.html" if request.query_params.get("part") == "contact" else "contact.html"
    return page(request, template, contact=contact, imports=imports)


async def _counts(found: Services, workspace: UUID) -> dict[str, list[dict[str, Any]]]:
    """The greatest values of each facet, but the newest imports, each by its name."""
    counted = await asyncio.gather(
        *(
            found.lookup.latest(workspace) if facet == "import" else found.lookup.counts(workspace, by=facet)
            for facet in FACETS
        )
    )
    return {
        facet: [{"value": one.value, "name": one.name or one.value, "count": one.count} for one in counts]
        for facet, counts in zip(FACETS, counted, strict=True)
    }


async def _names(found: Services, workspace: UUID, import_id: str | None) -> dict[str, str]:
    """What the chosen import is called."""
    chosen = _id(import_id)
    state = await reading.find(found, workspace, chosen) if chosen else None
    return {"import": reading.name(state)} if state else {}


def _id(text: str | None) -> UUID | None:
    """An id from the query. Raises Rejected `not_found` for what cannot be one."""
    try:
        return UUID(text) if text else None
    except ValueError:
        raise reading.gone() from None
