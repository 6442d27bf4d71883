"""Whatever befalls a provider, the contacts come out right, and nobody is asked too early, too often, or in vain.

`ADDRESSBUS_TEST_SEEDS=200` plays so many plans (tests/providers/plans.py); without it a few.
"""

import logging
import os
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests import providers
from tests.fetching import Shop, Simulated, shop, simulated, wrong
from tests.integration.conftest import Servers
from tests.providers import plans
from tests.providers.ledger import Entry

SEEDS = int(os.environ.get("ADDRESSBUS_TEST_SEEDS", "4"))
OAUTH = {"authorize", "token", "revoke", "keys", "metadata", "userinfo", "tokeninfo"}


@pytest.fixture(scope="module")
async def sim() -> AsyncIterator[Simulated]:
    async with simulated() as made:
        yield made


@pytest.fixture
async def ours(servers: Servers, sim: Simulated) -> AsyncIterator[Shop]:
    sim.world.begin(7)
    sim.world.settings.page_cap = 6
    async with shop(servers, sim) as made:
        yield made
    sim.world.faults.scripted.clear()
    sim.world.waits.clear()


def quiet(*names: str) -> None:
    """As app/log.py does: these tell whole addresses."""
    for name in names:
        logging.getLogger(name).setLevel(logging.WARNING)


async def played(ours: Shop, address: str, faults: list[dict[str, Any]]) -> list[Entry]:
    """Brings the account in while all that happens, and once more if people changed meanwhile; what was asked."""
    connection = await ours.connect(address)
    before = len(ours.world.ledger.entries)
    for fault in faults:
        ours.world.faults.add(fault)
    record = await ours.import_(connection, delete=True)
    assert record.state.status == "finished", record.state.error
    assert record.state.rejected == 0
    entries = ours.world.ledger.entries[before:]
    ours.world.faults.scripted.clear()
    if any(fault["kind"] == "mutate" for fault in faults):
        assert (await ours.import_(connection, delete=True)).state.status == "finished"
    return entries


def check(ours: Shop, entries: list[Entry], logged: str) -> None:
    assert not ours.world.canary_calls
    assert not [entry for entry in entries if entry.early], "asked before Retry-After had passed"
    if not any(entry.fault == "reset" and entry.endpoint == "token" for entry in entries):  # whose answer got lost
        assert not [entry for entry in entries if entry.reused], "a refresh token was used twice"
    good = Counter(
        (entry.path, entry.query)
        for entry in entries
        if entry.status == 200 and entry.fault in {"", "slow", "drip", "reverse", "unknown_fields", "mutate"}
        if entry.endpoint not in OAUTH
    )
    assert max(good.values()) == 1, "a page was fetched needlessly"
    assert max(entry.in_flight for entry in entries) == 1, "two requests to one mailbox"
    text = repr(ours.log.sent) + logged
    told = [text[at - 200 : at + 100] for secret in providers.SECRETS if (at := text.find(secret)) >= 0]
    assert not told


@pytest.mark.parametrize("number", range(SEEDS))
@pytest.mark.parametrize("domain", ["google.example", "outlook.example"])
async def test_a_plan_of_faults_changes_nothing_in_the_end(
    ours: Shop, number: int, domain: str, caplog: pytest.LogCaptureFixture
) -> None:
    address = f"many-{300 + number % 100}@{domain}"
    faults = plans.plan(number, address)
    quiet("httpx", "httpcore", "uvicorn.access")
    with caplog.at_level(logging.DEBUG):
        entries = await played(ours, address, faults)
    assert wrong(ours, address) == [], faults
    check(ours, entries, caplog.text)


@pytest.mark.parametrize("kind", ["foreign_next", "redirect", "next_loop", "drop_sync", "expired", "content_type"])
@pytest.mark.parametrize("address", ["many-290@google.example", "many-290@outlook.example"])
async def test_a_page_that_leads_astray_is_not_followed(ours: Shop, kind: str, address: str) -> None:
    endpoint = "connections" if "google" in address else "folder_delta"
    faults = [{"kind": kind, "match": {"account": address, "endpoint": endpoint, "nth": [2]}}]
    if kind == "foreign_next" and "google" in address:
        return  # Google has tokens and no links
    connection = await ours.connect(address)
    ours.world.faults.add(faults[0])
    record = await ours.import_(connection)
    assert record.state.status == "finished", record.state.error
    assert wrong(ours, address) == []
    assert not ours.world.canary_calls


@pytest.mark.parametrize(
    ("fault", "code", "reason"),
    [
        ({"kind": "unauthorized", "times": 2}, "needs_consent", "refused"),
        ({"kind": "claims_challenge"}, "needs_consent", "claims"),
        ({"kind": "insufficient_scope"}, "needs_consent", None),
        ({"kind": "mailbox_missing"}, "no_mailbox", "no_mailbox"),
        ({"kind": "status", "status": 400}, "provider_refused", None),
    ],
)
async def test_what_only_a_person_can_mend_is_told_to_the_person(
    ours: Shop, fault: dict[str, Any], code: str, reason: str | None
) -> None:
    address = "many-291@outlook.example"
    connection = await ours.connect(address)
    ours.world.faults.add({**fault, "match": {"account": address, "endpoint": "folders"}})
    record = await ours.import_(connection)
    assert record.state.error is not None
    assert (record.state.status, record.state.error.code) == ("failed", code)
    if reason is not None:
        found = await ours.accounts.find(ours.workspace, connection.id)
        assert (found.state, found.reason) == ("reauthorise", reason)


async def test_an_api_that_is_switched_off_is_the_operators_business(ours: Shop) -> None:
    address = "many-292@google.example"
    connection = await ours.connect(address)
    ours.world.faults.add({"kind": "service_disabled", "match": {"account": address, "endpoint": "connections"}})
    record = await ours.import_(connection)
    assert record.state.error is not None
    assert record.state.error.code == "not_set_up"


async def test_an_hour_of_patience_is_an_hour(ours: Shop) -> None:
    address = "many-293@outlook.example"
    connection = await ours.connect(address)
    fault = {"kind": "throttle", "retry_after": "huge", "match": {"account": address, "endpoint": "folder_delta"}}
    ours.world.faults.add(fault)
    before = ours.world.clock.now()
    record = await ours.import_(connection)
    assert record.state.status == "finished"
    assert ours.world.clock.now() - before >= 3_600
    assert not [entry for entry in ours.world.ledger.entries if entry.early]


async def test_a_cursor_that_dies_again_and_again_ends_the_import(ours: Shop) -> None:
    address = "many-294@google.example"
    connection = await ours.connect(address)
    ours.world.faults.add({"kind": "expired", "times": 0, "match": {"account": address, "endpoint": "connections"}})
    record = await ours.import_(connection)
    assert record.state.error is not None
    assert record.state.error.code == "provider_refused"


async def test_who_is_away_for_very_long_is_told_to_be(ours: Shop) -> None:
    address = "many-295@google.example"
    connection = await ours.connect(address)
    fault = {"kind": "status", "status": 503, "times": 0, "match": {"account": address, "endpoint": "connections"}}
    ours.world.faults.add(fault)
    record = await ours.import_(connection)
    assert record.state.error is not None
    assert record.state.error.code == "provider_away"
