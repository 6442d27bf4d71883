"""Where a request comes from: the only host we answer under, and the headers that keep other sites out."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.errors import Rejected

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class BadAddress(Exception):
    """PUBLIC_URL or GATEWAY_PUBLIC_URL cannot be used; the message says why."""


def origin_of(url: str) -> str:
    """`scheme://host[:port]` of a URL as browsers write it: lower case, no default port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{_netloc(parts.scheme, parts.netloc)}".lower()


def check_public_url(url: str) -> None:
    """Plain http would show sessions to everyone on the way, so it is for this machine only. Raises BadAddress."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise BadAddress(f"PUBLIC_URL must be http(s)://host[:port], not {url!r}")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not parts.hostname.endswith(".localhost"):
        raise BadAddress(f"PUBLIC_URL must use https unless its host is localhost, not {url!r}")


def gateway_socket(url: str) -> str:
    """The address of the gateway's WebSocket, from GATEWAY_PUBLIC_URL (http(s) or ws(s))."""
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    return f"{scheme}://{parts.netloc}/v1/ws"


def _netloc(scheme: str, netloc: str) -> str:
    return netloc.removesuffix({"http": ":80", "https": ":443"}.get(scheme, ""))


class Host:
    """Answers only under PUBLIC_URL's host: pages redirect there, the API says 421.

    So a name that someone points at us (DNS rebinding) sees nothing, and there is one origin for cookies and links.
    """

    def __init__(self, app: ASGIApp, public_url: str) -> None:
        self._app = app
        self._scheme = urlsplit(public_url).scheme
        self._netloc = _netloc(self._scheme, urlsplit(public_url).netloc).lower()
        self._public_url = public_url.rstrip("/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if "content-length" in headers and "transfer-encoding" in headers:
            # Two ways to say where the body ends is how requests are smuggled past a proxy.
            raise Rejected("bad_framing", "A request has Content-Length or Transfer-Encoding, not both.")
        if _netloc(self._scheme, headers.get("host", "")).lower() == self._netloc:
            await self._app(scope, receive, send)
            return
        if scope["path"].startswith("/api/") or scope["method"] not in SAFE_METHODS:
            raise Rejected("wrong_host", f"This service answers under {self._public_url} only.")
        query = scope["query_string"].decode("latin-1")
        path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        url = f"{self._public_url}{path}" + (f"?{query}" if query else "")
        await RedirectResponse(url, status_code=307)(scope, receive, send)


def same_origin(headers: Headers, origin: str) -> bool:
    """Whether a browser says that the request comes from a page of ours.

    `Sec-Fetch-Site` cannot be set by a page; where a browser does not send it, Origin must be ours.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return headers.get("origin", "").lower() == origin


def from_elsewhere(headers: Headers, origin: str) -> bool:
    """Whether a browser says that the request comes from another site; a program, which says nothing, does not."""
    spoken = "sec-fetch-site" in headers or "origin" in headers
    return spoken and not same_origin(headers, origin)


class SecurityHeaders:
    """Puts on every answer what a browser must know to keep others out (OWASP ASVS 3.4)."""

    def __init__(self, app: ASGIApp, public_url: str, gateway_public_url: str) -> None:
        self._app = app
        socket = urlsplit(gateway_socket(gateway_public_url))
        page = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
            f"manifest-src 'self'; connect-src 'self' {socket.scheme}://{socket.netloc}; form-action 'self'; "
            "base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
        )
        common = {
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        }
        if urlsplit(public_url).scheme == "https":
            common["Strict-Transport-Security"] = "max-age=31536000"
        self._page: Mapping[str, str] = {**common, "Content-Security-Policy": page}
        data = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
        self._data: Mapping[str, str] = {**common, "Content-Security-Policy": data}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        ours = self._data if scope["path"].startswith("/api/") else self._page

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(ours)
                # Whatever does not say otherwise may hold someone's data.
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, guarded)
