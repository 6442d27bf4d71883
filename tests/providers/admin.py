"""The tests' side: what happened, what should be, and what is to happen next."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.providers import mutations, oracle
from tests.providers.accounts import Account
from tests.providers.clock import iso
from tests.providers.people import as_csv
from tests.providers.settings import Settings
from tests.providers.world import World, answer

Handler = Callable[[World, Request, Any], Response]


def health(world: World, _: Request, __: Any) -> Response:
    return answer({"ok": True, "now": iso(world.clock.now(), fraction=3), "requests": len(world.ledger.entries)})


def reset(world: World, _: Request, body: Any) -> Response:
    rest = dict(body)
    seed = rest.pop("seed", world.seed.number)
    settings = Settings()
    settings.change(rest)
    world.settings = settings
    world.clock.run()
    world.canary_calls.clear()
    world.begin(seed)
    return answer({})


def change_settings(world: World, _: Request, body: Any) -> Response:
    world.settings.change(body)
    return answer(world.settings)


def clock(world: World, _: Request, body: Any) -> Response:
    if "freeze" in body:
        world.clock.freeze(datetime.fromisoformat(body["freeze"]).timestamp())
    if body.get("run"):
        world.clock.run()
    world.clock.advance(body.get("advance", 0))
    return answer({"now": iso(world.clock.now(), fraction=3)})


def add_faults(world: World, _: Request, body: Any) -> Response:
    for fault in body["faults"]:
        world.faults.add(fault)
    return answer({"scripted": len(world.faults.scripted)})


def forget_faults(world: World, _: Request, __: Any) -> Response:
    world.faults.scripted.clear()
    world.waits.clear()
    return answer({})


def list_faults(world: World, _: Request, __: Any) -> Response:
    return answer({"faults": world.faults.scripted})


def ledger(world: World, request: Request, _: Any) -> Response:
    query = request.query_params
    return answer({"requests": world.ledger.told(query.get("account", ""), query.get("endpoint", ""))})


def mutate(world: World, _: Request, body: Any) -> Response:
    changes = {kind: count for kind, count in body.items() if kind != "account"}
    return answer(mutations.apply(_account(world, body["account"]).book, changes, world.clock.now()))


def revoke(world: World, _: Request, body: Any) -> Response:
    account = _account(world, body["account"])
    world.vault.withdraw(account.provider, account.address)
    return answer({})


def expected(world: World, request: Request, _: Any) -> Response:
    query = request.query_params
    accounts = [_account(world, address) for address in query.getlist("account")]
    rows = None
    if "csv" in query:
        start, _, stop = query["csv"].partition("-")
        rows = range(int(start), int(stop))
    return answer(oracle.expected(world.seed, accounts, rows, others=query.get("others") == "true"))


def people_csv(world: World, request: Request, _: Any) -> Response:
    start, stop = (int(request.query_params.get(name, default)) for name, default in (("from", 1500), ("to", 2500)))
    headers = {"Content-Disposition": 'attachment; filename="people.csv"'}
    return Response(as_csv(world.seed, range(start, stop)), 200, headers, "text/csv; charset=utf-8")


def canary(world: World, _: Request, __: Any) -> Response:
    return answer({"requests": world.canary_calls})


def forget_canary(world: World, _: Request, __: Any) -> Response:
    world.canary_calls.clear()
    return answer({})


def _account(world: World, address: str) -> Account:
    found = world.accounts.find(address)
    if found is None:
        raise ValueError(f"no such account: {address}")
    return found


def _route(path: str, method: str, handler: Handler) -> Route:
    async def serve(request: Request) -> Response:
        raw = await request.body()
        try:
            return handler(request.app.state.world, request, msgspec.json.decode(raw) if raw else {})
        except (ValueError, KeyError, TypeError) as error:
            return answer({"error": repr(error)}, 400)

    served: Callable[[Request], Awaitable[Response]] = serve
    return Route(f"/admin/{path}", served, methods=[method])


ROUTES = [
    _route("health", "GET", health),
    _route("reset", "POST", reset),
    _route("settings", "POST", change_settings),
    _route("clock", "POST", clock),
    _route("faults", "POST", add_faults),
    _route("faults", "DELETE", forget_faults),
    _route("faults", "GET", list_faults),
    _route("ledger", "GET", ledger),
    _route("mutate", "POST", mutate),
    _route("revoke", "POST", revoke),
    _route("expected", "GET", expected),
    _route("people.csv", "GET", people_csv),
    _route("canary", "GET", canary),
    _route("canary", "DELETE", forget_canary),
]
