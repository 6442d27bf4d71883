"""Who may open a socket, from the handshake alone: path, method, Origin, and whose credential it carries. Pure.

A cookie is sent by any page that a browser shows, so it counts only together with a listed Origin. A bearer token is
never sent by a browser on its own, so it counts only without one. Whether the credential is worth anything shows when
a channel's token is verified against its holder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.core.channels import cookie_name, holder_of

PATH = "/v1/ws"


class Refused(Exception):
    """The handshake ends with this HTTP status."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


@dataclass(frozen=True, slots=True)
class Door:
    """What is let in: `origins` exactly as listed, and the session cookie of this installation."""

    origins: frozenset[str]
    cookie: str

    @classmethod
    def of(cls, public_url: str, allowed_origins: str) -> "Door":
        """`allowed_origins` is a list with commas; without it, the origin of the public URL is allowed."""
        listed = frozenset(origin.strip() for origin in allowed_origins.split(",") if origin.strip())
        url = urlsplit(public_url)
        return cls(listed or frozenset({f"{url.scheme}://{url.netloc}"}), cookie_name(public_url))

    def holder(
        self, method: str, path: str, origins: Sequence[str], cookies: Sequence[str], authorizations: Sequence[str]
    ) -> str:
        """Whose socket this is to be; the arguments are the values of each header. Raises Refused."""
        if path.partition("?")[0] != PATH:
            raise Refused(404, "Sockets are at /v1/ws.")
        if method != "GET":
            raise Refused(405, "A socket opens with GET.")
        if len(origins) > 1 or len(authorizations) > 1:
            raise Refused(403, "A header is there twice.")
        cookie = self._session(cookies)
        if authorizations and cookie:
            raise Refused(403, "Send a cookie or a bearer token, not both.")
        if authorizations:
            scheme, _, credential = authorizations[0].partition(" ")
            if scheme.lower() != "bearer" or not credential.strip():
                raise Refused(403, "Authorization: Bearer <token> is understood.")
            if origins:
                raise Refused(403, "Pages sign in by cookie.")
            return holder_of(credential.strip())
        if not cookie:
            raise Refused(403, "Please sign in first.")
        if not origins or origins[0] not in self.origins:
            raise Refused(403, "This Origin is not allowed here.")
        return holder_of(cookie)

    def _session(self, cookies: Sequence[str]) -> str:
        """The session cookie's value; of several the last, as the web service reads it."""
        found = ""
        for header in cookies:
            for pair in header.split(";"):
                name, _, value = pair.strip().partition("=")
                if name == self.cookie:
                    found = value.strip().strip('"')
        return found
