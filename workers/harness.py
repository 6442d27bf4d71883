"""One loop for every consumer: decode, handle, retry, bury. Nothing escapes it.

The order of a handler's work is always: write, commit, tell, acknowledge. The record is acknowledged when
`Harness.take` returns, whatever happened, so it returns only when the record is dealt with:

handled ──▶ acknowledged
paused, or to be skipped (control.py) ─▶ waited for, or given up unseen
the world's fault ─▶ waited for in place (app/patience.py); when that lasts too long the process ends, nothing is lost
our fault ─▶ `<topic>.retry.<delay>` while attempts are left, then `dead`; a hopeless one goes there at once

Whose fault an error is says FAULTS; how often a topic's records are tried again says the topic (app/core/topics.py).
The tracker, which folds batches, uses the pieces (decision 0017).
"""

import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from prometheus_client import Counter

from app import trace, watchdog
from app.bus import Headers
from app.core.errors import Rejected, TryAgain
from app.core.events import MalformedEvent
from app.core.topics import DEAD, RETRY_DELAYS, Topic, at_home
from app.patience import FIRST_PAUSE, LONGEST_PAUSE, RETRIES, Patience
from workers import crash
from workers.control import Control

log = logging.getLogger(__name__)
BURIED = Counter("addressbus_dead_total", "Records given up", ["topic"])
Fault = Literal["world", "hopeless", "ours"]


class Hopeless(Exception):
    """Our fault, and no repetition can help: the record is buried at once."""


class Skipped(Hopeless):
    """An operator ordered this record out of the way."""


FAULTS: tuple[tuple[type[Exception], Fault], ...] = (
    (TryAgain, "world"),
    (Hopeless, "hopeless"),
    (Rejected, "hopeless"),
    (MalformedEvent, "hopeless"),
    (Exception, "ours"),
)
"""The first that fits says whose fault an error is."""


def whose(error: Exception) -> Fault:
    """At whose door an error belongs: the world's, or ours, and then whether a repetition may help."""
    return next(fault for kind, fault in FAULTS if isinstance(error, kind))


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it lay in the log."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """Where it was first seen: `topic/partition/offset`, also after it waited in a retry topic."""
        origin = self.headers.get("origin")
        return origin.decode() if origin else self.place

    @property
    def place(self) -> str:
        """Where it lies now: `topic/partition/offset`."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def attempts(self) -> int:
        """How often it was tried before."""
        said = self.headers.get("attempts", b"")
        return int(said) if said.isdigit() else 0


Handler = Callable[[Record], Awaitable[None]]
GivenUp = Callable[[Record, Exception], Awaitable[None]]


class Outlet(Protocol):
    """The one thing the harness needs of a producer (app.bus.Producer has it)."""

    async def publish(
        self,
        topic: Topic | str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        partition: int | None = None,
    ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """After the first attempt one more per name in `delays`; `patience` is how long the world may be away (s)."""

    delays: tuple[str, ...] = ()
    patience: float = 60.0
    first_pause: float = FIRST_PAUSE
    longest_pause: float = LONGEST_PAUSE


POLICY = Policy()


async def nobody(record: Record, error: Exception) -> None:
    """For consumers whose lost records need no fact of their own."""


class Harness:
    """Wraps a handler; `take` is all that a consumer's loop calls.

    `given_up` tells whom it concerns that a record was buried, once it is; it may run twice.
    """

    def __init__(
        self,
        handle: Handler,
        outlet: Outlet,
        *,
        given_up: GivenUp = nobody,
        policy: Policy = POLICY,
        control: Control | None = None,
        progress: Callable[[], None] = lambda: None,
        leave: Callable[[int, str], None] = watchdog.leave,
    ) -> None:
        self._handle = handle
        self._outlet = outlet
        self._given_up = given_up
        self._policy = policy
        self._control = control or Control()
        self._progress = progress
        self._leave = leave

    async def take(self, record: Record) -> None:
        """Deals with one record; never raises."""
        crash.point("polled")
        given = record.headers.get("traceparent")
        with trace.received(f"process {record.topic}", given.decode() if given else None) as span:
            if trace.told():
                span.say("messaging.kafka.message.key", (record.key or b"").decode(errors="replace"))
                span.say("addressbus.reference", record.reference)
            await self._take(record, span)

    async def _take(self, record: Record, span: trace.Span) -> None:
        fault: Exception | None = None
        patience = Patience(
            record.topic,
            self._policy.patience,
            first_pause=self._policy.first_pause,
            longest_pause=self._policy.longest_pause,
            leave=self._leave,
        )
        while True:
            try:
                if fault is None:
                    if self._control.paused:
                        await self._control.wait()
                        self._progress()
                        patience.over()
                        continue
                    self._refuse_skipped(record)
                    await self._handle(record)
                else:
                    await self._set_aside(record, fault)
                self._progress()
                return
            except Exception as error:  # the broad except of the workers: an escaped one would lose the record
                if whose(error) == "world":
                    self._progress()
                    await patience.wait(error, record=record.reference)
                    continue
                if fault is not None:
                    self._leave(watchdog.STUCK, f"a record could not be set aside: {reason_of(error)}")
                span.fail(reason_of(error))
                fault = error

    def _refuse_skipped(self, record: Record) -> None:
        # Who brings a record back from the dead wants it handled, whatever was ordered before.
        if "replayed" not in record.headers and self._control.skips(record.reference, record.place):
            raise Skipped("ordered by an operator")

    async def _set_aside(self, record: Record, fault: Exception) -> None:
        if await set_aside(record, fault, self._outlet, self._policy.delays):
            await self._given_up(record, fault)


async def set_aside(record: Record, fault: Exception, outlet: Outlet, delays: Sequence[str]) -> bool:
    """Puts a record that failed where it waits for its next attempt or, with none left, into `dead`: then True.

    Raises TryAgain.
    """
    attempts = record.attempts + 1
    reason = reason_of(fault)
    headers = {
        **record.headers,
        "attempts": str(attempts).encode(),
        "origin": record.reference.encode(),
        "reason": reason.encode(),
    }
    headers.pop("traceparent", None)
    last = attempts > len(delays) or whose(fault) == "hopeless"
    extra = {"record": record.reference, "attempts": attempts, "reason": reason}
    if last:
        log.error("record buried", extra=extra)
        BURIED.labels(record.topic).inc()
        target = DEAD.name
    else:
        log.error("record failed, to be tried again", extra=extra)
        RETRIES.labels(record.topic, "fault").inc()
        delay = delays[attempts - 1]
        target = f"{at_home(record.topic)}.retry.{delay}"
        headers["due"] = f"{time.time() + RETRY_DELAYS[delay].total_seconds():.3f}".encode()
    await outlet.publish(target, key=record.key, value=record.value, headers=list(headers.items()))
    return last


def reason_of(error: BaseException) -> str:
    """What went wrong and where, without the message, which may quote somebody's contacts."""
    code = f" {error.code}" if isinstance(error, Rejected) else ""
    said = f": {error}" if isinstance(error, Hopeless) else ""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].name}:{frames[-1].lineno} of {frames[-1].filename.rsplit('/', 1)[-1]}" if frames else ""
    return f"{type(error).__name__}{code}{said}{place}"
