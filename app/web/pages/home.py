"""The home page: where files are dropped, checked and sent, and what was imported lately."""

import phonenumbers
from starlette.requests import Request
from starlette.responses import Response

from app.core.principals import require
from app.web.pages import connections, reading
from app.web.services import services
from app.web.templates import page

RECENT = 8
REGIONS = tuple(sorted(phonenumbers.SUPPORTED_REGIONS))
"""The countries that a phone number without a country code may belong to."""


async def show(request: Request) -> Response:
    """Recent imports: those that run, from memory, and the last ones of the read model.

    `?part=sources` answers with the connected accounts only.
    """
    principal = require(request.scope)
    found = services(request)
    cards = await connections.cards(found, principal) if principal.may("member") else []
    if request.query_params.get("part") == "sources":
        return page(request, "parts/sources.html", cards=cards)
    listed = (await found.lookup.imports(principal.workspace, limit=RECENT)).imports
    known = {one.id for one in listed}
    fresh = reading.freshest(listed, found.imports.values())
    fresh += [one for one in reading.running(found, principal.workspace) if one.id not in known]
    return page(
        request,
        "home.html",
        imports=[reading.state(one) for one in reading.newest(fresh, RECENT)],
        cards=cards,
        result=connections.result(request, cards),
        first_run=not fresh,
        limit=found.config.max_upload_bytes,
        regions=REGIONS,
        days=found.config.file_retention_days,
        blank=reading.state(reading.BLANK),
    )
