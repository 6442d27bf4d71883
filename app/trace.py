"""W3C trace context: one id from the HTTP request through every record to the socket.

Every record carries a `traceparent`, always. Where OTEL_EXPORTER_OTLP_ENDPOINT names a collector, the steps on the way
are told to it as spans (tracing.py, the only file that knows OpenTelemetry); otherwise a step costs a function call.
"""

import asyncio
import secrets
from collections.abc import Mapping
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Literal, Protocol

from app import config

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Value = str | int | float
NOTHING: Mapping[str, Value] = {}

_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


class Span:
    """A step on the way; this one is told to nobody. Inside its block it is what `current` answers."""

    __slots__ = ()

    @property
    def traceparent(self) -> str:
        """What carries on from this step."""
        return current()

    def __enter__(self) -> "Span":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def call(self, name: str) -> None:
        """It has become known what this step is."""

    def say(self, name: str, value: Value) -> None:
        """One more attribute: numbers, ids and names of ours, never people's data."""

    def fail(self, why: str) -> None:
        """The step did not do what it was there for."""

    def until(self, future: "asyncio.Future[Any]") -> None:
        """The step, which has no block, is over when this is."""


class Recorder(Protocol):
    """Makes the spans that are told: `within` is the traceparent they continue, `since` when they began (Unix s)."""

    def __call__(
        self, name: str, kind: Kind, within: str | None, attributes: Mapping[str, Value], since: float | None
    ) -> Span: ...


_UNTOLD = Span()
_recorder: Recorder | None = None


def current() -> str:
    """The traceparent of the work at hand; a new one where there is none."""
    value = _current.get()
    if value is None:
        value = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
        _current.set(value)
    return value


def here() -> str | None:
    """The traceparent of the work at hand, if it has one."""
    return _current.get()


def enter(traceparent: str | None) -> None:
    """From here on, records produced by this task carry `traceparent` (None: a new one)."""
    _current.set(traceparent)


def told() -> bool:
    """Whether anybody hears of spans."""
    return _recorder is not None


def span(name: str, kind: Kind = "internal", attributes: Mapping[str, Value] = NOTHING) -> Span:
    """A step of the work at hand, as long as its block or, without one, `until` something: `with trace.span(...)`."""
    return _UNTOLD if _recorder is None else _recorder(name, kind, _current.get(), attributes, None)


def received(
    name: str, traceparent: str | None, kind: Kind = "consumer", attributes: Mapping[str, Value] = NOTHING
) -> Span:
    """A step that continues what came from elsewhere, or begins something; `enter` included."""
    _current.set(traceparent)
    return _UNTOLD if _recorder is None else _recorder(name, kind, traceparent, attributes, None)


def passed(
    name: str, traceparent: str, since: float, kind: Kind = "consumer", attributes: Mapping[str, Value] = NOTHING
) -> None:
    """A step that is over: it began at `since` (Unix seconds) and ends now."""
    if _recorder is not None:
        with _recorder(name, kind, traceparent, attributes, since):
            pass


def record(recorder: Recorder | None) -> None:
    """From now on spans are made by this one; by none, nobody hears of them."""
    global _recorder  # noqa: PLW0603  # a process has one, as it has one log
    _recorder = recorder


def set_up(settings: config.Process) -> None:
    """For a process's `main`: tells spans to the collector that its configuration names, if it names one."""
    if settings.otel_exporter_otlp_endpoint:
        from app import tracing  # whoever needs no traces does not pay for the SDK

        record(tracing.to_collector(settings))
