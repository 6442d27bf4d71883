"""One importer more, and one less, in the middle of an import: how soon, how much, and what it costs (nothing)."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from app import config, scaling
from app.bus import LiveMap
from app.core.events import AnyFact, SegmentDone
from app.core.telemetry import ProcessSeen
from app.core.topics import BULK, FACTS, TELEMETRY
from app.scaling import Wish
from app.stack import run
from app.stack.whole import Whole
from bench import people
from bench.client import Client, Watched, ended, size_of, visible
from bench.report import Figure

WITHIN = 900
MORE, LESS = 0.25, 0.65
"""The shares of the rows after which an importer is added and taken away."""

_fact = msgspec.json.Decoder(AnyFact)
_seen = msgspec.json.Decoder(ProcessSeen)


class _Told:
    """What the log tells meanwhile: how often each segment of any import was done, and who owns which partitions."""

    def __init__(self) -> None:
        self.done: dict[str, Counter[int]] = {}
        self.owned: dict[str, tuple[int, ...]] = {}
        self.changed = asyncio.Event()

    def fact(self, key: bytes, value: bytes | None) -> None:
        fact = _fact.decode(value or b"")
        if isinstance(fact, SegmentDone):
            self.done.setdefault(str(fact.import_id), Counter())[fact.index] += 1

    def seen(self, key: bytes, value: bytes | None) -> None:
        if value is not None and key.startswith(b"process:importer."):
            process = _seen.decode(value)
            running = process.status == "running"
            self.owned[process.name] = process.partitions.get(BULK.name, ()) if running else ()
            self.changed.set()

    async def until(self, reached: Callable[[dict[str, tuple[int, ...]]], bool]) -> float:
        """Waits for owners of partitions as they are `reached`. Raises TimeoutError."""
        async with asyncio.timeout(WITHIN):
            while not reached(self.owned):
                self.changed.clear()
                await self.changed.wait()
        return time.monotonic()


@asynccontextmanager
async def _following(stack: Whole) -> AsyncIterator[_Told]:
    settings = config.read(config.Process, {**stack.facts()["operator"], "PROCESS_NAME": "bench"})
    told = _Told()
    facts: LiveMap[Any] = LiveMap(settings, FACTS, told.fact)
    processes: LiveMap[Any] = LiveMap(settings, TELEMETRY, told.seen)
    await asyncio.gather(facts.start(), processes.start())
    try:
        yield told
        await facts.catch_up()
    finally:
        await asyncio.gather(facts.stop(), processes.stop())


async def more_and_less(client: Client, stack: Whole, folder: Path, rows: int) -> list[Figure]:
    """A stack with one importer gets a second one while an import of `rows` runs, and loses it again."""
    warm = people.write(folder / "warm.csv", 1_000, who="warm")
    path = people.write(folder / "scaling.csv", rows, who="scaling")
    channel = await client.channel(scope="workspace")
    socket = run.web_environment(stack.data_dir)["SCALING_SOCKET"]
    async with client.watching(channel) as watched:
        await _imported(client, watched, warm)
        async with _following(stack) as told:
            made = await client.request_import(path.name, uuid4().hex, size=size_of(path))
            began = time.monotonic()
            uploading = asyncio.create_task(client.upload(made["upload"]["url"], path))
            await watched.until(made["id"], lambda state: state["rows"] >= rows * MORE, WITHIN)
            wished = time.monotonic()
            await scaling.ask(socket, Wish("importer", 2))
            grown = await told.until(lambda owned: bool(owned.get("importer.2")))
            await watched.until(made["id"], lambda state: state["rows"] >= rows * LESS, WITHIN)
            unwished = time.monotonic()
            await scaling.ask(socket, Wish("importer", 1))
            shrunk = await told.until(lambda owned: not owned.get("importer.2") and len(owned["importer.1"]) > 6)
            state = await watched.until(made["id"], visible, WITHIN)
            await uploading
        finished = next(at for at, state in _heard(watched, made["id"]) if ended(state))
    known = [(at, state["rows"]) for at, state in _heard(watched, made["id"])]
    one, two, again = (rate(known, *stretch) for stretch in ((began, wished), (grown, unwished), (shrunk, finished)))
    done = told.done[made["id"]]
    lost = [index for index in range(state["parts"]) if index not in done]
    wanted = people.expected(rows)
    exact = (state["rows"], state["created"], state["rejected"]) == (wanted.rows, wanted.created, wanted.rejected)
    repeated = done.total() - len(done)
    return [
        Figure(
            what="an importer more: asked for -> it owns partitions",
            value=f"{grown - wished:.1f} s",
            goal="< 3 s, and told within 1 s",
            met=grown - wished < 4,
        ),
        Figure(
            what=f"an importer more in the middle of {rows:,} rows",
            value=f"{two / one:.2f} of the rate before ({one:,.0f}, {two:,.0f}, and without it {again:,.0f} rows/s)",
            goal="> 1.1 on two cores",
            met=two / one > 1.1,
        ),
        Figure(
            what="an importer less: asked for -> the other owns all",
            value=f"{shrunk - unwished:.1f} s",
            goal="< 3 s, and told within 1 s",
            met=shrunk - unwished < 4,
        ),
        Figure(
            what=f"segments that this cost, of {state['parts']:,}",
            value=f"{len(lost)} lost, {repeated} done again; counts {'exact' if exact else 'wrong'}",
            goal="0 lost, counts exact",
            met=not lost and exact,
        ),
    ]


async def _imported(client: Client, watched: Watched, path: Path) -> None:
    made = await client.request_import(path.name, uuid4().hex, size=size_of(path))
    await client.upload(made["upload"]["url"], path)
    await watched.until(made["id"], visible, WITHIN)


def _heard(watched: Watched, import_id: str) -> list[tuple[float, dict[str, Any]]]:
    """When which state of this import came."""
    told = ((at, frame["state"]) for at, frame in watched.frames if frame["type"] == "event")
    return [(at, state) for at, state in told if state["id"] == import_id]


def rate(known: list[tuple[float, int]], start: float, end: float) -> float:
    """Rows a second between two moments, by what was told last before each of them."""
    (first, rows_first), (last, rows_last) = (
        max((one for one in known if one[0] <= moment), default=known[0]) for moment in (start, end)
    )
    return (rows_last - rows_first) / (last - first) if last > first else 0.0
