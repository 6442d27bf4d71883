"""Who may enter: members and invitations, tokens, and where one is signed in."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.core.principals import require
from app.web import accounts
from app.web.services import services
from app.web.templates import page


async def members_page(request: Request) -> Response:
    principal = require(request.scope)
    found = services(request)
    members = await accounts.members(found, principal)
    invitations = await accounts.invitations(found, principal) if principal.may("owner") else []
    return page(
        request,
        "members.html",
        members=[{**msgspec.structs.asdict(one), "you": one.id == principal.person} for one in members],
        invitations=invitations,
    )


async def tokens_page(request: Request) -> Response:
    principal = require(request.scope)
    found = services(request)
    tokens = await accounts.tokens(found, principal) if principal.may("owner") else []
    return page(request, "tokens.html", tokens=tokens, public_url=found.config.public_url.rstrip("/"))


async def sessions_page(request: Request) -> Response:
    principal = require(request.scope)
    return page(request, "sessions.html", sessions=await accounts.sessions(services(request), principal))
