"""The way of one file from here: asked for, sent, watched to its end, told."""

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec

from addressbus_cli import live, problems, upload, words
from addressbus_cli.answers import Accepted, Me, State, Ticket
from addressbus_cli.progress import Progress, display
from addressbus_cli.server import Server
from addressbus_cli.sources import Source
from addressbus_cli.trouble import Exit, Refused, Trouble
from addressbus_cli.unfinished import Begun, Unfinished

AGAIN = "The same command goes on where this one stopped."


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for besides the file."""

    plan: dict[str, Any] | None = None
    watch: bool = False
    json: bool = False


@dataclass(frozen=True, slots=True)
class Going:
    """An import that the server knows: where its bytes go, and whether some of them may be there already."""

    id: str
    url: str
    channel: str
    begun: Begun
    again: bool


async def import_one(server: Server, source: Source, wanted: Wanted) -> Exit:
    """Imports one file and tells how it went. Raises Trouble."""
    me = await server.get("/api/v1/me", Me)
    unfinished = Unfinished(source, me.workspace.id, server.login.url, [source.name, wanted.plan])
    going = await _asked(server, source, wanted, unfinished)
    seen = Seen(source.name, source.size)
    listening = asyncio.create_task(seen.follow(server, going)) if wanted.watch else None
    try:
        refused = await _sent(server, source, unfinished, going, seen)
        if listening is not None and refused is None:
            return await _watched(server, seen, listening, wanted)
    except (asyncio.CancelledError, Trouble) as error:
        seen.display.clear()
        _say_how_it_goes_on(source, unfinished, seen, going, stopped=isinstance(error, asyncio.CancelledError))
        raise
    finally:
        seen.display.clear()
        if listening is not None:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
    return await _told_without_watching(server, going, refused, wanted)


class Seen:
    """The progress of one import, shown as it changes."""

    def __init__(self, name: str, size: int | None) -> None:
        self.progress = Progress(name, size)
        self.display = display()
        self.begun_at = time.monotonic()
        self.complete = False
        self._changed = asyncio.Event()

    def sent(self, count: int | None) -> None:
        """So many bytes are on their way; None while the connection is lost."""
        self.progress.note = "connection lost, trying again" if count is None else ""
        if count is not None:
            self.progress.sent = count
        self.display.show(self.progress)

    def lost(self) -> None:
        self.progress.note = "reconnecting …"
        self.display.show(self.progress)

    async def follow(self, server: Server, going: Going) -> None:
        """Takes every state of this import, until cancelled. Raises Trouble."""
        async for state in live.states(server, going.channel, self.lost):
            if state.id == going.id:
                self.progress.note = ""
                self.progress.take(state)
                self.display.show(self.progress)
                self._changed.set()

    async def until(self, reached: Callable[[State], bool], listening: "asyncio.Task[None]") -> State:
        """The first state that satisfies `reached`. Raises what ended `listening`."""
        while self.progress.state is None or not reached(self.progress.state):
            self._changed.clear()
            changed = asyncio.create_task(self._changed.wait())
            await asyncio.wait({changed, listening}, return_when=asyncio.FIRST_COMPLETED)
            changed.cancel()
            if listening.done():
                listening.result()
        return self.progress.state


async def watch_one(server: Server, state: State, *, as_json: bool) -> Exit:
    """Watches an import that somebody began, to its end. Raises Trouble."""
    seen = Seen(state.name or state.id, state.size)
    channel = state.channel or (await server.post("/api/v1/channels", {"scope": "workspace"}, Ticket)).channel
    going = Going(state.id, "", channel, Begun(key="", body={}, changed_at=0), again=True)
    seen.progress.take(state)
    listening = asyncio.create_task(seen.follow(server, going))
    try:
        return await _watched(server, seen, listening, Wanted(watch=True, json=as_json))
    finally:
        seen.display.clear()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def _asked(server: Server, source: Source, wanted: Wanted, unfinished: Unfinished) -> Going:
    """Asks for the import, or for the one that an earlier run began and that still goes on."""
    begun = unfinished.find()
    if begun is not None:
        with contextlib.suppress(Refused):  # what we remember means nothing to the server any more
            going = await _requested(server, begun, again=True)
            if not (await server.get(f"/api/v1/imports/{going.id}", State)).ended:
                return going
    ticket = await server.post("/api/v1/channels", {}, Ticket)
    body: dict[str, Any] = {"source": "file", "name": source.name, "channel": ticket.channel}
    if source.size is not None:
        body["size"] = source.size
    if wanted.plan:
        body["plan"] = wanted.plan
    begun = Begun(key=uuid4().hex, body=body, changed_at=source.changed_at)
    unfinished.keep(begun)
    try:
        return await _requested(server, begun, again=False)
    except Refused:
        unfinished.forget()
        raise


async def _requested(server: Server, begun: Begun, *, again: bool) -> Going:
    accepted = await server.post("/api/v1/imports", begun.body, Accepted, headers={"Idempotency-Key": begun.key})
    return Going(accepted.id, accepted.upload["url"], begun.body["channel"], begun, again)


async def _sent(server: Server, source: Source, unfinished: Unfinished, going: Going, seen: Seen) -> Refused | None:
    """Sends what is missing; a refusal of the file itself is handed back, the import's state tells more."""
    verify = going.again and going.begun.changed_at != source.changed_at
    try:
        await upload.send(server, going.url, source, seen.sent, verify=verify)
    except upload.DifferentFile:
        unfinished.forget()
        raise Trouble(
            "The file has changed since its upload began; the same command imports it from the start."
        ) from None
    except Refused as error:
        if error.status is not Exit.NOT_DONE:
            raise
        unfinished.forget()
        return error
    unfinished.forget()
    seen.complete = True
    return None


async def _watched(server: Server, seen: Seen, listening: "asyncio.Task[None]", wanted: Wanted) -> Exit:
    state = await seen.until(lambda state: state.ended, listening)
    seconds = time.monotonic() - seen.begun_at
    if not state.told:
        seen.progress.note = "looking up what was not imported"
        seen.display.show(seen.progress)
        state = await seen.until(lambda state: state.told, listening)
    seen.display.clear()
    return await tell(server, state, seconds, wanted)


async def _told_without_watching(server: Server, going: Going, refused: Refused | None, wanted: Wanted) -> Exit:
    state = await server.get(f"/api/v1/imports/{going.id}", State)
    if refused is not None and not state.ended:
        raise Refused(str(refused), refused.http, refused.code, Exit.NOT_DONE)
    if state.ended:
        return await tell(server, state, None, wanted)
    name = words.safe(state.name)
    print(f"{name}: received; `addressbus watch {going.id}` shows how it goes on.")
    return Exit.ALL_IN


async def tell(server: Server, state: State, seconds: float | None, wanted: Wanted) -> Exit:
    """Says how an import ended, with the rows that were not imported, and what that means for the exit status."""
    if wanted.json:
        # Not asked for once more: what was pushed may be newer than what is answered.
        print(msgspec.json.encode(state).decode())
        return outcome(state)
    name = words.safe(state.name) or state.id
    took = "" if seconds is None else f" in {words.duration(seconds)}"
    print(f"{name}: {equation(state)}{took}")
    if state.status == "failed" and state.error is not None:
        print(f"It failed: {state.error.detail}")
    elif state.status == "cancelled":
        print("It was cancelled; what is in stays in.")
    if state.rejected:
        await problems.show_first(server, state)
    return outcome(state)


def equation(state: State) -> str:
    """ "98,214 rows = 90,010 new + 4,102 updated + ..."; only what is not zero."""
    named = (
        (state.created, "new"),
        (state.updated, "updated"),
        (state.unchanged, "unchanged"),
        (state.duplicate, "merged into another row of the same person"),
        (state.rejected, "not imported"),
    )
    parts = [f"{words.number(count)} {name}" for count, name in named if count]
    return f"{words.rows(state.rows)} = {' + '.join(parts)}" if parts else words.rows(state.rows)


def outcome(state: State) -> Exit:
    """What the exit status says of an import that has ended."""
    if state.status != "finished":
        return Exit.NOT_DONE
    return Exit.SOME_LEFT_OUT if state.rejected else Exit.ALL_IN


def _say_how_it_goes_on(source: Source, unfinished: Unfinished, seen: Seen, going: Going, *, stopped: bool) -> None:
    if seen.complete:
        said = f"All of {seen.progress.name} is received; `addressbus watch {going.id}` shows how it goes on."
    elif unfinished.find() is not None:
        said = f"{int(seen.progress.received * 100)} % of {seen.progress.name} was sent. {AGAIN}"
    elif stopped and source.key is None:
        said = f"Not all of standard input was sent; what came of it is in import {going.id}."
    else:
        return
    print(said, file=sys.stderr)
