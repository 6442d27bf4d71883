"""The API of the audit log."""

from typing import get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.core.audit import Action
from app.core.errors import Rejected
from app.core.principals import require
from app.web.audit import Page, Way
from app.web.contacts_api import AFTER, HOW_MANY, in_query, limit_of, one_of
from app.web.openapi import Paths, Schema, obj, operation
from app.web.routes import answer
from app.web.services import services


async def read(request: Request, limit: int) -> Page:
    """The page of entries that a request asks for; for owners. Raises Rejected."""
    principal = require(request.scope, "owner")
    after = request.query_params.get("after") or None
    if after is not None and not (after.isascii() and after.isdigit() and len(after) < 19):
        raise Rejected("bad_query", "`after` must be what the page before said.", parameter="after")
    return await services(request).audit.page(
        principal.workspace,
        action=one_of(request, "action", get_args(Action)),
        after=int(after) if after else None,
        limit=limit,
    )


async def list_entries(request: Request) -> Response:
    return answer(await read(request, limit_of(request)))


ROUTES = [Route("/api/v1/audit", list_entries, methods=["GET"])]

_TEXT: Schema = {"type": "string"}
_ENTRY = obj(
    {
        "id": {"type": "integer"},
        "at": {"type": "number"},
        "actor": {"type": ["string", "null"], "description": "the id of the person"},
        "address": {"type": ["string", "null"], "description": "what they are called today"},
        "by": {"type": "string", "enum": list(get_args(Way))},
        "action": {"type": "string", "enum": list(get_args(Action))},
        "subject": {"type": "string", "description": "the id of what it was done with"},
        "request": {"type": "string", "description": "the trace id of the request"},
    }
)
OPENAPI_PATHS: Paths = {
    "/api/v1/audit": {
        "get": operation(
            "Who did what in this workspace, the newest first",
            {200: obj({"entries": {"type": "array", "items": _ENTRY}, "after": {"type": ["string", "null"]}})},
            parameters=(in_query("action", {"type": "string", "enum": list(get_args(Action))}), AFTER, HOW_MANY),
        )
    }
}
