"""Whole imports over the public API, each beside what the machine can do at most."""

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from app.stack.whole import Whole
from bench import people, raw
from bench.client import Client, Watched, ended, size_of, visible
from bench.delays import percentile, spoken
from bench.report import Figure
from bench.usage import Usage, measured

WAIT_SECONDS = 900
LONG_SECONDS = 7_200


@dataclass(slots=True, kw_only=True)
class Timed:
    """One import: seconds from the request to finished, to visible, to the first frame with progress.

    `progress`: how many rows were told of, and after how many seconds.
    """

    state: dict[str, Any]
    finished: float
    visible: float
    first_frame: float
    usage: Usage
    progress: list[tuple[float, int]]

    def until(self, rows: int) -> float:
        """Seconds after which so many rows were told of."""
        return next(at for at, known in self.progress if known >= rows)


async def import_file(
    client: Client, stack: Whole, path: Path, within: float = WAIT_SECONDS, *, until: Callable[..., bool] = visible
) -> Timed:
    """Imports a file as the page does: channel first, then request, then upload. Waits `until` a state is reached."""
    channel = await client.channel()
    async with client.watching(channel) as watched:
        with measured(stack) as usage:
            started = time.monotonic()
            made = await client.request_import(path.name, uuid4().hex, channel=channel["channel"], size=size_of(path))
            uploading = asyncio.create_task(client.upload(made["upload"]["url"], path))
            state = await watched.until(made["id"], ended, within)
            finished = time.monotonic() - started
        await uploading
        state = await watched.until(made["id"], until, within)
        seen = time.monotonic() - started
    return Timed(
        state=state,
        finished=finished,
        visible=seen,
        first_frame=next((at for at, state in _heard(watched) if state["bytes_received"] > 0), float("inf")) - started,
        usage=usage,
        progress=[(at - started, state["rows"]) for at, state in _heard(watched)],
    )


def _heard(watched: Watched) -> Iterator[tuple[float, dict[str, Any]]]:
    return ((at, frame["state"]) for at, frame in watched.frames if frame["type"] == "event")


async def big(client: Client, stack: Whole, folder: Path, rows: int) -> list[Figure]:
    """All new, all changed, all unchanged, against raw COPY of the final rows in the same run."""
    same, other = folder / "same.csv", folder / "changed.csv"
    people.write(same, rows)
    people.write(other, rows, changed=True)
    workspace = UUID((await client.get("/api/v1/me"))["workspace"]["id"])
    admin = stack.facts()["postgres"]["admin"]
    await client.put_setting("existing", "overwrite")
    new = await import_file(client, stack, same)
    copied, seconds = raw.copy_rate(admin, workspace)
    copy_rate = copied / seconds
    unchanged = await import_file(client, stack, same)
    changed = await import_file(client, stack, other)
    wanted = people.expected(rows)
    exact = {name: new.state[name] for name in ("rows", "created", "duplicate", "rejected")} == {
        "rows": wanted.rows,
        "created": wanted.created,
        "duplicate": wanted.duplicate,
        "rejected": wanted.rejected,
    }
    return [
        Figure(what="raw COPY of the final rows", value=f"{copy_rate:,.0f} rows/s", goal="the limit", met=None),
        Figure(what=f"counts of {rows:,} rows", value="exact" if exact else str(new.state), goal="exact", met=exact),
        _rate("all new", new, rows, copy_rate, 0.5),
        _rate("all existing, unchanged", unchanged, rows, copy_rate, 0.35),
        _rate("all existing, changed", changed, rows, copy_rate, 0.35),
        Figure(
            what="first progress frame",
            value=f"{new.first_frame * 1000:.0f} ms",
            goal="< 300 ms",
            met=new.first_frame < 0.3,
        ),
        Figure(
            what=f"visible after finished, {rows:,} rows",
            value=f"{new.visible - new.finished:.1f} s",
            goal="< 60 s at 1M, < 5 s at 100k",
            met=new.visible - new.finished < (60 if rows > 200_000 else 5),
        ),
        Figure(
            what="importer's memory",
            value=f"{new.usage.peak('importer'):.0f} MiB",
            goal="flat, < 300 MiB",
            met=new.usage.peak("importer") < 300,
        ),
    ]


def _rate(what: str, timed: Timed, rows: int, copy_rate: float, goal: float) -> Figure:
    rate = rows / timed.finished
    per_row = {name: round(use.cpu_seconds / rows * 1e6, 2) for name, use in timed.usage.by_name.items()}
    return Figure(
        what=f"{what}, {rows:,} rows",
        value=f"{rate:,.0f} rows/s = {rate / copy_rate:.2f} of raw COPY",
        goal=f">= {goal}, never below 0.2",
        met=rate / copy_rate >= goal,
        detail={
            "seconds": round(timed.finished, 2),
            "cpu_us_per_row": per_row,
            "peak_mib": {name: round(use.peak_mib) for name, use in timed.usage.by_name.items()},
        },
    )


async def long(client: Client, stack: Whole, folder: Path, rows: int) -> list[Figure]:
    """One import of ten times the rows: whether it is as fast at its end as at its beginning, in the same memory."""
    path = people.write(folder / "long.csv", rows * 10, who="long")
    timed = await import_file(client, stack, path, LONG_SECONDS)
    path.unlink()
    first, last = timed.until(rows), timed.until(rows * 10) - timed.until(rows * 9)
    importers = [use for name, use in timed.usage.by_name.items() if name.startswith("importer")]
    early = max(max(use.samples[: max(1, int(first))]) for use in importers)
    peak = timed.usage.peak("importer")
    return [
        Figure(
            what=f"the last {rows:,} of {rows * 10:,} rows, beside the first",
            value=f"{first / last:.2f} of its rate ({rows / last:,.0f} of {rows / first:,.0f} rows/s)",
            goal=">= 0.85",
            met=first / last >= 0.85,
            detail={"seconds": timed.finished, "visible_after": timed.visible - timed.finished},
        ),
        Figure(
            what=f"importer's memory over {rows * 10:,} rows",
            value=f"{peak:.0f} MiB at most ({early:.0f} in the first tenth)",
            goal="flat, < 300 MiB",
            met=peak < 300 and peak < early + 50,
        ),
    ]


async def small_beside_big(client: Client, stack: Whole, folder: Path, rows: int) -> list[Figure]:
    """A 100-row import while ten big ones run; those are cancelled when it has been measured."""
    small = people.write(folder / "small.csv", 100, who="small")
    large = people.write(folder / "large.csv", rows, who="large")
    times = []
    async with client.watching(await client.channel(scope="workspace")) as watched:
        begun = [await client.request_import("large.csv", uuid4().hex, size=size_of(large)) for _ in range(10)]
        uploads = [asyncio.create_task(client.upload(made["upload"]["url"], large)) for made in begun]
        for made in begun:
            await watched.until(made["id"], lambda state: state["rows"] > 0, WAIT_SECONDS)
        for _ in range(10):
            times.append((await import_file(client, stack, small, until=ended)).finished)  # noqa: PERF401  # one after another
        running = sum(not ended(watched.states[made["id"]]) for made in begun)
        for made in begun:
            await client.cancel(made["id"])
        for made in begun:
            await watched.until(made["id"], ended, WAIT_SECONDS)
        await asyncio.gather(*uploads, return_exceptions=True)  # what is cancelled takes no more bytes
    return [
        Figure(
            what=f"100 rows while ten imports of {rows:,} run",
            value=f"median {statistics.median(times):.2f} s, worst {max(times):.2f} s",
            goal="finished in < 2 s",
            met=max(times) < 2 and running == 10,
            detail={"seconds": [round(one, 3) for one in times], "still_running": running},
        )
    ]


async def delays(client: Client, folder: Path, count: int) -> list[Figure]:
    """SegmentDone produced -> frame in the client, on an otherwise idle machine."""
    path = people.write(folder / "tiny.csv", 20, who="tiny")
    channel = await client.channel(scope="workspace")
    late: list[float] = []
    async with client.watching(channel) as watched:
        for number in range(count):
            made = await client.request_import("tiny.csv", f"tiny-{uuid4().hex}-{number}", size=size_of(path))
            await client.upload(made["upload"]["url"], path)
            state = await watched.until(made["id"], ended, 30)
            offset = time.time() - time.monotonic()
            arrived = next(
                at + offset
                for at, frame in watched.frames
                if frame["type"] == "event" and frame["state"]["id"] == made["id"] and ended(frame["state"])
            )
            late.append(arrived - state["finished_at"])
            await watched.until(made["id"], visible, 30)
    met = percentile(late, 0.5) < 0.020 and percentile(late, 0.99) < 0.050
    return [
        Figure(what="SegmentDone -> frame, idle machine", value=spoken(late), goal="p50 < 20, p99 < 50 ms", met=met)
    ]


async def first_contact(client: Client, folder: Path, rows: int) -> list[Figure]:
    """First byte sent -> first contact in the read model, while the rest still uploads."""
    path = people.write(folder / "first.csv", rows, who="first")
    made = await client.request_import("first.csv", uuid4().hex, size=size_of(path))
    channel = await client.channel(scope="workspace")
    async with client.watching(channel) as watched:
        started = time.monotonic()
        uploading = asyncio.create_task(client.upload(made["upload"]["url"], path))
        found = 0.0
        while not found:
            page = await client.get("/api/v1/contacts", **{"import": made["id"], "limit": 1})
            found = time.monotonic() - started if page["contacts"] else 0.0
        await uploading
        await watched.until(made["id"], visible, WAIT_SECONDS)
    return [Figure(what="first contact in the read model", value=f"{found:.2f} s", goal="< 1 s", met=found < 1)]
