"""One client's connection: heartbeat, rate, and an end that never hangs.

Nothing here waits for a client to read. `ping()` and `close()` of the library do, without a time limit, once the write
buffer is full; so frames go straight to the transport, and a client that does not read is cut by a timer.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.protocol import OPEN, Event

from app.core.channels import Claim
from app.gateway import frames
from app.gateway.frames import Close
from app.gateway.limits import Limits
from app.gateway.metrics import ABORTED, CLOSED

_FORGOTTEN = Request("", Headers())


@dataclass(slots=True)
class Heard:
    """A channel that a socket listens to: the room's name, and what its token allows."""

    room: str
    claim: Claim


class Socket(ServerConnection):
    """A listener of rooms. `prepare` and `open` come before anything else."""

    def prepare(self, holder: str, limits: Limits, resumed: Callable[["Socket"], None]) -> None:
        """The handshake is good; `resumed` is called when the client reads again."""
        self.holder = holder
        self.limits = limits
        self.channels: dict[str, Heard] = {}
        self._resumed = resumed
        self._silent = False
        self._allowance = limits.burst
        self._allowed_at = self.loop.time()
        self._heartbeat: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Says hello and starts the heart."""
        # A browser says a kilobyte or two at the door, its cookie among it; nobody asks for that again.
        self.request, self.response = _FORGOTTEN, None
        self.write(frames.hello(self.id.hex, self.limits.heartbeat))
        self._heartbeat = self.loop.call_later(self._interval(), self._beat)
        self.end_after(self.limits.introduction, Close.PROTOCOL)

    # As a listener

    def busy(self) -> bool:
        return self.paused or self.protocol.state is not OPEN

    def write(self, frames: bytes) -> None:
        if self.protocol.state is not OPEN:
            return
        self.transport.write(frames)
        if self.paused and self.transport.get_write_buffer_size() > self.limits.buffer:
            self._cut()

    def lose(self) -> None:
        # Behind for its own slowness, or because Redis lost what came between.
        self.end(Close.SLOW if self._stalled is not None else Close.POSITION_LOST)

    # Ending

    def end(self, why: Close) -> None:
        """Closes with this code; cut if the client does not answer in time, or does not read at all."""
        if self.protocol.state is not OPEN:
            return
        CLOSED.labels(int(why)).inc()
        if self.paused:
            self.transport.abort()
            return
        self.protocol.send_close(why, why.name.lower().replace("_", " "))
        self.send_data()
        self.loop.call_later(self.limits.closing, self.transport.abort)

    def end_after(self, seconds: float | None, why: Close) -> None:
        """Ends in so many seconds, unless this is called again; None: not at all."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self.end, why)

    def _cut(self) -> None:
        ABORTED.inc()
        self.transport.abort()

    # Heartbeat

    def _interval(self) -> float:
        return self.limits.heartbeat * random.uniform(0.8, 1.2)  # noqa: S311 (no secret)

    def _beat(self) -> None:
        if not self.busy():
            self.write(frames.PING)
        self._silent = True
        self._heartbeat = self.loop.call_later(self.limits.pong, self._judge)

    def _judge(self) -> None:
        if self._silent:
            self.end(Close.NO_PONG)
        else:
            self._heartbeat = self.loop.call_later(max(0.0, self._interval() - self.limits.pong), self._beat)

    # What the library calls

    def process_event(self, event: Event) -> None:
        if self.request is not None:
            self._silent = False
            now = self.loop.time()
            refill = (now - self._allowed_at) * self.limits.commands_per_second
            self._allowance = min(self.limits.burst, self._allowance + refill) - 1
            self._allowed_at = now
            if self._allowance < 0:
                self.end(Close.RATE)
                return
        super().process_event(event)

    def pause_writing(self) -> None:
        super().pause_writing()
        # Who does not read is not listened to, or the answers would pile up.
        self.transport.pause_reading()
        self._stalled = self.loop.call_later(self.limits.stalled, self._cut)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
        if not self.recv_messages.paused:
            self.transport.resume_reading()
        self._resumed(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.request is not None and hasattr(self, "limits"):
            for timer in (self._heartbeat, self._stalled, self._deadline):
                if timer is not None:
                    timer.cancel()
