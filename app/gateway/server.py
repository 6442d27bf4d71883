"""The gateway: sockets on one side, rooms on the other, and a way to end that takes everyone along."""

import asyncio
import logging
import random
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.protocol import OPEN
from websockets.typing import Subprotocol

from app import config, membership
from app.core import channels
from app.core.channels import Keys
from app.core.errors import Rejected
from app.gateway import frames
from app.gateway.cache import Cache, room_name
from app.gateway.door import Door, Refused
from app.gateway.feed import GROUP, Feed
from app.gateway.frames import Close
from app.gateway.imports import Imports
from app.gateway.limits import Limits
from app.gateway.metrics import REFUSED, SOCKETS, SUBSCRIPTIONS
from app.gateway.revocations import Revocations
from app.gateway.rooms import Rooms
from app.gateway.sockets import Heard, Socket

log = logging.getLogger(__name__)


class Gateway:
    """One process of the gateway. `group` is for tests."""

    def __init__(self, settings: config.Gateway, *, limits: Limits | None = None, group: str = GROUP) -> None:
        self._settings = settings
        self._group = group
        self._limits = limits or Limits()
        self._keys = Keys.parse(settings.channel_keys)
        self._door = Door.of(settings.public_url, settings.allowed_origins)
        self._cache = Cache(settings.redis_url)
        self._imports = Imports(settings)
        self._revocations = Revocations(settings, self._sign_out)
        self._feed = Feed(settings, self._cache, self._imports, group=group)
        self._rooms = Rooms(self._cache, self._imports, self._limits)
        self._sockets: dict[str, set[Socket]] = defaultdict(set)
        self._server: Server | None = None
        self._draining = False
        self.listening = asyncio.Event()

    def missing(self) -> str | None:
        """What is still missing before it does all of its work, in words."""
        if self._draining:
            return "draining"
        if not (self._imports.ready and self._revocations.ready):
            return "reading topics"
        if not self._rooms.radio.connected:
            return "waiting for Redis"
        if not self._feed.ready:
            return "joining the group of gateways"
        return None if self.listening.is_set() else "opening the port"

    @property
    def port(self) -> int:
        """Where it listens; of use when the configuration says 0."""
        assert self._server is not None
        return int(next(iter(self._server.sockets)).getsockname()[1])

    async def run(self, stop: asyncio.Event) -> None:
        """Serves until `stop` is set, then drains. Raises what a background task raised: the process is to end."""
        feed = asyncio.create_task(self._feed.run(), name="feed")
        others = [
            asyncio.create_task(self._rooms.radio.run(), name="radio"),
            asyncio.create_task(self._rooms.watch(), name="watch"),
        ]
        stopping = asyncio.create_task(stop.wait(), name="stop")
        try:
            serving = asyncio.create_task(self._listen(), name="listen")
            others.append(serving)
            watched = {feed, stopping, *others}
            while not stop.is_set():
                done, watched = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            await _end([feed])
            await membership.leave(self._settings, self._group)
            await self._drain()
        finally:
            await _end([feed, stopping, *others])
            await self._abort()
            self._rooms.close()
            await self._imports.stop()
            await self._revocations.stop()
            await self._cache.close()

    # Coming

    async def _listen(self) -> None:
        # Nobody is let in before it is known who was signed out, and what runs.
        await self._revocations.start()
        await self._imports.start()
        self._server = await serve(
            self._attend,
            self._settings.gateway_host,
            self._settings.gateway_port,
            subprotocols=[Subprotocol(frames.SUBPROTOCOL)],
            compression=None,
            process_request=self._process_request,
            server_header=None,
            open_timeout=self._limits.open_timeout,
            ping_interval=None,
            close_timeout=self._limits.closing,
            max_size=self._limits.frame,
            max_queue=4,
            create_connection=Socket,
            reuse_port=True,
            backlog=4096,
        )
        self.listening.set()
        log.info("listening", extra={"port": self.port})

    def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        assert self._server is not None
        socket = cast(Socket, connection)
        try:
            if self._draining or len(self._server.handler_tasks) > self._limits.sockets:
                raise Refused(503, "This gateway takes no more sockets now.")
            headers = request.headers
            holder = self._door.holder(
                request.method,
                request.path,
                headers.get_all("Origin"),
                headers.get_all("Cookie"),
                headers.get_all("Authorization"),
            )
        except Refused as refusal:
            REFUSED.labels(refusal.status).inc()
            response = connection.respond(refusal.status, refusal.why + "\n")
            if refusal.status == 503:
                response.headers["Retry-After"] = "5"
            elif refusal.status == 405:
                response.headers["Allow"] = "GET"
            return response
        socket.prepare(holder, self._limits, self._resume)
        return None

    async def _attend(self, connection: ServerConnection) -> None:
        socket = cast(Socket, connection)
        mates = self._sockets[socket.holder]
        mates.add(socket)
        SOCKETS.inc()
        try:
            socket.open()
            if socket.holder in self._revocations:
                socket.end(Close.SIGNED_OUT)
            elif len(mates) > self._limits.sockets_per_holder:
                socket.end(Close.LIMIT)
            async for message in socket:
                if socket.protocol.state is OPEN:
                    await self._obey(socket, message)
        except ConnectionClosed:
            pass
        finally:
            SOCKETS.dec()
            mates.discard(socket)
            if not mates:
                self._sockets.pop(socket.holder, None)
            for channel in list(socket.channels):
                self._unsubscribe(socket, channel)

    # What clients say

    async def _obey(self, socket: Socket, message: str | bytes) -> None:
        try:
            if isinstance(message, bytes):
                raise Rejected("malformed", "Frames are text.")
            command = frames.command(message)
        except Rejected:
            socket.write(frames.error(None, "malformed", temporary=False))
            socket.end(Close.PROTOCOL)
            return
        match command:
            case frames.Subscribe():
                await self._subscribe(socket, command)
            case frames.Refresh():
                self._refresh(socket, command)
            case frames.Unsubscribe():
                self._unsubscribe(socket, command.channel)
            case frames.Pong():
                pass

    async def _subscribe(self, socket: Socket, command: frames.Subscribe) -> None:
        claim = self._verified(socket, command)
        if claim is None:
            return
        name = room_name(claim.workspace, command.channel)
        heard = socket.channels.get(command.channel)
        if heard is not None and heard.room != name:
            self._unsubscribe(socket, command.channel)
        if command.channel not in socket.channels:
            if len(socket.channels) >= self._limits.channels:
                socket.write(frames.error(command.id, "limit", temporary=False))
                return
            SUBSCRIPTIONS.inc()
        socket.channels[command.channel] = Heard(name, claim)
        self._expect_expiry(socket)
        socket.write(await self._rooms.enter(name, command.channel, socket, command.id, command.epoch, command.offset))

    def _refresh(self, socket: Socket, command: frames.Refresh) -> None:
        heard = socket.channels.get(command.channel)
        if heard is None:
            socket.write(frames.error(command.id, "not_subscribed", temporary=False))
            return
        claim = self._verified(socket, command)
        if claim is None:
            return
        if claim.workspace != heard.claim.workspace:
            self._refuse(socket, command.id, Rejected("bad_token", "This token is of another workspace."))
            return
        heard.claim = claim
        self._expect_expiry(socket)

    def _unsubscribe(self, socket: Socket, channel: str) -> None:
        heard = socket.channels.pop(channel, None)
        if heard is not None:
            SUBSCRIPTIONS.dec()
            self._rooms.leave(heard.room, socket)
            self._expect_expiry(socket)

    def _verified(self, socket: Socket, command: frames.Subscribe | frames.Refresh) -> channels.Claim | None:
        try:
            return channels.verify(
                self._keys, command.token, channel=command.channel, holder=socket.holder, now=time.time()
            )
        except Rejected as refusal:
            self._refuse(socket, command.id, refusal)
            return None

    def _refuse(self, socket: Socket, request: int | str, refusal: Rejected) -> None:
        expired = refusal.code == "token_expired"
        socket.write(frames.error(request, refusal.code, temporary=expired))
        socket.end(Close.TOKEN_EXPIRED if expired else Close.BAD_TOKEN)

    def _expect_expiry(self, socket: Socket) -> None:
        """A socket lives as long as the token that ends first."""
        expiries = [heard.claim.expires_at for heard in socket.channels.values()]
        socket.end_after(min(expiries) - time.time() if expiries else None, Close.TOKEN_EXPIRED)

    # What happens to them

    def _resume(self, socket: Socket) -> None:
        self._rooms.resume([heard.room for heard in socket.channels.values()], socket)

    def _sign_out(self, holder: str) -> None:
        for socket in list(self._sockets.get(holder, ())):
            socket.end(Close.SIGNED_OUT)

    # Going

    async def _drain(self) -> None:
        """Sends everyone elsewhere, a few at a time; nobody can hold it up."""
        self._draining = True
        if self._server is None:
            return
        # Only the listener: closing the sockets as well would wait for clients that do not read.
        self._server.close(close_connections=False)
        sockets = [socket for mates in self._sockets.values() for socket in mates]
        window = min(float(self._settings.drain_seconds), len(sockets) / self._limits.closes_per_second)
        log.info("draining", extra={"sockets": len(sockets), "seconds": window})
        ends = {
            socket: random.uniform(0, window)  # noqa: S311 (no secret)
            for socket in sockets
        }
        started = asyncio.get_running_loop().time()
        for socket, seconds in ends.items():
            if not socket.busy():
                socket.write(frames.drain(int(seconds * 1000)))
        for socket, seconds in sorted(ends.items(), key=lambda entry: entry[1]):
            await asyncio.sleep(max(0.0, started + seconds - asyncio.get_running_loop().time()))
            socket.end(Close.DRAINING)
        if self._server.handler_tasks:
            await asyncio.wait(self._server.handler_tasks, timeout=self._limits.closing)

    async def _abort(self) -> None:
        """Cuts whoever is left; nothing is waited for longer than a moment."""
        if self._server is None:
            return
        self._server.close(close_connections=False)
        for mates in list(self._sockets.values()):
            for socket in list(mates):
                socket.transport.abort()
        try:
            await asyncio.wait_for(self._server.wait_closed(), 2.0)
        except TimeoutError:
            log.warning("sockets were still open at the end")


async def _end(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancels until they are gone: Python 3.11's wait_for, inside redis-py, sometimes swallows a cancellation."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=2)
