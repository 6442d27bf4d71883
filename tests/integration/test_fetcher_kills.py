"""kill -9 of the fetcher and of the importer, at every step of every page: the same contacts, at most one page more."""

import os
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from tests.fetching import Killed, Shop, Simulated, shop, simulated, wrong
from tests.integration.conftest import Servers
from workers import crash
from workers.crash import FETCHING

EVERY = int(os.environ.get("ADDRESSBUS_TEST_SEEDS", "0")) >= 100
"""Whether at every step of every page; else at the first and the fourth."""
PAGES = 5
IMPORTERS = ("claimed", "staged", "merged", "committed", "half told", "reported")


@pytest.fixture(scope="module")
async def sim() -> AsyncIterator[Simulated]:
    async with simulated() as made:
        yield made


@pytest.fixture
def killing(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(code: int) -> None:
        crash._armed.clear()  # the next process is not armed
        raise Killed(code)

    monkeypatch.setattr(os, "_exit", end)


async def killed_at(ours: Shop, address: str, point: str, nth: int) -> tuple[int, int]:
    """How often it was killed, and how many pages were fetched more than once."""
    connection = await ours.connect(address)
    before = len(ours.world.ledger.entries)
    crash.arm({"CRASH_AT": f"{point}:{nth}"})
    try:
        record = await ours.import_(connection)
    finally:
        crash._armed.clear()
    assert record.state.status == "finished", record.state
    assert (record.state.created, record.state.rows) == (10, 10)
    assert wrong(ours, address) == []
    pages = Counter(
        (entry.path, str(entry.query)) for entry in ours.world.ledger.entries[before:] if entry.endpoint != "token"
    )
    return ours.killed, sum(times - 1 for times in pages.values())


@pytest.mark.parametrize("point", [*FETCHING, *IMPORTERS])
@pytest.mark.parametrize("address", ["size-10@google.example", *(["size-10@outlook.example"] if EVERY else [])])
async def test_a_kill_at_any_step_costs_at_most_one_page(
    servers: Servers, sim: Simulated, killing: None, address: str, point: str
) -> None:
    sim.world.settings.page_cap = 10 // PAGES
    survived = 0
    for nth in range(1, 40) if EVERY else (1, 4):
        async with shop(servers, sim) as ours:
            killed, extra = await killed_at(ours, address, point, nth)
            assert extra <= (killed if point == "fetched" else 0), nth
            if not killed:
                break
            survived = nth
    assert survived >= 1, f"nothing ever gets to {point}"
