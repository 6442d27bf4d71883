"""What a client may ask for: bodies, parameters and headers of the jobs service's routes, checked. Pure."""

import hashlib
import re
from collections.abc import Mapping
from typing import Literal
from uuid import UUID

import msgspec

from app.core.errors import Rejected
from app.core.events import Source
from app.core.reading.plan import Plan
from app.core.reading.plans import parse
from app.jobs.containers.parts import MAX_CONTAINER_BYTES, too_large

MAX_ASKING_BYTES = 128 * 1024
MAX_WAIT_SECONDS = 60
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})")
_DIGITS = re.compile(r"\d{1,15}")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The body of `POST /api/v1/imports`; unknown members are ignored.

    Of an account: `connection` is its id; `full` reads everything instead of what changed since the last import;
    `deletions` are only shown, or carried out here, too.
    """

    source: Source = "file"
    name: str = ""
    size: int | None = None
    channel: str | None = None
    plan: Plan | None = None
    connection: str | None = None
    full: bool = False
    deletions: Literal["show", "apply"] = "show"

    def digest(self) -> bytes:
        """The same for every way of writing the same request."""
        return hashlib.sha256(msgspec.json.encode(self)).digest()


class _Body(msgspec.Struct, frozen=True, kw_only=True):
    source: Source
    name: str = ""
    size: int | None = None
    channel: str | None = None
    plan: msgspec.Raw = msgspec.Raw(b"null")
    connection: str | None = None
    full: bool = False
    deletions: Literal["show", "apply"] = "show"


def from_json(body: bytes) -> Asked:
    """A request written as JSON. Raises Rejected `bad_json`, `bad_request`, and what plans raise."""
    try:
        read = msgspec.json.decode(body, type=_Body)
    except msgspec.ValidationError as error:
        raise Rejected("bad_request", f"This is not a request for an import: {error}") from error
    except msgspec.DecodeError as error:
        raise Rejected("bad_json", f"The body is not JSON: {error}") from error
    plan = None if bytes(read.plan) == b"null" else parse(bytes(read.plan))
    return _checked(
        Asked(
            source=read.source,
            name=read.name,
            size=read.size,
            channel=read.channel,
            plan=plan,
            connection=read.connection,
            full=read.full,
            deletions=read.deletions,
        )
    )


def from_query(query: Mapping[str, str], length: int | None) -> Asked:
    """A request whose body is the file: parameters are in the query. Raises Rejected."""
    plan = query.get("plan")
    return _checked(
        Asked(
            name=query.get("name", ""),
            size=whole_number(query["size"], "size") if "size" in query else length,
            channel=query.get("channel"),
            plan=parse(plan.encode()) if plan else None,
        )
    )


def _checked(asked: Asked) -> Asked:
    if asked.source != "file":
        asked = msgspec.structs.replace(asked, connection=_connection(asked.connection))
        if asked.size is not None:
            raise Rejected("bad_request", "Only a file has a size.", pointer="/size")
    if asked.size is not None and asked.size < 0:
        raise Rejected("bad_request", "A size is not negative.", pointer="/size")
    if asked.channel is not None and len(asked.channel) > 255:
        raise Rejected("bad_request", "This is no channel.", pointer="/channel")
    name = _CONTROL.sub(" ", asked.name).strip()[:255]
    return msgspec.structs.replace(asked, name=name)


def _connection(text: str | None) -> str:
    """The id of a connected account, in its usual form."""
    try:
        return str(UUID(text or ""))
    except ValueError:
        raise Rejected("bad_request", "Say which connected account is meant.", pointer="/connection") from None


def whole_number(text: str, what: str) -> int:
    """Digits as a number. Raises Rejected `bad_request`."""
    if not _DIGITS.fullmatch(text):
        raise Rejected("bad_request", f"{what} must be a whole number.")
    return int(text)


def whole_container(sent: int, size: int | None) -> None:
    """What was sent of a workbook or archive is all of it. Raises Rejected `too_large`, `incomplete`."""
    if size is not None and size > MAX_CONTAINER_BYTES:
        raise too_large()
    if size is not None and size > sent:
        raise Rejected("incomplete", "Of a workbook or ZIP archive all is needed; the first 256 KB are not enough.")


def idempotency_key(value: str | None, *, required: bool) -> str | None:
    """The client's own name for its request. Raises Rejected."""
    if value is None:
        if required:
            raise Rejected("idempotency_key_required", "Send the header Idempotency-Key, so that a repeat is harmless.")
        return None
    if not _KEY.fullmatch(value):
        raise Rejected("bad_request", "An Idempotency-Key has 1 to 255 visible ASCII characters.")
    return value


def wait_seconds(prefer: str) -> int:
    """How long an answer may be held: `Prefer: wait=30`; 0 when nothing was asked for."""
    found = _WAIT.search(prefer)
    return min(int(found[1]), MAX_WAIT_SECONDS) if found else 0


def tus_version(value: str | None) -> None:
    """Whoever speaks tus speaks 1.0.0. Raises Rejected `tus_version`."""
    if value not in {None, "1.0.0"}:
        raise Rejected("tus_version", "This speaks tus 1.0.0.")


def import_id(text: str) -> UUID:
    """An id from a path. Raises Rejected `not_found`."""
    try:
        return UUID(text)
    except ValueError:
        raise Rejected("not_found", "There is no such import.") from None
