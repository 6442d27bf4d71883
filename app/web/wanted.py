"""Which page a stranger wanted, kept while they sign in: in a cookie, because a sign-in link opens a new tab.

Only the path is kept: what stands behind the ? may be a secret, as on the way back from a provider's page.
"""

import re

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.core.channels import cookie_name

SECONDS = 900
_OURS = re.compile(r"(/[a-z0-9-]+)+")
"""Anybody on this machine may have set the cookie: it leads to our own pages and nowhere else."""


def keep(response: Response, public_url: str, path: str) -> None:
    """Lets the browser remember `path`, if it is a page."""
    if _OURS.fullmatch(path):
        _set(response, public_url, path, SECONDS)


def go_on(request: Request, public_url: str) -> Response:
    """To the page that was wanted, to the first one if none was; the browser forgets it."""
    path = request.cookies.get(_name(public_url), "")
    response = RedirectResponse(path if _OURS.fullmatch(path) else "/", status_code=303)
    _set(response, public_url, "", 0)
    return response


def _name(public_url: str) -> str:
    return f"{cookie_name(public_url)}_wanted"


def _set(response: Response, public_url: str, path: str, seconds: int) -> None:
    name = _name(public_url)
    secure = name.startswith("__Host-")
    response.set_cookie(name, path, max_age=seconds, path="/", secure=secure, httponly=True, samesite="lax")
