"""Contacts of connected accounts: what one fetcher does beside what the providers can, and what eight do.

The providers are simulated and run on the same machine, so their own limit is measured first. Stacks of its own:
`python -m bench --only providers`.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from app.stack.whole import Whole, whole
from bench.accounts import Providers, bring_in, connect
from bench.client import Client, ended
from bench.report import Figure
from bench.usage import measured
from tests.providers.running import Simulator

ACCOUNTS = 200
LATENCY = 0.2
BIG, WARM = "size-100000@google.example", "grace@outlook.example"
FIELDS = "names,emailAddresses,phoneNumbers,organizations,addresses,birthdays,biographies,urls,memberships,metadata"
WINDOW_SECONDS = 15.0
"""Throughput of many accounts is counted in a window in which all of them still have pages."""
SETTLE_SECONDS = 5.0
WAIT_SECONDS = 900

Entry = Mapping[str, Any]


def figures(folder: Path) -> list[Figure]:
    """All of them; starts three stacks, one after another."""
    found = _in_stack(folder / "one", _one_process, FETCHERS="1", FETCH_TOGETHER="300")
    slow = _in_stack(folder / "slow", _rate, FETCHERS="1", FETCH_TOGETHER="1")
    fast = _in_stack(folder / "fast", _rate, FETCHERS="8", FETCH_TOGETHER="1")
    return [*found, _scaling(slow, fast)]


async def _one_process(client: Client, providers: Providers, stack: Whole) -> list[Figure]:
    return [*await _one_account(client, providers, stack), await _in_flight(client, providers, stack)]


async def _one_account(client: Client, providers: Providers, stack: Whole) -> list[Figure]:
    limit = await _own_limit(providers)
    accounts = await connect(stack, [BIG, WARM])
    await _imported(client, {WARM: accounts[WARM]})
    before = await providers.requests()
    with measured(stack) as usage:
        await _imported(client, {BIG: accounts[BIG]})
    pages = [one for one in await providers.ledger(before) if one["items"]]
    contacts = sum(one["items"] for one in pages)
    seconds = pages[-1]["ended"] - pages[0]["seconds"]
    use = usage.by_name["fetcher.1"]
    return [
        Figure(
            what="one account of 100,000: contacts fetched, of what the providers give at most",
            value=f"{contacts / seconds:,.0f}/s of {limit:,.0f}/s",
            goal="told",
            met=None,
            detail={"pages": len(pages), "seconds": seconds, "limit": limit},
        ),
        Figure(
            what="CPU of the fetcher for a page of 1,000",
            value=f"{use.cpu_seconds / len(pages) * 1000:.1f} ms",
            goal="told",
            met=None,
            detail={"cpu_seconds": use.cpu_seconds},
        ),
        Figure(
            what="memory of the fetcher, after 25,000 and over 100,000 contacts",
            value=f"{use.first_mib:.0f} MiB, at most {use.peak_mib:.0f} MiB",
            goal="+30 MiB",
            met=use.peak_mib - use.first_mib <= 30,
        ),
    ]


async def _in_flight(client: Client, providers: Providers, stack: Whole) -> Figure:
    """Slow answers, so that the requests for imports, one after another, are not what is measured."""
    accounts = await connect(stack, _many(ACCOUNTS + 50))
    await providers.set(latency=8.0, page_cap=10)
    before = await providers.requests()
    await _imported(client, accounts)
    flight = most_at_once(await providers.ledger(before))
    return Figure(
        what=f"requests in flight from one process, {len(accounts)} accounts",
        value=f"{flight}",
        goal="200",
        met=flight >= 200,
    )


async def _rate(client: Client, providers: Providers, stack: Whole) -> list[Figure]:
    """Answered requests a second while 200 accounts are read, each request taking 200 ms."""
    accounts = await connect(stack, _many(ACCOUNTS))
    await providers.set(latency=LATENCY, page_cap=2)
    before = await providers.requests()
    await bring_in(client, accounts)
    await asyncio.sleep(SETTLE_SECONDS)
    with measured(stack) as usage:
        await asyncio.sleep(WINDOW_SECONDS)
    entries = await providers.ledger(before)
    end = max(one["ended"] for one in entries)
    rate = sum(one["ended"] > end - WINDOW_SECONDS for one in entries) / WINDOW_SECONDS
    cpu = sum(use.cpu_seconds for name, use in usage.by_name.items() if name.startswith("fetcher"))
    return [Figure(what="rate", value="", goal="", met=None, detail={"rate": rate, "cpu_seconds": cpu})]


def _scaling(slow: list[Figure], fast: list[Figure]) -> Figure:
    one, eight = slow[0].detail["rate"], fast[0].detail["rate"]
    return Figure(
        what=f"{ACCOUNTS} accounts at {LATENCY * 1000:.0f} ms, one request at a time each: 1 fetcher, 8 fetchers",
        value=f"{one:.1f}/s, {eight:.1f}/s: {eight / one:.1f} times",
        goal="7 times",
        met=eight >= 7 * one,
        detail={"one": slow[0].detail, "eight": fast[0].detail},
    )


def _in_stack(
    data_dir: Path,
    measure: Callable[[Client, Providers, Whole], Coroutine[None, None, list[Figure]]],
    **settings: str,
) -> list[Figure]:
    async def run(stack: Whole) -> list[Figure]:
        facts = stack.facts()
        client, providers = Client(facts["web"], facts["api_token"]), Providers(stack)
        try:
            return await measure(client, providers, stack)
        finally:
            await client.close()
            await providers.close()

    with whole(data_dir, PROVIDERS="simulated", REQUESTS_PER_MINUTE="1000000", **settings) as stack:
        return asyncio.run(run(stack))


async def _own_limit(providers: Providers) -> float:
    """Contacts a second that a client gets which does nothing with them. The first pass makes the people."""
    with httpx.Client(base_url=providers.origin, timeout=300) as signing:
        headers = Simulator(providers.origin, "", signing).bearer(BIG)
    async with httpx.AsyncClient(base_url=providers.origin, headers=headers, timeout=300) as http:
        await _all(http)
        started = time.monotonic()
        return await _all(http) / (time.monotonic() - started)


async def _all(http: httpx.AsyncClient) -> int:
    """Reads a whole Google account; how many contacts there were."""
    contacts, token = 0, ""
    while True:
        query: dict[str, Any] = {"pageSize": 1000, "personFields": FIELDS, **({"pageToken": token} if token else {})}
        page = (await http.get("/v1/people/me/connections", params=query)).json()
        contacts += len(page["connections"])
        token = page.get("nextPageToken", "")
        if not token:
            return contacts


async def _imported(client: Client, connections: dict[str, str]) -> None:
    """Until all are in the database."""
    channel = await client.channel(scope="workspace")
    async with client.watching(channel) as watched:
        for import_id in await bring_in(client, connections):
            state = await watched.until(import_id, ended, WAIT_SECONDS)
            if state["status"] != "finished":
                raise AssertionError(state["error"])


def most_at_once(entries: Sequence[Entry]) -> int:
    """The greatest number of requests that waited for their answers at one moment."""
    steps = sorted([(one["seconds"], 1) for one in entries] + [(one["ended"], -1) for one in entries])
    now = most = 0
    for _, step in steps:
        now += step
        most = max(most, now)
    return most


def _many(count: int) -> list[str]:
    return [f"many-{number:03}@google.example" for number in range(1, count + 1)]
