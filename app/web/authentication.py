"""Who is asking: a session cookie or a bearer token becomes `scope["principal"]`, before anything reads the body.

A credential is 256 random bits. The database knows its SHA-256, the other services its holder. What a credential
opens is remembered for seconds, so that a request costs no SQL; a revocation, of this process or of another, forgets
it at once.
"""

import asyncio
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from uuid import UUID

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.channels import cookie_name
from app.core.errors import Rejected, TryAgain
from app.core.principals import Principal
from app.web.limits import Rate
from app.web.origin import SAFE_METHODS, from_elsewhere, origin_of, same_origin
from app.web.store import Credential, Opened, Store

log = logging.getLogger(__name__)

SESSION_DAYS = 90
REMEMBERED_SECONDS = 5.0
"""So long another web process may not know of a changed role; what was revoked it knows at once."""
_REMEMBERED = 20_000
_MISSES_PER_MINUTE = 120
_TOKEN_PREFIX = "abt_"  # noqa: S105  # so that a leaked token can be recognised


def new_credential() -> str:
    """256 random bits as text."""
    return secrets.token_urlsafe(32)


def new_token() -> str:
    """A bearer token, with a prefix by which it is recognised where it should not be."""
    return _TOKEN_PREFIX + new_credential()


def digest(credential: str) -> bytes:
    """What the database keeps of a credential."""
    return sha256(credential.encode()).digest()


class Sessions:
    """What credentials open, remembered for seconds."""

    def __init__(self, store: Store, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._now = monotonic
        # By (kind, digest): what it opens and until when that is believed.
        self._known: OrderedDict[tuple[Credential, bytes], tuple[Opened, float]] = OrderedDict()
        # Rises with every revocation, so that what was read before one is not remembered after it.
        self._generation = 0
        self._writing: set[asyncio.Task[None]] = set()

    async def open(self, by: Credential, credential: str) -> Opened | None:
        """What this credential opens now. Raises TryAgain while that cannot be known."""
        key = (by, digest(credential))
        opened, believed_until = self._known.get(key, (None, 0.0))
        if opened is None or believed_until <= self._now():
            opened = await self._load(key)
        if opened is None or (opened.expires_at is not None and opened.expires_at <= time.time()):
            return None
        return opened

    def forget(self, holder: str | None = None, person: UUID | None = None) -> None:
        """Believes nothing about this holder, or this person's credentials, any more."""
        self._generation += 1
        for key, (opened, _) in list(self._known.items()):
            if opened.holder == holder or opened.person == person:
                del self._known[key]

    async def _load(self, key: tuple[Credential, bytes]) -> Opened | None:
        generation = self._generation
        opened = await self._store.open(*key)
        if opened is None:
            return None
        if generation == self._generation:
            self._known[key] = opened, self._now() + REMEMBERED_SECONDS
            self._known.move_to_end(key)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        if opened.stale:
            task = asyncio.create_task(self._touch(opened, key))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)
        return opened

    async def _touch(self, opened: Opened, key: tuple[Credential, bytes]) -> None:
        try:
            await self._store.touch(opened.workspace, *key)
        except TryAgain as error:
            log.warning("a last use was not written", extra={"why": str(error)})


def principal(opened: Opened) -> Principal:
    """Who acts with what this credential opened."""
    return Principal(
        workspace=opened.workspace,
        role=opened.role,
        name=opened.address if opened.by == "session" else opened.name,
        holder=opened.holder,
        by=opened.by,
        operator=opened.operator,
        person=opened.person,
    )


def cookie_of(headers: Headers, name: str) -> str | None:
    """The session cookie of a request, if it has one."""
    for line in headers.getlist("cookie"):
        found = cookie_parser(line).get(name)
        if found:
            return found
    return None


def give_cookie(response: Response, public_url: str, credential: str) -> None:
    """Lets the browser keep a session. `__Host-` on https; on http it is for this machine only."""
    _set_cookie(response, public_url, credential, SESSION_DAYS * 86_400)


def take_cookie(response: Response, public_url: str) -> None:
    """Lets the browser forget its session."""
    _set_cookie(response, public_url, "", 0)


def _set_cookie(response: Response, public_url: str, value: str, seconds: int) -> None:
    name = cookie_name(public_url)
    secure = name.startswith("__Host-")
    response.set_cookie(name, value, max_age=seconds, path="/", secure=secure, httponly=True, samesite="lax")


class Authentication:
    """Finds out who asks, refuses what comes from other sites, and counts requests per workspace.

    Everything here is decided from the headers: a refused body is never read.
    """

    def __init__(self, app: ASGIApp, public_url: str, requests_per_minute: int) -> None:
        self._app = app
        self._cookie = cookie_name(public_url)
        self._origin = origin_of(public_url)
        self._rate = Rate(requests_per_minute)
        # A credential that opens nothing costs a look-up in the database.
        self._misses = Rate(_MISSES_PER_MINUTE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith("/static/"):
            opened = await self._authenticate(scope)
            scope["opened"] = opened
            scope["principal"] = principal(opened) if opened else None
            if opened is not None:
                self._rate.take(str(opened.workspace), time.monotonic())
        await self._app(scope, receive, send)

    async def _authenticate(self, scope: Scope) -> Opened | None:
        headers = Headers(scope=scope)
        sessions: Sessions = scope["state"]["services"].sessions
        authorization = headers.get("authorization")
        cookie = cookie_of(headers, self._cookie)
        if authorization is not None:
            if cookie is not None:
                raise Rejected("two_credentials", "Send a session cookie or a bearer token, not both.")
            scheme, _, token = authorization.partition(" ")
            opened = await sessions.open("token", token.strip()) if scheme.lower() == "bearer" else None
            if opened is None:
                self._missed(scope)
                raise Rejected("bad_token", "This token is unknown, has expired or was revoked.")
            return opened
        if scope["method"] not in SAFE_METHODS:
            refused = not same_origin(headers, self._origin) if cookie else from_elsewhere(headers, self._origin)
            if refused:
                raise Rejected("cross_site", "This request does not come from a page of ours.")
        if cookie is None:
            return None
        opened = await sessions.open("session", cookie)
        if opened is None:
            self._missed(scope)
        return opened

    def _missed(self, scope: Scope) -> None:
        self._misses.take(client_of(scope), time.monotonic())


def client_of(scope: Scope) -> str:
    """The address that a request comes from (behind TRUSTED_PROXIES: the one that they name)."""
    return scope["client"][0] if scope.get("client") else ""
