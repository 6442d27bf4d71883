"""The Jinja environment, and the static folder under an address that holds the hash of its bytes.

Files under `/static/<hash>/` never change, so browsers keep them for ever and no bundler is needed.
"""

import hashlib
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import msgspec
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from app.core.principals import Principal
from app.web import figures, looks, words

FRONTEND = Path(__file__).parents[2] / "frontend"
STATIC = FRONTEND / "static"
_FOREVER = (b"cache-control", b"public, max-age=31536000, immutable")
_BRIEFLY = (b"cache-control", b"no-cache")


@cache
def static_hash() -> str:
    """The first 12 hex digits of the SHA-256 over every static file's path and bytes."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(STATIC)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def static(path: str) -> str:
    """The address of a static file: "js/main.js" -> "/static/1f2e.../js/main.js"."""
    return f"/static/{static_hash()}/{path}"


class Static:
    """Serves `/static/<hash>/<path>`; a page of an older release gets today's file, but must not keep it."""

    def __init__(self) -> None:
        self._files = StaticFiles(directory=STATIC)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        prefix = str(scope.get("root_path", "")).rstrip("/")
        given, _, path = str(scope["path"]).removeprefix(prefix).lstrip("/").partition("/")
        keep = _FOREVER if given == static_hash() else _BRIEFLY

        async def send_kept(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], keep]
            await send(message)

        inner = {**scope, "root_path": f"{prefix}/{given}", "path": f"{prefix}/{given}/{path}"}
        await self._files(inner, receive, send_kept)


@cache
def environment() -> jinja2.Environment:
    """Templates that escape everything and refuse names they were not given."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FRONTEND / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(say=words.say, static=static, looks=looks, words=_words)
    made.filters.update(json=_json, iso=figures.iso, birthday=figures.birthday)
    return made


def page(request: Request, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """Renders a template for whoever asks, in the workspace's locale and time zone."""
    principal: Principal | None = request.scope.get("principal")
    locale, zone = _manner(request, principal)
    text = (
        environment()
        .get_template(template)
        .render(
            principal=principal,
            path=request.url.path,
            locale=locale,
            zone=zone,
            now=time.time(),
            number=lambda value: figures.number(value, locale),
            size=lambda value: figures.size(value, locale),
            percent=figures.percent,
            moment=lambda seconds: figures.moment(seconds, zone),
            day=lambda seconds: figures.day(seconds, zone),
            **values,
        )
    )
    return HTMLResponse(text, status, headers={"Cache-Control": "no-store", "Vary": "Cookie"})


def _manner(request: Request, principal: Principal | None) -> tuple[str, str]:
    """Locale and time zone of the workspace; the defaults for strangers."""
    if principal is None:
        return "en", "UTC"
    settings = request.state.services.settings
    return settings.get(principal.workspace, "locale"), settings.get(principal.workspace, "time_zone")


def _json(value: object) -> Markup:
    """JSON that is safe inside a script element."""
    text = msgspec.json.encode(value).decode()
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704


def _words(*sections: str) -> Mapping[str, Any]:
    """The named sections of the catalogue, for the page's own JavaScript."""
    return {name: words.catalogue()[name] for name in sections}
