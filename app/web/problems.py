"""Errors become answers here and nowhere else: `application/problem+json` (RFC 9457) with a stable `code`.

Handlers raise `Rejected` or `TryAgain` and contain no try. `Door`, the outermost layer, turns what comes out into
a problem; the API answers it as JSON, a page shows it in its own words. What is our own fault is told as
`internal` with an id that stands in the log; nothing of the error itself leaves the house.
"""

import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import msgspec
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import trace
from app.core.errors import Rejected, TryAgain
from app.web import metrics

log = logging.getLogger(__name__)

STATUS: dict[str, int] = {
    "bad_request": 400,
    "bad_json": 400,
    "bad_framing": 400,
    "two_credentials": 400,
    "idempotency_key_required": 400,
    "bad_token": 401,
    "not_signed_in": 401,
    "cross_site": 403,
    "forbidden": 403,
    "needs_browser": 403,
    "foreign_channel": 403,
    "not_found": 404,
    "no_such_setting": 404,
    "not_connected": 404,
    "method_not_allowed": 405,
    "already_member": 409,
    "last_owner": 409,
    "interrupted": 408,
    "incomplete": 409,
    "different_file": 409,
    "import_running": 409,
    "needs_consent": 409,
    "not_ended": 409,
    "not_replayable": 409,
    "not_set_up": 409,
    "overtaken": 409,
    "wrong_offset": 409,
    "cancelled": 410,
    "code_expired": 410,
    "file_deleted": 410,
    "tus_version": 412,
    "body_too_large": 413,
    "too_large": 413,
    "unsupported_media_type": 415,
    "unsupported_type": 415,
    "wrong_host": 421,
    "too_many_requests": 429,
    "too_many_uploads": 429,
    "internal": 500,
    "try_again": 503,
}
"""The HTTP status of each code; a code that is not listed means 422: understood, and wrong."""

_TRACEPARENT = re.compile("00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
RETRY_SECONDS = 2
"""When to come back after a TryAgain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One error, ready to be told. `extra` are further members of the document, `headers` go with the answer."""

    status: int
    code: str
    detail: str
    extra: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return HTTPStatus(self.status).phrase

    def document(self) -> dict[str, object]:
        """The members of the problem document."""
        members = {"type": "about:blank", "title": self.title, "status": self.status}
        return {**members, "code": self.code, "detail": self.detail, **self.extra}

    def response(self) -> Response:
        """The problem as a program reads it."""
        return Response(
            msgspec.json.encode(self.document()),
            status_code=self.status,
            media_type="application/problem+json",
            headers=dict(self.headers),
        )


Show = Callable[[Request, Problem], Response | Awaitable[Response]]
"""How a page tells a problem to a person."""


def as_json(request: Request, problem: Problem) -> Response:
    """A `Show` that speaks to programs."""
    return problem.response()


def of(error: Exception) -> Problem:
    """What to tell about an error. `retry_after` (seconds) of a Rejected becomes the header Retry-After."""
    if isinstance(error, Rejected):
        return _rejected(error)
    if isinstance(error, TryAgain):
        headers = {"Retry-After": str(RETRY_SECONDS)}
        detail = "Something this needs is away for the moment. Nothing was lost; please try again."
        return Problem(status=503, code="try_again", detail=detail, headers=headers)
    if isinstance(error, HTTPException):
        return _http(error)
    reference = secrets.token_hex(8)
    log.error("a request failed", exc_info=error, extra={"reference": reference, "trace": trace.current()})
    detail = "Something went wrong on our side. It was noted."
    return Problem(status=500, code="internal", detail=detail, extra={"id": reference})


def _rejected(error: Rejected) -> Problem:
    status = STATUS.get(error.code, 422)
    headers: dict[str, str] = {}
    if "retry_after" in error.extra:
        headers["Retry-After"] = str(error.extra["retry_after"])
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="addressbus"'
    return Problem(status=status, code=error.code, detail=error.detail, extra=error.extra, headers=headers)


def _http(error: HTTPException) -> Problem:
    codes = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}
    details = {
        404: "There is nothing under this address.",
        405: "This address exists, but not for this method.",
        413: "The body is too large.",
    }
    return Problem(
        status=error.status_code,
        code=codes.get(error.status_code, "bad_request"),
        detail=details.get(error.status_code, error.detail),
        headers=error.headers or {},
    )


async def http_problem(request: Request, error: Exception) -> Response:
    """Lets Starlette's own HTTP errors come out at the Door like all others."""
    raise error


class Door:
    """The outermost ASGI layer: whatever comes out of the application as an error leaves as a problem.

    A request enters its trace here, its sender's or a new one, and is measured. Paths below `/api/` are answered as
    JSON, all others by `show`.
    """

    def __init__(self, app: ASGIApp, show: Show = as_json) -> None:
        self._app = app
        self._show = show

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = Headers(scope=scope).get("traceparent", "")
        with trace.received(scope["method"], sent if _TRACEPARENT.fullmatch(sent) else None, "server") as span:
            try:
                await self._answered(scope, receive, send, span)
            finally:
                if trace.told():
                    span.call(f"{scope['method']} {_route(scope)}")

    async def _answered(self, scope: Scope, receive: Receive, send: Send, span: trace.Span) -> None:
        begun = time.perf_counter()
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                metrics.answered(scope["method"], message["status"], time.perf_counter() - begun)
                span.say("http.response.status_code", message["status"])
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            return
        except Exception as error:
            problem = of(error)
            if problem.status >= 500:
                span.fail(type(error).__name__)
            if started:
                # Half an answer cannot be taken back: the server cuts the connection, so it is not taken for whole.
                raise
            response = await self._answer(scope, problem)
            await response(scope, receive, watched)

    async def _answer(self, scope: Scope, problem: Problem) -> Response:
        if scope["path"].startswith("/api/"):
            return problem.response()
        shown = self._show(Request(scope), problem)
        return await shown if isinstance(shown, Awaitable) else shown


def _route(scope: Scope) -> str:
    """The path with the names of its parameters in place of their values, so that a route has one name."""
    named = {value: f"{{{name}}}" for name, value in scope.get("path_params", {}).items()}
    return "/".join(named.get(part, part) for part in scope["path"].split("/")) if "endpoint" in scope else ""
