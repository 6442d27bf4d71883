"""HTTP Basic, as OAuth wants it: both parts percent-encoded (RFC 6749, 2.3.1)."""

from base64 import b64decode
from urllib.parse import unquote_plus


def credentials(header: str) -> tuple[str, str] | None:
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    name, _, secret = b64decode(value).decode().partition(":")
    return unquote_plus(name), unquote_plus(secret)
