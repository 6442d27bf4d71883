"""W3C trace context: one id from the HTTP request through every record to the socket."""

import secrets
from contextvars import ContextVar

_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


def current() -> str:
    """The traceparent of the work at hand; a new one where there is none."""
    value = _current.get()
    if value is None:
        value = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
        _current.set(value)
    return value


def enter(traceparent: str | None) -> None:
    """From here on, records produced by this task carry `traceparent` (None: a new one)."""
    _current.set(traceparent)
