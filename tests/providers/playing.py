"""What each kind of fault does to a request."""

import asyncio
import math
import socket
import struct
from collections.abc import Callable
from typing import Any, cast

import msgspec
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from tests.providers import google_errors, graph_errors, mutations
from tests.providers.clock import http_date
from tests.providers.faults import Fault
from tests.providers.world import Call, Json, Refused, answer

Handle = Callable[[], Response]
PAGE = (
    "<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Server Error</h1><p>Try again.</p></body></html>"
)


async def play(fault: Fault, call: Call, handle: Handle) -> Response:
    """The answer to a request that is hit."""
    options = fault.options
    if fault.kind in _INSTEAD:
        return _INSTEAD[fault.kind](call, options)
    if fault.kind == "reset":
        when = options.get("when", "before")
        return Broken(handle() if when != "before" else Response(), body=when == "body")
    if fault.kind in _BEFORE:
        _BEFORE[fault.kind](call, options)
    if fault.kind == "slow":
        await asyncio.sleep(options.get("seconds", 1))
    response = _handled(handle)
    if fault.kind == "drip":
        return Dripping(response, options.get("seconds", 0.1))
    if fault.kind in _RAW:
        return _RAW[fault.kind](response, options)
    if fault.kind in _ALTERED and response.status_code == 200:
        body = msgspec.json.decode(cast(bytes, response.body))
        _ALTERED[fault.kind](call, body, options)
        return answer(body)
    return response


def refusal(call: Call, status: int, headers: Json | None = None) -> Response:
    """The provider's own body for a status."""
    if call.endpoint == "token":
        return answer({"error": "temporarily_unavailable", "error_description": "Try again later."}, status, headers)
    if call.provider == "google":
        if status == 401:
            return google_errors.unauthenticated(given=True).response
        return google_errors.error(status, "The service is currently unavailable.", headers=headers).response
    codes = {
        400: "BadRequest",
        401: "InvalidAuthenticationToken",
        403: "ErrorAccessDenied",
        404: "ErrorItemNotFound",
        410: "SyncStateNotFound",
        429: "TooManyRequests",
        500: "ErrorInternalServerError",
        502: "BadGateway",
        503: "ServiceUnavailable",
        504: "GatewayTimeout",
    }
    code = codes.get(status, "UnknownError")
    return graph_errors.error(call, status, code, "The service is temporarily unavailable.", headers).response


def throttled(call: Call, after: float, headers: Json, code: str = "TooManyRequests") -> Response:
    if call.endpoint == "token":
        return refusal(call, 429, headers)
    if call.provider == "google":
        return google_errors.throttled(headers).response
    return graph_errors.throttled(call, code, headers).response


def _handled(handle: Handle) -> Response:
    try:
        return handle()
    except Refused as refused:
        return refused.response


# --- instead of the real answer


def _status(call: Call, options: Any) -> Response:
    status, headers = options.get("status", 503), dict(options.get("headers", {}))
    if "body" not in options:
        return refusal(call, status, headers)
    body = options["body"]
    if isinstance(body, str):
        return Response(body, status, headers)
    return answer(body, status, headers)


def _throttle(call: Call, options: Any) -> Response:
    form, after = options.get("retry_after", "seconds"), float(options.get("after", 1))
    until: float | None = call.now + after
    if form == "date":
        until = math.ceil(call.now + after)
    elif form == "seconds":
        until = call.now + math.ceil(after)
    elif form == "huge":
        until = call.now + 3_600
    elif form in {"zero", "missing", "garbage"}:
        until = None
    said = {
        "seconds": str(math.ceil(after)),
        "decimal": f"{after:.3f}",
        "date": http_date(math.ceil(call.now + after)),
        "zero": "0",
        "huge": "3600",
        "garbage": "soon",
    }
    if until is not None:
        call.world.waits[waiting_room(call)] = until
    headers = {"Retry-After": said[form]} if form in said else {}
    return throttled(call, after, headers, options.get("code", "TooManyRequests"))


def waiting_room(call: Call) -> tuple[str, str, str]:
    """Who waits for what; asking for a token is another matter than asking for contacts."""
    address = call.account.address if call.account else ""
    return call.provider, address, "token" if call.endpoint == "token" else "api"


def _rate_limit(_: Call, options: Any) -> Response:
    return google_errors.rate_limited(options.get("reason", "RATE_LIMIT_EXCEEDED")).response


def _unauthorized(call: Call, _: Any) -> Response:
    if call.provider == "google":
        return google_errors.unauthenticated(given=True).response
    return graph_errors.unauthenticated(call, "Lifetime validation failed, the token is expired.").response


def _claims(call: Call, _: Any) -> Response:
    claims = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxNzM1Njg5NjAwIn19fQ=="
    header = (
        'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
        f'error="insufficient_claims", claims="{claims}"'
    )
    message = "Continuous access evaluation resulted in challenge with result: InteractionRequired."
    return graph_errors.error(call, 401, "InvalidAuthenticationToken", message, {"WWW-Authenticate": header}).response


def _insufficient(call: Call, _: Any) -> Response:
    return (google_errors.scope_missing(call) if call.provider == "google" else graph_errors.denied(call)).response


def _disabled(_: Call, __: Any) -> Response:
    return google_errors.service_disabled().response


def _mailbox(call: Call, _: Any) -> Response:
    message = "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
    return graph_errors.error(call, 404, "MailboxNotEnabledForRESTAPI", message).response


def _invalid_grant(call: Call, _: Any) -> Response:
    if call.provider == "google":
        return answer({"error": "invalid_grant", "error_description": "Token has been expired or revoked."}, 400)
    text = "AADSTS50173: The provided grant has expired due to it being revoked, a fresh auth token is needed."
    return answer({"error": "invalid_grant", "error_description": text, "error_codes": [50173]}, 400)


def _token_429(_: Call, __: Any) -> Response:
    return answer({"message": "Too many requests"}, 429, {"Retry-After": "1"})


def _html(_: Call, options: Any) -> Response:
    return HTMLResponse(PAGE, options.get("status", 200))


def _redirect(call: Call, _: Any) -> Response:
    query = call.request.url.query
    target = call.world.canary + call.request.url.path + (f"?{query}" if query else "")
    return Response(status_code=302, headers={"Location": target})


def _expired(call: Call, options: Any) -> Response:
    names = ("pageToken", "syncToken", "$skiptoken", "$deltatoken")
    given = [call.query[name] for name in names if name in call.query]
    call.world.cursors.dead.update(given)
    if call.provider == "google":
        if "pageToken" in call.query or not given:
            return google_errors.invalid("The page token is invalid or has expired.", "page_token").response
        return google_errors.sync_expired(options.get("status", call.world.settings.expired_status)).response
    response = graph_errors.sync_lost(call, options.get("code", "SyncStateNotFound")).response
    if options.get("location"):
        response.headers["Location"] = f"{call.origin}{call.request.url.path}?$deltatoken="
    return response


# --- the answer, altered


def _truncated(response: Response, _: Any) -> Response:
    body = cast(bytes, response.body)
    return answer(body[: len(body) * 2 // 3], response.status_code)


def _gzip(response: Response, _: Any) -> Response:
    return answer(cast(bytes, response.body), response.status_code, {"Content-Encoding": "gzip"})


def _content_type(response: Response, options: Any) -> Response:
    return Response(response.body, response.status_code, media_type=options.get("value", "text/html"))


_LINKS = ("@odata.nextLink", "@odata.deltaLink")


def _foreign_next(call: Call, body: Json, _: Any) -> None:
    for name in _LINKS:
        if name in body:
            body[name] = body[name].replace(call.origin, call.world.canary, 1)


def _next_loop(call: Call, body: Json, _: Any) -> None:
    if call.provider == "google":
        body["nextPageToken"] = call.query.get("pageToken", body.get("nextPageToken"))
    else:
        body["@odata.nextLink"] = f"{call.origin}{call.request.url.path}?{call.request.url.query}"
        body.pop("@odata.deltaLink", None)


def _empty_page(call: Call, body: Json, options: Any) -> None:
    body["value"] = []
    _next_loop(call, body, options)


def _items(body: Json) -> list[Any]:
    names = ("connections", "otherContacts", "contactGroups", "value")
    return next((body[name] for name in names if name in body), [])


def _duplicates(_: Call, body: Json, __: Any) -> None:
    items = _items(body)
    items.extend(list(items))


def _reverse(_: Call, body: Json, __: Any) -> None:
    _items(body).reverse()


def _unknown_fields(_: Call, body: Json, __: Any) -> None:
    body["brandNew"] = {"a": [1, None]}
    for item in _items(body):
        item |= {"pronouns": [{"value": "they"}], "@odata.new": 1, "vibes": None}


def _token_without(_: Call, body: Json, options: Any) -> None:
    body.pop(options["field"], None)


def _token_scope(_: Call, body: Json, options: Any) -> None:
    body["scope"] = options["scope"]


def _drop_sync(_: Call, body: Json, __: Any) -> None:
    body.pop("nextSyncToken", None)
    body.pop("@odata.deltaLink", None)


# --- something happens first


def _withdraw(call: Call, _: Any) -> None:
    if call.account:
        call.world.vault.withdraw(call.provider, call.account.address)


def _mutate(call: Call, options: Any) -> None:
    if call.account:
        mutations.apply(call.account.book, options["changes"], call.now)


def _clock(call: Call, options: Any) -> None:
    call.world.clock.advance(options["advance"])


_INSTEAD: dict[str, Callable[[Call, Any], Response]] = {
    "status": _status,
    "throttle": _throttle,
    "rate_limit": _rate_limit,
    "unauthorized": _unauthorized,
    "claims_challenge": _claims,
    "insufficient_scope": _insufficient,
    "service_disabled": _disabled,
    "mailbox_missing": _mailbox,
    "invalid_grant": _invalid_grant,
    "token_429": _token_429,
    "token_html": _html,
    "html": _html,
    "redirect": _redirect,
    "expired": _expired,
}
_RAW: dict[str, Callable[[Response, Any], Response]] = {
    "truncated": _truncated,
    "gzip": _gzip,
    "content_type": _content_type,
}
_ALTERED: dict[str, Callable[[Call, Json, Any], None]] = {
    "foreign_next": _foreign_next,
    "next_loop": _next_loop,
    "empty_page": _empty_page,
    "duplicates": _duplicates,
    "reverse": _reverse,
    "unknown_fields": _unknown_fields,
    "token_without": _token_without,
    "token_scope": _token_scope,
    "drop_sync": _drop_sync,
}
_BEFORE: dict[str, Callable[[Call, Any], None]] = {
    "consent_withdrawn": _withdraw,
    "mutate": _mutate,
    "clock": _clock,
}


class Broken(Response):
    """The connection ends with a reset, before anything or in the middle of the body."""

    def __init__(self, real: Response, *, body: bool) -> None:
        super().__init__()
        self._real, self._half = real, body
        self.status_code = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = scope["state"]["transport"]
        if self._half:
            body = cast(bytes, self._real.body)
            await send(
                {"type": "http.response.start", "status": self._real.status_code, "headers": self._real.raw_headers}
            )
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            await asyncio.sleep(0.02)  # a reset overtakes what is still on its way
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        await asyncio.sleep(0.01)  # until the server knows, or it would complain that nobody was answered


class Dripping(Response):
    """Ten pieces with pauses between them."""

    def __init__(self, real: Response, pause: float) -> None:
        super().__init__()
        self._real, self._pause = real, pause
        self.status_code = real.status_code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = cast(bytes, self._real.body)
        await send({"type": "http.response.start", "status": self._real.status_code, "headers": self._real.raw_headers})
        step = len(body) // 10 + 1
        for start in range(0, len(body), step):
            await send({"type": "http.response.body", "body": body[start : start + step], "more_body": True})
            await asyncio.sleep(self._pause)
        await send({"type": "http.response.body", "body": b""})
