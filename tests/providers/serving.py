"""The way of every provider's request: who is it, ledger, latency, limits, faults, handler, answer."""

import asyncio
import math
from collections.abc import Callable, Sequence

from starlette.datastructures import FormData, ImmutableMultiDict
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.providers import playing
from tests.providers.accounts import Account
from tests.providers.ledger import shortened
from tests.providers.vault import Access
from tests.providers.world import Call, Refused, World

Handler = Callable[[Call], Response]


def route(path: str, provider: str, name: str, handler: Handler, methods: Sequence[str] = ("GET",)) -> Route:
    async def serve(request: Request) -> Response:
        given = await request.form() if request.method == "POST" else FormData()
        form = ImmutableMultiDict([(key, value) for key, value in given.multi_items() if isinstance(value, str)])
        return await _serve(_call(request, provider, name, form), handler)

    return Route(path, serve, methods=list(methods), name=f"{provider}.{name}.{path}")


def _call(request: Request, provider: str, name: str, form: ImmutableMultiDict[str, str]) -> Call:
    world: World = request.app.state.world
    account, access = _who(world, request, provider, form)
    address = account.address if account else ""
    url = request.url
    entry = world.ledger.begin(world.clock.now(), provider, name, address, request.method, url.path, url.query)
    if access is not None:
        entry.token = shortened(access.token)
        entry.after_revoke = access.grant.withdrawn or access.revoked
    entry.grant = form.get("grant_type", "")
    return Call(world, request, provider, name, form, entry, account, access)


def _who(
    world: World, request: Request, provider: str, form: ImmutableMultiDict[str, str]
) -> tuple[Account | None, Access | None]:
    """Whom a request is about, told by the token, code or name in it, be it good or not."""
    vault = world.vault
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    access = vault.access.get(token.strip()) if scheme.lower() == "bearer" else None
    for secret in (form.get("refresh_token", ""), form.get("code", ""), form.get("token", "")):
        holder = vault.refresh.get(secret) or vault.codes.get(secret) or vault.access.get(secret)
        if holder is not None:
            return world.accounts.find(holder.grant.address), None
    if access is not None:
        return world.accounts.find(access.grant.address), access
    named = form.get("account") or request.query_params.get("login_hint", "")
    return world.accounts.find(named, provider), None


async def _serve(call: Call, handler: Handler) -> Response:
    world, entry, ledger = call.world, call.entry, call.world.ledger  # a reset may begin another ledger meanwhile
    try:
        response = _limited(call)
        if response is None:
            if world.settings.latency:
                await asyncio.sleep(world.settings.latency)
            response = await _answered(call, handler)
        entry.status, entry.items = response.status_code, call.items
        return response
    finally:
        ledger.end(entry, world.clock.now())


async def _answered(call: Call, handler: Handler) -> Response:
    facts = {
        "provider": call.provider,
        "endpoint": call.endpoint,
        "account": call.account.address if call.account else "",
        "grant": call.entry.grant,
    }
    fault = call.world.faults.take(call.entry.ordinal, facts)
    try:
        if fault is None:
            return handler(call)
        call.entry.fault = fault.kind
        return await playing.play(fault, call, lambda: handler(call))
    except Refused as refused:
        return refused.response


def _limited(call: Call) -> Response | None:
    """What is refused before anybody looks at it: who was told to wait, and who asks too often."""
    world, settings = call.world, call.world.settings
    if call.account is None or call.endpoint in {"authorize", "revoke"}:
        return None
    until = world.waits.get(playing.waiting_room(call), 0.0)
    if call.now < until:
        call.entry.early = True
        return playing.throttled(call, until - call.now, {"Retry-After": str(math.ceil(until - call.now))})
    if call.provider != "microsoft" or call.access is None:
        return None
    address = call.account.address
    if settings.graph_concurrency and call.entry.in_flight > settings.graph_concurrency:
        return playing.throttled(call, 1, {"Retry-After": "1"}, "ApplicationThrottled")
    if world.over("graph", address, settings.graph_requests_per_10_minutes, 600):
        return playing.throttled(call, 1, {"Retry-After": "30"})
    return None
