"""The connections' part of the API, and the address that providers send people back to."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from app.connections import connecting
from app.connections.errors import Gone
from app.connections.model import Connection
from app.connections.providers import NAMES, Name
from app.connections.service import Connections
from app.core.errors import Rejected, TryAgain
from app.core.principals import Principal, require

MOST_BYTES = 4096


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The body of `POST /api/v1/connections/{provider}`; all of it may be left out.

    `other_contacts`: also the people one only wrote to (Google). `connection`: this one is to be connected again.
    """

    other_contacts: bool = False
    connection: UUID | None = None


async def list_all(request: Request) -> Response:
    """What is connected, and what could be."""
    principal = require(request.scope)
    connections = _connections(request)
    found = await connections.list(principal.workspace)
    return _json(
        {
            "connections": [told(one) for one in found],
            "providers": [
                {"provider": one.name, "ready": not one.needs, "needs": one.needs}
                for one in connections.providers.values()
            ],
        }
    )


def beginning(name: Name) -> Callable[[Request], Awaitable[Response]]:
    async def begin(request: Request) -> Response:
        """Where the browser has to go."""
        principal = require(request.scope, "member")
        wanted = await _read(request)
        url = await connecting.begin(
            _connections(request),
            principal,
            name,
            request.state.public_url,
            other_contacts=wanted.other_contacts,
            again=wanted.connection,
        )
        return _json({"url": url, "expires_in": connecting.STATE_SECONDS}, 201)

    return begin


def returning(name: Name) -> Callable[[Request], Awaitable[Response]]:
    async def come_back(request: Request) -> Response:
        """From the provider's page straight on to ours: the code must not stay in the address."""
        principal = require(request.scope, "member")
        if not request.query_params:  # the session had ended: after signing in only the path comes back
            return _land(provider=name, connected="signed_out")
        try:
            made = await connecting.finish(
                _connections(request), principal, name, request.state.public_url, request.query_params
            )
        except Rejected as error:
            return _land(provider=name, connected=error.code, **_about(error))
        except TryAgain:
            return _land(provider=name, connected="busy")
        result = "fewer" if made.fewer else "again" if made.again else "yes"
        return _land(provider=name, connected=result, connection=str(made.connection.id))

    return come_back


async def disconnect(request: Request) -> Response:
    """Forgets an account. Who connected it may, and every owner."""
    principal = require(request.scope, "member")
    connections = _connections(request)
    found = await connections.find(principal.workspace, _id(request))
    if not may_disconnect(principal, found):
        raise Rejected("forbidden", f"This was connected by {found.connected_by}; they or an owner can disconnect it.")
    revoked = await connections.disconnect(principal.workspace, found.id)
    return _json({"revoked": revoked, "manage": connections.providers[found.provider].manage})


def may_disconnect(principal: Principal, found: Connection) -> bool:
    """Whether this is theirs to end."""
    return principal.may("owner") or principal.person == found.connected_by_person


def told(found: Connection) -> dict[str, Any]:
    """A connection as programs and pages see it; the provider's own name of the account is nobody's business."""
    plain: dict[str, Any] = msgspec.to_builtins(found)
    return {name: value for name, value in plain.items() if name not in ("account", "workspace", "connected_by_person")}


ROUTES = [
    Route("/api/v1/connections", list_all, methods=["GET"]),
    *(Route(f"/api/v1/connections/{name}", beginning(name), methods=["POST"]) for name in NAMES),
    Route("/api/v1/connections/{id}", disconnect, methods=["DELETE"]),
    *(Route(f"/connections/callback/{name}", returning(name), methods=["GET"]) for name in NAMES),
]


def _connections(request: Request) -> Connections:
    found: Connections = request.state.connections
    return found


def _id(request: Request) -> UUID:
    try:
        return UUID(request.path_params["id"])
    except ValueError:
        raise Gone from None


async def _read(request: Request) -> Wanted:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise Rejected("body_too_large", f"At most {MOST_BYTES:,} bytes are read here.")
    try:
        return msgspec.json.decode(bytes(body) or b"{}", type=Wanted)
    except msgspec.ValidationError as error:
        raise Rejected("wrong_value", f"{error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected("bad_json", f"This is not JSON: {error}.") from error


def _about(error: Rejected) -> dict[str, str]:
    connection = error.extra.get("connection")
    return {"connection": str(connection)} if connection else {}


def _land(**result: str) -> Response:
    return RedirectResponse(f"/?{urlencode(result)}#connected", status_code=303)


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")
