"""JSON bodies of requests, read into types; whatever does not fit is told with a pointer to the place."""

import re
from typing import TypeVar

import msgspec
from starlette.requests import Request

from app.core.errors import Rejected

T = TypeVar("T")
MOST_BYTES = 64 * 1024
_PATH = re.compile(r"(?P<detail>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)


async def read(request: Request, kind: type[T], *, most: int = MOST_BYTES) -> T:
    """The body as `kind`; no body counts as `{}`.

    Raises Rejected `unsupported_media_type`, `body_too_large`, `bad_json`, `wrong_value` (with `pointer`).
    """
    content_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise Rejected("unsupported_media_type", "Send JSON, with Content-Type: application/json.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise Rejected("body_too_large", f"At most {most:,} bytes are read here.")
    try:
        return msgspec.json.decode(bytes(body) or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise _wrong(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected("bad_json", f"This is not JSON: {error}.") from error


def _wrong(message: str) -> Rejected:
    found = _PATH.fullmatch(message)
    assert found is not None, "the pattern takes any text"
    pointer = re.sub(r"\.|\[(\d+|\.\.\.)\]", lambda part: "/" + (part[1] or ""), found["path"] or "")
    return Rejected("wrong_value", f"{found['detail']}.", pointer=pointer)
