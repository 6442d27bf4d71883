"""What was done in this workspace: for its owners."""

from typing import get_args

from starlette.requests import Request
from starlette.responses import Response

from app.core.audit import Action
from app.web import audit_api, looks
from app.web.templates import page

ROWS = 50


async def show(request: Request) -> Response:
    found = await audit_api.read(request, ROWS)
    action = request.query_params.get("action") or None
    following = "/audit" + looks.query({"action": action}, after=found.after) if found.after else None
    return page(
        request, "audit.html", entries=found.entries, actions=get_args(Action), action=action, following=following
    )
