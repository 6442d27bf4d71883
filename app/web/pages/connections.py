"""Accounts at Google and Microsoft: the two cards of the home page, and the page about what is connected."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.connections.connecting import redirect_uri
from app.connections.model import Connection
from app.connections.providers import Provider
from app.connections.routes import may_disconnect, told
from app.core.principals import Principal, require
from app.web.pages import reading
from app.web.services import Services, services
from app.web.templates import page

GOOD = ("yes", "again", "fewer")
RESULTS = (
    *GOOD,
    *("denied", "unticked", "not_lasting", "another_account", "too_late", "not_understood", "not_set_up"),
    *("busy", "signed_out"),
)
"""How a way through a provider's page can end (`app.connections.routes`)."""


async def show(request: Request) -> Response:
    principal = require(request.scope)
    return page(request, "connections.html", cards=await cards(services(request), principal))


async def cards(found: Services, principal: Principal) -> list[dict[str, Any]]:
    """Both providers, each with its accounts and what was last brought in from them."""
    connected = await found.connections.list(principal.workspace)
    return [await _card(found, principal, one, connected) for one in found.connections.providers.values()]


async def _card(
    found: Services, principal: Principal, provider: Provider, connected: Sequence[Connection]
) -> dict[str, Any]:
    accounts = [await _account(found, principal, one) for one in connected if one.provider == provider.name]
    return {
        "provider": provider.name,
        "title": provider.title,
        "needs": provider.needs,
        "redirect_uri": redirect_uri(found.config.public_url, provider.name),
        "manage": provider.manage,
        "others": provider.other is not None,
        "accounts": accounts,
    }


async def _account(found: Services, principal: Principal, one: Connection) -> dict[str, Any]:
    last = one.last_import and await reading.find(found, principal.workspace, one.last_import)
    return {
        **told(one),
        "last": reading.state(last) if last else None,
        "may_disconnect": may_disconnect(principal, one),
    }


def result(request: Request, shown: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """What a person who comes back from a provider's page is told; None for everybody else."""
    query = request.query_params
    card = next((card for card in shown if card["provider"] == query.get("provider")), None)
    kind = query.get("connected")
    if card is None or kind not in RESULTS:
        return None
    account = next((one for one in card["accounts"] if one["id"] == query.get("connection")), None)
    if kind in GOOD and account is None:
        return None
    return {"kind": kind, "good": kind in GOOD, "card": card, "account": account}
