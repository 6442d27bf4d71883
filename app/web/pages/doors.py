"""The way in, and the pages for when something is not there or did not work: always with a way on."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.core.principals import require
from app.web import wanted, words
from app.web.problems import Problem
from app.web.services import services
from app.web.templates import page


async def sign_in(request: Request) -> Response:
    """The code stands behind the #, where only the browser sees it; nothing happens without a click."""
    return page(request, "sign-in.html", mails=bool(services(request).config.smtp_url))


async def go_on(request: Request) -> Response:
    """Whoever has just signed in sees the page that they came for."""
    require(request.scope)
    return wanted.go_on(request, services(request).config.public_url)


async def problem(request: Request, told: Problem) -> Response:
    """An error as a page; a stranger is shown the way in and brought back afterwards."""
    if told.status == 401 and request.method == "GET":
        door = RedirectResponse("/sign-in", status_code=303)
        wanted.keep(door, services(request).config.public_url, request.url.path)
        return door
    known = words.known(f"codes.{told.code}")
    explained = words.known(f"error.{told.code}_why")
    answer = page(
        request,
        "error.html",
        status=told.status,
        told=told,
        heading=words.say(f"codes.{told.code}" if known else "trouble.other"),
        detail=words.say(f"error.{told.code}_why") if explained else told.detail,
        reference=told.extra.get("id"),
    )
    answer.headers.update(told.headers)
    return answer
