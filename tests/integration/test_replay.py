"""An import run again from the log, and all contacts told again: nothing changes, and who has lost something has it."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import psycopg
import pytest

from app.bus import Producer
from app.core.errors import Rejected, TryAgain
from app.core.events import NO_IMPORT
from app.core.topics import BULK
from tests.forgetting import forget
from tests.importing_kafka import Upload
from tests.integration.again import Book, Said, book, person, producing
from tests.integration.conftest import Servers, started
from tests.waiting import eventually, until
from workers import operating
from workers.replay import replay
from workers.republish import republish


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Nobody else's: these commands go through everything that there is."""
    with started() as made:
        yield made


@pytest.fixture(scope="module")
async def producer(servers: Servers) -> AsyncIterator[Producer]:
    async with producing(servers) as made:
        yield made


@pytest.fixture
async def people(servers: Servers, producer: Producer) -> AsyncIterator[Book]:
    async with book(servers, producer) as made:
        yield made


async def three_segments(people: Book) -> Upload:
    rows = [[person(10 * index + number) for number in range(10)] for index in range(3)]
    return await people.bring([rows[0], [*rows[1], rows[0][0]], [*rows[2], ",nothing,,"]], second=100)


async def versions(people: Book) -> list[tuple[object, ...]]:
    return await people.ask(
        "select contact_id, version, updated_at from contacts.contacts where workspace = %s order by 1",
        people.workspace,
    )


async def test_nothing_changes_and_it_says_so(people: Book) -> None:
    upload = await three_segments(people)
    rows, known = await people.rows(), await versions(people)
    before = {fact.index: fact.counts for fact in people.done(upload)}
    code, told, said = await people.run("replay", "import", str(upload.id))
    assert code == 0, said
    assert told == (
        "nothing changed: 32 rows are counted as before\nall 30 contacts of this import are at the version they had\n"
    )
    assert "  3 of 3" in said
    await until(lambda: len(people.done(upload)) >= 6)
    assert {fact.index: fact.counts for fact in people.done(upload)} == before
    assert (await people.rows(), await versions(people)) == (rows, known)


async def test_whoever_did_not_hear_it_hears_it_again(people: Book) -> None:
    upload = await three_segments(people)
    before = await people.rows()
    await people.ask("delete from lookup.problems where workspace = %s", people.workspace)
    await people.ask("delete from lookup.contacts where workspace = %s", people.workspace)
    await people.ask("delete from lookup.counts where workspace = %s", people.workspace)
    await replay(people.settings(), upload.id, Said())
    await eventually(people.rows, lambda rows: rows == before)


async def test_what_another_import_did_meanwhile_is_not_taken_for_a_change(people: Book) -> None:
    upload = await three_segments(people)
    await people.bring([[person(number, "Initech") for number in range(10)]], second=200)
    replayed = await replay(people.settings(), upload.id, Said())
    assert replayed.told()[0] == "nothing changed: 32 rows are counted as before"
    replayed.after = (replayed.after[0], replayed.after[1] + 4)
    assert replayed.told()[1] == "other imports have raised 4 versions among its contacts meanwhile"


async def test_segments_that_a_restored_database_does_not_know_are_merged(people: Book) -> None:
    upload = await three_segments(people)
    before = await people.rows()
    await people.ask("delete from contacts.ledger where import_id = %s and index = 2", upload.id)
    await people.ask(
        "delete from contacts.contacts where workspace = %s and match_key ~ '^e:p2[0-9]@'", people.workspace
    )
    replayed = await replay(people.settings(), upload.id, Said())
    assert (replayed.new, replayed.other) == ([2], [])
    assert "1 segment was not in the database: merged now" in replayed.told()
    found = await people.ask("select from contacts.contacts where workspace = %s", people.workspace)
    assert len(found) == len(before["contacts"])


async def test_segments_that_have_left_the_log_are_told_and_not_guessed(people: Book) -> None:
    upload = await three_segments(people)
    await forget(people.servers.kafka, BULK.name)
    await upload.segment(1, [*(person(10 + number) for number in range(10)), person(0)])
    replayed = await replay(people.settings(), upload.id, Said())
    assert replayed.gone == 2
    assert replayed.told()[0] == "2 segments were not in the log any more: not run again"
    assert replayed.told()[1].startswith("nothing changed: 11 rows")


async def test_an_import_that_nobody_knows_is_refused(people: Book) -> None:
    with pytest.raises(Rejected):
        await replay(people.settings(), uuid4(), Said())


async def test_without_importers_it_says_so_and_waits_no_longer(people: Book) -> None:
    upload = await three_segments(people)
    await people.ask("delete from contacts.ledger where import_id = %s", upload.id)
    async with await psycopg.AsyncConnection.connect(people.servers.postgres) as connection:
        await connection.execute("lock contacts.ledger in share row exclusive mode")
        with pytest.raises(TryAgain, match="no importer has said anything for 1 s: 3 segments wait"):
            await replay(people.settings(), upload.id, Said(), patience=1.0)


async def test_all_contacts_are_told_again_in_the_version_they_have(people: Book) -> None:
    await three_segments(people)
    before = await people.rows()
    await people.ask("delete from lookup.contacts where workspace = %s", people.workspace)
    await people.ask("delete from lookup.entries where workspace = %s", people.workspace)
    await people.ask("delete from lookup.counts where workspace = %s", people.workspace)
    code, told, said = await people.run("republish", "contacts", "--workspace", str(people.workspace))
    assert (code, told) == (0, "30 contacts are told again\n"), said
    assert "  30 of 30" in said
    await eventually(people.rows, lambda rows: rows == before)
    again = await eventually(lambda: told_again(people), lambda found: len(found) == 30)
    assert set(again) == {(str(id_), version) for id_, version, _ in await versions(people)}
    assert not [fact for fact in people.listener.facts if fact.import_id == NO_IMPORT], "no import has brought them"


async def told_again(people: Book) -> list[tuple[str, object]]:
    return [
        (str(contact.id), contact.version)
        for event in people.listener.changed
        if event.import_id == NO_IMPORT and event.workspace == people.workspace
        for contact in event.contacts
    ]


async def test_a_workspace_without_contacts_is_refused(people: Book) -> None:
    async with operating.producing(people.settings()) as producer:
        with pytest.raises(Rejected):
            await republish(people.settings(), producer, Said(), people.workspace)
