"""An account's address book becomes contacts, is kept up to date, and nothing is asked for twice."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests import providers
from tests.fetching import Shop, Simulated, shop, simulated, wrong
from tests.integration.conftest import Servers
from tests.providers import mutations


@pytest.fixture
async def sim() -> AsyncIterator[Simulated]:
    async with simulated() as made:
        yield made


@pytest.fixture
async def ours(servers: Servers, sim: Simulated) -> AsyncIterator[Shop]:
    async with shop(servers, sim) as made:
        yield made


def mutate(ours: Shop, address: str, **changes: int) -> dict[str, Any]:
    account = ours.world.accounts.find(address)
    assert account is not None
    return mutations.apply(account.book, changes, ours.world.clock.now())


def asked(ours: Shop, address: str) -> list[Any]:
    """The requests for contacts of an account."""
    return [
        entry
        for entry in ours.world.ledger.entries
        if entry.account == address and entry.endpoint not in {"authorize", "token", "revoke", "keys", "metadata"}
    ]


@pytest.mark.parametrize("address", ["empty@google.example", "empty@outlook.example"])
async def test_an_empty_address_book_is_imported_and_that_is_all(ours: Shop, address: str) -> None:
    record = await ours.import_(await ours.connect(address))
    assert (record.state.status, record.state.rows) == ("finished", 0)


@pytest.mark.parametrize("address", ["three@google.example", "three@outlook.example"])
async def test_three_people_become_three_contacts(ours: Shop, address: str) -> None:
    record = await ours.import_(await ours.connect(address))
    assert (record.state.status, record.state.created, record.state.rejected) == ("finished", 3, 0)
    assert wrong(ours, address) == []


@pytest.mark.parametrize("address", ["odd@google.example", "odd@outlook.example"])
async def test_whatever_stands_in_an_address_book_nobody_is_rejected(ours: Shop, address: str) -> None:
    record = await ours.import_(await ours.connect(address))
    assert (record.state.status, record.state.rejected) == ("finished", 0)
    assert wrong(ours, address) == []


async def test_three_thousand_people_come_in_segments_of_at_most_five_hundred(ours: Shop) -> None:
    connection = await ours.connect("ada@google.example", other_contacts=True)
    record = await ours.import_(connection)
    assert record.state.status == "finished"
    assert record.state.rows == 3060
    assert record.state.parts == 8  # three pages of a thousand, the other contacts, the sweep
    assert wrong(ours, "ada@google.example", others=True) == []


@pytest.mark.parametrize("address", ["many-007@google.example", "many-007@outlook.example"])
async def test_what_changed_is_brought_in_and_nothing_else_is_asked_for(ours: Shop, address: str) -> None:
    connection = await ours.connect(address)
    await ours.import_(connection)
    mutate(ours, address, edit=3)
    record = await ours.import_(connection)
    assert (record.state.status, record.state.rows, record.state.updated) == ("finished", 3, 3)
    mutate(ours, address, add=2)
    record = await ours.import_(connection)
    assert (record.state.rows, record.state.created) == (2, 2)
    mutate(ours, address, delete=3)
    record = await ours.import_(connection, delete=True)
    assert (record.state.rows, record.state.gone, record.state.deleted) == (0, 3, 3)
    assert wrong(ours, address) == []


@pytest.mark.parametrize("address", ["many-008@google.example", "many-008@outlook.example"])
async def test_deletions_are_only_told_unless_somebody_asked_for_them(ours: Shop, address: str) -> None:
    connection = await ours.connect(address)
    await ours.import_(connection)
    before = len(ours.shown())
    mutate(ours, address, delete=2)
    record = await ours.import_(connection)
    assert (record.state.gone, record.state.deleted, len(ours.shown())) == (2, 0, before)
    record = await ours.import_(connection, delete=True)
    assert (record.state.gone, record.state.deleted) == (0, 2)
    assert wrong(ours, address) == []


@pytest.mark.parametrize("address", ["many-009@google.example", "many-009@outlook.example"])
async def test_with_an_expired_token_all_is_read_anew_and_who_is_missing_is_gone(ours: Shop, address: str) -> None:
    connection = await ours.connect(address)
    await ours.import_(connection)
    mutate(ours, address, delete=3)
    ours.world.faults.add({"kind": "expired", "match": {"account": address, "endpoint": endpoint_of(address)}})
    record = await ours.import_(connection, delete=True)
    assert (record.state.status, record.state.gone, record.state.deleted) == ("finished", 3, 3)
    assert wrong(ours, address) == []


def endpoint_of(address: str) -> str:
    return "connections" if address.endswith("google.example") else "folder_delta"


async def test_a_week_later_google_is_read_anew_without_trying_the_old_token(ours: Shop) -> None:
    connection = await ours.connect("many-010@google.example")
    await ours.import_(connection)
    mutate(ours, "many-010@google.example", delete=1)
    ours.world.clock.advance(8 * 86_400)
    record = await ours.import_(connection, delete=True)
    assert record.state.deleted == 1
    assert not [entry for entry in asked(ours, "many-010@google.example") if entry.status == 400]


async def test_all_folders_are_read_each_page_once(ours: Shop) -> None:
    ours.world.settings.page_cap = 7
    connection = await ours.connect("odd@outlook.example")
    record = await ours.import_(connection)
    assert record.state.status == "finished"
    assert wrong(ours, "odd@outlook.example") == []
    pages = Counter((entry.path, str(entry.query)) for entry in asked(ours, "odd@outlook.example"))
    assert max(pages.values()) == 1


async def test_who_moves_to_another_folder_is_still_there(ours: Shop) -> None:
    address = "odd@outlook.example"
    connection = await ours.connect(address)
    await ours.import_(connection)
    mutate(ours, address, move=3)
    record = await ours.import_(connection, delete=True)
    assert (record.state.gone, record.state.deleted) == (0, 0)
    assert wrong(ours, address) == []


async def test_changes_that_name_only_what_changed_find_their_contact(ours: Shop) -> None:
    address = "many-011@outlook.example"
    ours.world.settings.partial_updates = True
    connection = await ours.connect(address)
    await ours.import_(connection)
    mutate(ours, address, edit=5)
    record = await ours.import_(connection)
    assert (record.state.rows, record.state.created) == (5, 0)
    assert wrong(ours, address) == []


async def test_a_renamed_label_reaches_everybody_who_has_it(ours: Shop) -> None:
    address = "many-012@google.example"
    connection = await ours.connect(address)
    await ours.import_(connection)
    mutate(ours, address, rename_label=1)
    await ours.import_(connection)
    assert wrong(ours, address) == []


async def test_ids_that_were_merged_and_people_who_were_promoted_are_one_contact(ours: Shop) -> None:
    address = "ada@google.example"
    connection = await ours.connect(address, other_contacts=True)
    await ours.import_(connection)
    mutate(ours, address, merge=2, promote=2)
    record = await ours.import_(connection, delete=True)
    assert record.state.status == "finished"
    assert wrong(ours, address, others=True) == []


async def test_people_of_both_providers_become_one_contact_with_both_as_sources(ours: Shop) -> None:
    await ours.import_(await ours.connect("many-013@google.example"))
    await ours.import_(await ours.connect("many-013@outlook.example"))
    assert wrong(ours, "many-013@google.example", "many-013@outlook.example") == []
    sources = Counter(tuple(sorted(source["source"] for source in one["sources"])) for one in ours.shown())
    assert sources["google", "microsoft"] >= 20


async def test_a_record_that_comes_again_fetches_nothing_again(ours: Shop) -> None:
    address = "many-014@google.example"
    ours.world.settings.page_cap = 10
    connection = await ours.connect(address)
    await ours.request(connection)
    while ours.log.ready:
        ours.log.ready.appendleft(ours.log.ready[0])
        await ours.one()
        await ours.one()
    await ours.run()
    assert wrong(ours, address) == []
    pages = Counter((entry.path, str(entry.query)) for entry in asked(ours, address))
    assert max(pages.values()) == 1


async def test_a_cancelled_import_asks_for_nothing_more(ours: Shop) -> None:
    address = "many-015@google.example"
    ours.world.settings.page_cap = 5
    connection = await ours.connect(address)
    import_id = await ours.request(connection)
    await ours.run(8)
    before = len(asked(ours, address))
    await ours.cancel(import_id)
    await ours.run()
    assert len(asked(ours, address)) == before
    run = await ours.store.find(ours.workspace, import_id)
    assert run is not None
    assert (run.phase, run.page) == ("failed", None)


async def test_after_a_disconnect_nobody_is_asked_and_the_import_says_why(ours: Shop) -> None:
    address = "many-016@google.example"
    ours.world.settings.page_cap = 5
    connection = await ours.connect(address)
    import_id = await ours.request(connection)
    await ours.run(4)
    await ours.accounts.disconnect(ours.workspace, connection.id)
    before = len(asked(ours, address))
    await ours.run()
    assert len(asked(ours, address)) == before
    state = ours.watch.records[import_id].state
    assert state.status == "failed"
    assert state.error is not None
    assert state.error.code == "not_connected"


async def test_a_consent_that_was_taken_back_asks_the_person(ours: Shop) -> None:
    address = "many-017@outlook.example"
    connection = await ours.connect(address)
    ours.world.vault.withdraw("microsoft", address)
    record = await ours.import_(connection)
    assert record.state.error is not None
    assert (record.state.status, record.state.error.code) == ("failed", "needs_consent")
    found = await ours.accounts.find(ours.workspace, connection.id)
    assert found.state == "reauthorise"


async def test_nothing_secret_is_ever_in_a_topic(ours: Shop) -> None:
    ours.world.settings.page_cap = 10
    for address in ("many-018@google.example", "many-018@outlook.example"):
        connection = await ours.connect(address)
        await ours.import_(connection)
        await ours.import_(connection)
    text = repr(ours.log.sent)
    assert not [secret for secret in providers.SECRETS if secret in text]


async def test_a_workspace_that_has_much_in_the_log_waits_and_then_goes_on(ours: Shop) -> None:
    address = "many-019@google.example"
    ours.world.settings.page_cap = 2
    ours.watch.backlog._most = 4
    connection = await ours.connect(address)
    record = await ours.import_(connection)
    assert (record.state.status, record.state.rows) == ("finished", 30)
    assert wrong(ours, address) == []
