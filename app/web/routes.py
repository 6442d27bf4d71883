"""The API of accounts, channels and settings. A handler is four moves: who asks, what is asked, do it, answer."""

import secrets
import time
from typing import Any, Literal
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.core import channels
from app.core.errors import Rejected
from app.core.principals import Principal, Role, require
from app.core.settings import known, validate
from app.web import accounts, bodies
from app.web.authentication import client_of, give_cookie, take_cookie
from app.web.origin import gateway_socket
from app.web.services import services


class ChannelRequest(msgspec.Struct, frozen=True, kw_only=True):
    channel: str | None = None
    scope: Literal["workspace", "operators"] | None = None


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    role: Role = "member"
    expires_in_days: int | None = 365


class InvitationRequest(msgspec.Struct, frozen=True, kw_only=True):
    address: str
    role: Role = "member"


class RoleRequest(msgspec.Struct, frozen=True, kw_only=True):
    role: Role


class SettingRequest(msgspec.Struct, frozen=True, kw_only=True):
    value: Any


class CodeRequest(msgspec.Struct, frozen=True, kw_only=True):
    code: str


class LinkRequest(msgspec.Struct, frozen=True, kw_only=True):
    address: str


def answer(value: object, status: int = 200) -> Response:
    """A value as JSON."""
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")


def nothing() -> Response:
    return Response(status_code=204)


def id_of(request: Request) -> UUID:
    """The id in the path. Raises Rejected `not_found` for what cannot be one."""
    try:
        return UUID(request.path_params["id"])
    except ValueError:
        raise Rejected("not_found", "There is nothing under this id.") from None


# Channels and settings


async def open_channel(request: Request) -> Response:
    principal = require(request.scope)
    wanted = await bodies.read(request, ChannelRequest)
    channel, workspace = await _channel(request, principal, wanted)
    found = services(request)
    expires_at = int(time.time()) + channels.TOKEN_SECONDS
    token = channels.issue(found.keys, channel, workspace, principal.holder, expires_at)
    url = gateway_socket(found.config.gateway_public_url)
    return answer({"channel": channel, "token": token, "url": url, "expires_at": expires_at}, 201)


async def _channel(request: Request, principal: Principal, wanted: ChannelRequest) -> tuple[str, UUID]:
    """The channel, and whose it is."""
    operators = channels.workspace_channel(channels.OPERATORS)
    if wanted.scope == "operators" or wanted.channel == operators:
        if not principal.operator:
            raise Rejected("not_found", "There is no such channel.")
        return operators, channels.OPERATORS
    if wanted.scope == "workspace":
        return channels.workspace_channel(principal.workspace), principal.workspace
    store = services(request).accounts
    if wanted.channel is None:
        channel = channels.new_channel(secrets.token_bytes(16))
        await store.add_channel(principal.workspace, channel)
        return channel, principal.workspace
    if not await accounts.owns_channel(store, principal.workspace, wanted.channel):
        raise Rejected("not_found", "There is no such channel.")
    return wanted.channel, principal.workspace


async def read_setting(request: Request) -> Response:
    principal = require(request.scope)
    name = request.path_params["name"]
    if not known(name):
        raise Rejected("no_such_setting", f"There is no setting called {name}.")
    return answer({"name": name, "value": services(request).settings.get(principal.workspace, name)})


async def write_setting(request: Request) -> Response:
    principal = require(request.scope, "owner")
    name = request.path_params["name"]
    if not known(name):
        raise Rejected("no_such_setting", f"There is no setting called {name}.")
    wanted = await bodies.read(request, SettingRequest)
    value = validate(name, wanted.value)
    found = services(request)
    await found.settings.put(found.producer, principal.workspace, name, value)
    return answer({"name": name, "value": value})


# Oneself


async def me(request: Request) -> Response:
    principal = require(request.scope)
    workspace = await services(request).accounts.workspace(principal.workspace)
    return answer(
        {
            "id": principal.person,
            "name": principal.name,
            "address": request.scope["opened"].address,
            "role": principal.role,
            "by": principal.by,
            "operator": principal.operator,
            "workspace": workspace,
            "expires_at": request.scope["opened"].expires_at,
        }
    )


async def list_sessions(request: Request) -> Response:
    principal = _own_sessions(request)
    return answer({"sessions": await accounts.sessions(services(request), principal)})


async def end_session(request: Request) -> Response:
    principal = _own_sessions(request)
    await accounts.end_session(services(request), principal, id_of(request))
    return nothing()


def _own_sessions(request: Request) -> Principal:
    # A token of a lesser role was given away to do less; it does not touch the sessions of who made it.
    principal = require(request.scope)
    return principal if principal.by == "session" else require(request.scope, "owner")


async def sign_out(request: Request) -> Response:
    principal = require(request.scope)
    found = services(request)
    await accounts.sign_out(found, principal)
    response = nothing()
    take_cookie(response, found.config.public_url)
    return response


# Ways in


async def offer(request: Request) -> Response:
    """What a code would do, so that the page can name it before the button is pressed."""
    wanted = await bodies.read(request, CodeRequest)
    return answer(await accounts.offer(services(request), wanted.code, client=client_of(request.scope)))


async def sign_in(request: Request) -> Response:
    wanted = await bodies.read(request, CodeRequest)
    found = services(request)
    new = await accounts.sign_in(
        found,
        wanted.code,
        client=client_of(request.scope),
        agent=request.headers.get("user-agent", ""),
        before=request.scope["principal"],
    )
    response = answer(new.offer)
    give_cookie(response, found.config.public_url, new.credential)
    return response


async def send_link(request: Request) -> Response:
    wanted = await bodies.read(request, LinkRequest)
    await accounts.send_links(services(request), wanted.address, client=client_of(request.scope))
    return answer({"sent": True}, 202)


# Members and tokens


async def list_members(request: Request) -> Response:
    principal = require(request.scope)
    return answer({"members": await accounts.members(services(request), principal)})


async def change_role(request: Request) -> Response:
    principal = require(request.scope, "owner")
    person = id_of(request)
    wanted = await bodies.read(request, RoleRequest)
    await accounts.change_role(services(request), principal, person, wanted.role)
    return answer({"id": person, "role": wanted.role})


async def remove_member(request: Request) -> Response:
    principal = require(request.scope)
    person = id_of(request)
    if person != principal.person:
        require(request.scope, "owner")
    await accounts.remove_member(services(request), principal, person)
    return nothing()


async def list_invitations(request: Request) -> Response:
    principal = require(request.scope, "owner")
    return answer({"invitations": await accounts.invitations(services(request), principal)})


async def invite(request: Request) -> Response:
    principal = require(request.scope, "owner")
    wanted = await bodies.read(request, InvitationRequest)
    made = await accounts.invite(services(request), principal, wanted.address, wanted.role)
    return answer({**msgspec.to_builtins(made.invitation), "link": made.link}, 201)


async def withdraw_invitation(request: Request) -> Response:
    principal = require(request.scope, "owner")
    await accounts.withdraw_invitation(services(request), principal, id_of(request))
    return nothing()


async def list_tokens(request: Request) -> Response:
    principal = require(request.scope, "owner")
    return answer({"tokens": await accounts.tokens(services(request), principal)})


async def create_token(request: Request) -> Response:
    principal = require(request.scope, "owner")
    wanted = await bodies.read(request, TokenRequest)
    made = await accounts.create_token(services(request), principal, wanted.name, wanted.role, wanted.expires_in_days)
    return answer(made, 201)


async def revoke_token(request: Request) -> Response:
    principal = require(request.scope, "owner")
    await accounts.revoke_token(services(request), principal, id_of(request))
    return nothing()


async def describe(request: Request) -> Response:
    return answer(request.app.state.openapi)


ROUTES = [
    Route("/api/v1/openapi.json", describe, methods=["GET"]),
    Route("/api/v1/channels", open_channel, methods=["POST"]),
    Route("/api/v1/settings/{name}", read_setting, methods=["GET"]),
    Route("/api/v1/settings/{name}", write_setting, methods=["PUT"]),
    Route("/api/v1/me", me, methods=["GET"]),
    Route("/api/v1/sessions", list_sessions, methods=["GET"]),
    Route("/api/v1/sessions/{id}", end_session, methods=["DELETE"]),
    Route("/api/v1/sign-out", sign_out, methods=["POST"]),
    Route("/api/v1/sign-in", sign_in, methods=["POST"]),
    Route("/api/v1/sign-in/offer", offer, methods=["POST"]),
    Route("/api/v1/sign-in/link", send_link, methods=["POST"]),
    Route("/api/v1/members", list_members, methods=["GET"]),
    Route("/api/v1/members/{id}", change_role, methods=["PATCH"]),
    Route("/api/v1/members/{id}", remove_member, methods=["DELETE"]),
    Route("/api/v1/invitations", list_invitations, methods=["GET"]),
    Route("/api/v1/invitations", invite, methods=["POST"]),
    Route("/api/v1/invitations/{id}", withdraw_invitation, methods=["DELETE"]),
    Route("/api/v1/tokens", list_tokens, methods=["GET"]),
    Route("/api/v1/tokens", create_token, methods=["POST"]),
    Route("/api/v1/tokens/{id}", revoke_token, methods=["DELETE"]),
]
