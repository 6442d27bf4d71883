"""Which server is spoken to, and with which token: ADDRESSBUS_URL and ADDRESSBUS_TOKEN, or what `login` stored.

A stored token goes to the server that it was stored for, and to no other.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from addressbus_cli import folders
from addressbus_cli.trouble import Trouble

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Login(msgspec.Struct, frozen=True):
    """A server and a token for it."""

    url: str
    token: str

    @property
    def readable(self) -> bool:
        """Whoever sits between here and the server can read the token."""
        parts = urlsplit(self.url)
        return parts.scheme == "http" and parts.hostname not in LOOPBACK


def address(text: str) -> str:
    """The address of a server as it is stored. Raises Trouble."""
    parts = urlsplit(text.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Trouble(f"{text!r} is no address of a server; write it like https://addressbus.example.com.")
    if parts.username or parts.query or parts.fragment:
        raise Trouble("The address of a server has no user, no ? and no #.")
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def known(environ: Mapping[str, str] = os.environ) -> Login:
    """The server and token to use. Raises Trouble that says how to log in."""
    url, token = environ.get("ADDRESSBUS_URL", ""), environ.get("ADDRESSBUS_TOKEN", "")
    stored = _stored(environ)
    if url:
        url = address(url)
        if token:
            return Login(url, token)
        if stored is not None and stored.url == url:
            return stored
        raise Trouble(f"There is no token for {url}: run `addressbus login {url}`, or set ADDRESSBUS_TOKEN.")
    if stored is None:
        raise Trouble("No server is known yet: run `addressbus login URL`, or set ADDRESSBUS_URL and ADDRESSBUS_TOKEN.")
    return Login(stored.url, token) if token else stored


def store(login: Login, environ: Mapping[str, str] = os.environ) -> Path:
    """Keeps a login for later commands; where it lies."""
    path = _path(environ)
    folders.write(path, msgspec.json.encode(login))
    return path


def forget(environ: Mapping[str, str] = os.environ) -> bool:
    """Removes what `store` kept; whether there was something."""
    there = _path(environ).exists()
    _path(environ).unlink(missing_ok=True)
    return there


def _stored(environ: Mapping[str, str]) -> Login | None:
    try:
        return msgspec.json.decode(_path(environ).read_bytes(), type=Login)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, OSError) as error:
        raise Trouble(f"{_path(environ)} cannot be read ({error}); `addressbus login URL` writes it anew.") from error


def _path(environ: Mapping[str, str]) -> Path:
    return folders.home(environ) / "login.json"
