"""Every import there was, filtered by its state, its source and who asked for it."""

from starlette.requests import Request
from starlette.responses import Response

from app.core.principals import require
from app.web import looks
from app.web.pages import reading
from app.web.services import services
from app.web.templates import page

ROWS = 30
FILTERS = ("status", "source", "by")


async def show(request: Request) -> Response:
    principal = require(request.scope)
    found = services(request)
    filters = {name: request.query_params.get(name) or None for name in FILTERS}
    after = request.query_params.get("after")
    listed = await found.lookup.imports(principal.workspace, **filters, after=after, limit=ROWS)
    fresh = reading.freshest(listed.imports, found.imports.values())
    return page(
        request,
        "history.html",
        imports=[reading.state(one) for one in fresh],
        filters=filters,
        filtered=any(filters.values()),
        after="/imports" + looks.query(filters, after=listed.after) if listed.after else None,
    )
