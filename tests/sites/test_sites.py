"""Two data centres: what is imported at one is at both, whatever happens to the copying or to one of them.

One pair for all of it, with as few processes as there can be: it is heavy, so it is started once and ended for sure.
Each test has people of its own, and waits until both sites hold the same.
"""

import asyncio
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app.core.topics import CHANGED, COPIED, FACTS, IMPORTS, KEYS, NOTICES, copy_of
from app.stack import places
from app.stack.mirror import HEARTBEATS
from bench import people
from bench.client import Client, Watched, ended, visible
from tests.sites import copies
from tests.sites.pair import NAMES, Pair, running
from tests.waiting import eventually

EAST, WEST = NAMES
WITHIN = 240
CUT_SECONDS = 60
OUTCOMES = ("rows", "created", "updated", "unchanged", "duplicate", "rejected")

Clients = dict[str, Client]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    folder = Path(tempfile.mkdtemp(prefix="addressbus-sites-"))
    folder.chmod(0o755)
    data_dir = folder / "data"
    try:
        with running(data_dir, PARTITIONS="3", IMPORTERS="1", REQUESTS_PER_MINUTE="100000") as both:
            yield both
    finally:
        places.forget(data_dir)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
async def clients(pair: Pair) -> AsyncIterator[Clients]:
    """The API of each site, as the owner of the workspace "demo" there."""
    made = {site: Client(pair.stack(site)["web"], pair.stack(site)["api_token"]) for site in NAMES}
    yield made
    for client in made.values():
        await client.close()


class Watching:
    """Pages of the workspace at some sites: `seen[site]` is what came over its socket."""

    def __init__(self, clients: Clients, *at: str) -> None:
        self._clients = clients
        self._at = at
        self._open = AsyncExitStack()

    async def __aenter__(self) -> dict[str, Watched]:
        seen = {}
        for site in self._at:
            channel = await self._clients[site].channel(scope="workspace")
            seen[site] = await self._open.enter_async_context(self._clients[site].watching(channel))
        return seen

    async def __aexit__(self, *error: object) -> None:
        await self._open.aclose()


def somebody() -> str:
    """A name that makes people of a test's own."""
    return f"site{uuid4().hex[:6]}x"


async def send(client: Client, folder: Path, rows: int, who: str, **how: Any) -> str:
    """Imports a file of invented people and returns the import's id; all of it has been received."""
    data = people.write(folder / f"{uuid4().hex}.csv", rows, who=who, **how)
    made = await client.request_import("people.csv", uuid4().hex, size=data.stat().st_size)
    await client.upload(made["upload"]["url"], data)
    return str(made["id"])


def outcomes(state: dict[str, Any]) -> dict[str, int]:
    return {name: state[name] for name in OUTCOMES}


async def same(pair: Pair) -> tuple[int, str]:
    """Waits until both sites hold the same contacts, and returns them as `Pair.contents` does."""

    async def look() -> list[tuple[int, str]]:
        return [await pair.contents(site) for site in NAMES]

    east, _ = await eventually(look, lambda found: found[0] == found[1], within=WITHIN)
    return east


async def known(client: Client, import_id: str) -> bool:
    return (await client.http.get(f"/api/v1/imports/{import_id}")).status_code == 200


async def copied(pair: Pair, to: str, import_id: str, tag: str) -> bool:
    """Whether a fact of an import of the other site is readable at this one."""
    other = EAST if to == WEST else WEST
    found = await copies.records(pair.stack(to)["kafka"], copy_of(FACTS, other).name)
    facts = [json.loads(record.value) for batch in found.values() for record in batch]
    return any(fact["type"] == tag and fact["import_id"] == import_id for fact in facts)


def say(line: str) -> None:
    """A figure for the person who runs this (`-s`), with how busy the machine is."""
    print(f"\n  {line} (load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores)", flush=True)


@pytest.mark.parametrize(("here", "there"), [(EAST, WEST), (WEST, EAST)])
async def test_what_is_imported_at_one_site_is_seen_and_found_at_the_other(
    pair: Pair, clients: Clients, tmp_path: Path, here: str, there: str
) -> None:
    rows = 20_000
    before = {site: (await pair.contents(site))[0] for site in NAMES}
    async with (
        Watching(clients, here, there) as seen,
        copies.delays(pair.stack(there)["kafka"], copy_of(FACTS, here).name) as delays,
    ):
        import_id = await send(clients[here], tmp_path, rows, somebody())
        began = time.monotonic()
        states = {site: await seen[site].until(import_id, visible, WITHIN) for site in (here, there)}
        took = time.monotonic() - began
        events = [frame for _, frame in seen[there].frames if frame.get("state", {}).get("id") == import_id]
    wanted = people.expected(rows)
    for state in states.values():
        assert state["status"] == "finished"
        assert outcomes(state) == {
            "rows": wanted.rows,
            "created": wanted.created,
            "updated": 0,
            "unchanged": 0,
            "duplicate": wanted.duplicate,
            "rejected": wanted.rejected,
        }
    assert any(event["kind"] == "progress" and event["state"]["status"] == "running" for event in events)
    assert "finished" in [event["kind"] for event in events]
    count, _ = await same(pair)
    assert count == before[here] + wanted.created == before[there] + wanted.created
    assert delays
    delays.sort()
    p50, p99 = (delays[int(len(delays) * part)] * 1000 for part in (0.5, 0.99))
    say(
        f"{here} to {there}: {len(delays)} facts copied, p50 {p50:.0f} ms, p99 {p99:.0f} ms;"
        f" all to be seen at both {took:.1f} s after the upload"
    )


async def test_the_same_people_imported_at_both_at_once_become_the_same_at_both(
    pair: Pair, clients: Clients, tmp_path: Path
) -> None:
    who = somebody()
    before, _ = await same(pair)
    async with Watching(clients, EAST, WEST) as seen:
        ids = await asyncio.gather(
            send(clients[EAST], tmp_path, 10_000, who), send(clients[WEST], tmp_path, 10_000, who, changed=True)
        )
        states = [await seen[site].until(one, visible, WITHIN) for one in ids for site in NAMES]
    assert {state["status"] for state in states} == {"finished"}
    count, _ = await same(pair)
    assert count == before + people.expected(10_000).created


async def test_a_cut_between_the_sites_is_made_up_for(pair: Pair, clients: Clients, tmp_path: Path) -> None:
    who = somebody()
    before, _ = await same(pair)
    mirrors = [pair.pid(f"mirror.{site}") for site in NAMES]
    async with Watching(clients, EAST, WEST) as seen:
        with pair.stopped(*mirrors):
            began = time.monotonic()
            east = await send(clients[EAST], tmp_path, 10_000, who)
            west = await send(clients[WEST], tmp_path, 10_000, who, changed=True)
            await seen[EAST].until(east, visible, WITHIN)  # each site goes on by itself
            await seen[WEST].until(west, visible, WITHIN)
            await asyncio.sleep(began + CUT_SECONDS - time.monotonic())
            assert not await known(clients[WEST], east)
            assert not await known(clients[EAST], west)
            os.kill(mirrors[1], signal.SIGKILL)  # one has only been slow, the other starts anew
        healed = time.monotonic()
        for site, one in ((EAST, west), (WEST, east)):
            await seen[site].until(one, bool, WITHIN)
            say(f"{site} heard of what it had missed {time.monotonic() - healed:.1f} s after a cut of {CUT_SECONDS} s")
        for site, one in ((EAST, west), (WEST, east)):
            await seen[site].until(one, visible, WITHIN)
    count, _ = await same(pair)
    say(f"both the same {time.monotonic() - healed:.1f} s after it, with an import at each")
    assert count == before + people.expected(10_000).created


async def test_that_a_file_was_deleted_at_one_site_is_known_at_the_other(
    pair: Pair, clients: Clients, tmp_path: Path
) -> None:
    async with Watching(clients, EAST, WEST) as seen:
        import_id = await send(clients[EAST], tmp_path, 100, somebody())
        for site in NAMES:
            await seen[site].until(import_id, visible, WITHIN)

    async def answer() -> int:
        return (await clients[WEST].http.delete(f"/api/v1/imports/{import_id}/file")).status_code

    async def gone_at_east() -> bool:
        found = await copies.records(pair.stack(EAST)["kafka"], copy_of(KEYS, WEST).name)
        return any(
            record.key == import_id.encode() and record.value is None for batch in found.values() for record in batch
        )

    assert not await gone_at_east()
    # A page may hear of the end a moment before the web is sure of it.
    await eventually(answer, lambda code: code == 200, within=WITHIN)
    await eventually(gone_at_east, bool, within=WITHIN)


async def test_a_site_finishes_what_another_that_died_had_begun(pair: Pair, clients: Clients, tmp_path: Path) -> None:
    rows = 30_000
    wanted = people.expected(rows)
    before, _ = await same(pair)
    # Neither can finish it while its importer stands still; the first segments have a lane of their own.
    with pair.stopped(pair.worker(WEST, "importer.1")):
        async with Watching(clients, WEST) as seen:
            with pair.stopped(pair.worker(EAST, "importer.1")):
                begun = await send(clients[EAST], tmp_path, rows, somebody())
                await eventually(lambda: copied(pair, WEST, begun, "import.sealed"), bool, within=WITHIN)
                state = await seen[WEST].until(begun, lambda state: state["rows"] > 0, WITHIN)
                assert not ended(state)
                with pair.away(EAST):
                    died = time.monotonic()
                    os.kill(pair.worker(WEST, "importer.1"), signal.SIGCONT)
                    state = await seen[WEST].until(begun, visible, WITHIN)
                    say(f"{WEST} finished what {EAST} had begun {time.monotonic() - died:.1f} s after {EAST} died")
                    assert (state["status"], state["created"]) == ("finished", wanted.created)
                    later = await send(clients[WEST], tmp_path, 2_000, somebody())
                    await seen[WEST].until(later, visible, WITHIN)
    returned = time.monotonic()
    await eventually(lambda: asyncio.to_thread((pair.data_dir / EAST / "stack.json").exists), bool, within=WITHIN)
    up = time.monotonic()
    async with Watching(clients, EAST) as seen:
        for one, status in ((begun, "finished"), (later, "finished")):
            assert (await seen[EAST].until(one, visible, WITHIN))["status"] == status
    count, _ = await same(pair)
    say(f"{EAST} was up {up - returned:.1f} s after it was started, both the same {time.monotonic() - up:.1f} s later")
    assert count == before + wanted.created + people.expected(2_000).created


async def test_nobody_but_mirrormaker_wrote_a_copy_and_nothing_else_was_copied(pair: Pair, clients: Clients) -> None:
    """Comes last, so that it judges all that the others did."""
    addresses = {site: pair.stack(site)["kafka"] for site in NAMES}
    for here, there in ((EAST, WEST), (WEST, EAST)):
        found = {
            name for name in await copies.topics(addresses[there]) if name.startswith(tuple(f"{s}." for s in NAMES))
        }
        assert found == {f"{here}.{HEARTBEATS}", *(copy_of(topic, here).name for topic in COPIED)}
        assert not {f"{here}.{topic.name}" for topic in (IMPORTS, NOTICES, CHANGED)} & found
        for topic in COPIED:

            async def both() -> list[dict[int, list[copies.Kept]]]:
                """Each record once, in its order: one that died may have copied some again."""
                pages = [
                    await copies.records(addresses[here], topic.name),  # noqa: B023
                    await copies.records(addresses[there], copy_of(topic, here).name),  # noqa: B023
                ]
                return [
                    {number: list(dict.fromkeys(map(copies.kept, batch))) for number, batch in page.items()}
                    for page in pages
                ]

            original, copy = await eventually(both, lambda pages: pages[0] == pages[1], within=60)
            assert original == copy
