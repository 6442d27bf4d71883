"""A person who was erased is gone, stays gone whatever older comes again, and is new when they come anew."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import crc32c
import msgspec
import psycopg
import pytest

from app.core.contacts import contact_id
from app.core.events import Counts, EraseContact, SegmentDone, SegmentHeader
from app.core.topics import BULK, CHANGED, COMMANDS, FACTS, PROBLEMS
from app.sealing import Vault
from tests.importing_kafka import plan
from tests.integration.conftest import Servers
from tests.integration.projections import contact, email, read_model, record
from tests.remembering import Remembering
from tests.sealing import DATA_KEYS, EveryKey
from workers.harness import Record
from workers.importer.erasing import Erased, Erasing, Erasures
from workers.importer.importing import Importing
from workers.importer.store import Store

ZORA = "Zora,zora@example.org,+49301234567,Engines"
BOB = "Bob,bob@example.org,,"
NOW = 2_000_000_000


class Book:
    """A workspace, with the importer's own handlers."""

    def __init__(self, servers: Servers, store: Store) -> None:
        self.servers, self.workspace, self.outlet = servers, uuid4(), Remembering()
        self.erasures = Erasures(store.pool, Vault.parse(DATA_KEYS))
        self.importing = Importing(store, self.outlet, EveryKey(), self.erasures, lambda *ids: False, "local")  # type: ignore[arg-type]
        self.erasing = Erasing(self.erasures, self.outlet, "test", lambda: 1.0)  # type: ignore[arg-type]

    async def bring(self, second: int, *rows: str, import_id: UUID | None = None, **existing: Any) -> Counts:
        """A segment of an import that was asked for at `second`; what was told of its rows."""
        data = "".join(f"{row}\r\n" for row in rows).encode()
        header = SegmentHeader(
            workspace=self.workspace,
            import_id=import_id or uuid4(),
            index=9,
            order_second=second,
            start=0,
            end=len(data),
            first_line=2,
            crc32c=crc32c.crc32c(data),
            plan=plan(**existing),
        )
        self.outlet.sent.clear()
        headers = {"segment": msgspec.json.encode(header)}
        await self.importing.handle(Record(BULK.name, 0, 0, b"k", data, headers))
        return msgspec.json.decode(self.told(FACTS.name)[0], type=SegmentDone).counts

    async def erase(self, address: str) -> None:
        command = EraseContact(workspace=self.workspace, contact=self.id(address), at=1.0)
        await self.erasing.handle(record(COMMANDS.name, msgspec.json.encode(command)))

    def id(self, address: str) -> UUID:
        return contact_id(self.workspace, f"e:{address}")

    def told(self, topic: str) -> list[bytes]:
        return [one.value or b"" for one in self.outlet.sent if one.topic == topic]

    def dump(self) -> str:
        """All that the importers' schema has of this workspace."""
        with psycopg.connect(self.servers.postgres) as connection:
            tables = connection.execute("select tablename from pg_tables where schemaname = 'contacts'").fetchall()
            rows = [
                str(row)
                for (table,) in tables
                if table != "migrations"
                for row in connection.execute(
                    f"select it::text from contacts.{table} as it where workspace = %s",
                    [self.workspace],
                )
            ]
        return "\n".join(rows).lower()

    def names(self) -> list[str]:
        with psycopg.connect(self.servers.postgres) as connection:
            found = connection.execute(
                "select name from contacts.contacts where workspace = %s and name <> '' order by 1", [self.workspace]
            )
            return [name for (name,) in found]


@pytest.fixture
async def book(servers: Servers) -> AsyncIterator[Book]:
    store = Store(servers.dsn("importer"), "test")
    await store.open()
    yield Book(servers, store)
    await store.close()


async def test_nothing_readable_is_left_of_somebody_erased_and_everybody_hears_of_it(book: Book) -> None:
    await book.bring(1000, ZORA, BOB)
    await book.erase("zora@example.org")
    (value,) = book.told(CHANGED.name)[-1:]
    told = msgspec.json.decode(value)
    assert told["erased"] == [str(book.id("zora@example.org"))]
    assert [(each["id"], each["deleted"], each["version"]) for each in told["contacts"]] == [
        (told["erased"][0], True, 2)
    ]
    assert b"zora" not in value
    dump = book.dump()
    assert [text for text in ("zora", "1234567", "engines") if text in dump] == []
    assert "bob" in dump
    book.outlet.sent.clear()
    await book.erase("zora@example.org")
    assert book.told(CHANGED.name), "told again, for it may not have been heard"
    assert '"version":2' in book.told(CHANGED.name)[0].decode()
    book.outlet.sent.clear()
    await book.erase("nobody@example.org")
    assert book.outlet.sent == []


async def test_no_older_segment_brings_an_erased_person_back(book: Book) -> None:
    first = uuid4()
    rows = (ZORA, BOB, "Nobody,zora@example.org and more,,")
    before = await book.bring(1000, *rows, import_id=first)
    await book.erase("zora@example.org")
    # Again; and, of an import that was asked for before, for the first time.
    assert await book.bring(1000, *rows, import_id=first) == before
    assert b"Zora" not in b"".join(book.told(CHANGED.name))
    late = await book.bring(1500, f"{ZORA} Ltd", "Carl,carl@example.org,,", "Zora again,ZORA@example.org,,")
    assert late == Counts(created=1, unchanged=2)
    assert b"Zora" not in b"".join(book.told(CHANGED.name))
    assert book.names() == ["Bob", "Carl"]
    dump = book.dump()
    assert [text for text in ("zora", "engines") if text in dump] == []


async def test_an_older_row_under_another_of_their_addresses_brings_nobody_back(book: Book) -> None:
    with psycopg.connect(book.servers.postgres) as connection:
        await book.bring(1000, ZORA)
        # Two addresses in one contact, as a vCard would bring them.
        connection.execute(
            'update contacts.contacts set sets = sets || \'{"elovelace@example.net": [5, "", 1]}\''
            " where workspace = %s",
            [book.workspace],
        )
    await book.erase("zora@example.org")
    assert await book.bring(1200, "A L,Lovelace@example.net,,", BOB) == Counts(created=1, unchanged=1)
    assert book.names() == ["Bob"]
    assert "lovelace" not in book.dump()


async def test_rejected_rows_that_name_an_erased_person_are_not_told_again(book: Book) -> None:
    first, rows = uuid4(), (ZORA, "Nobody,not an address,zora@example.org,", "Nobody,not an address,,Other")
    before = await book.bring(1000, *rows, import_id=first)
    assert before.rejected == 2
    await book.erase("zora@example.org")
    assert await book.bring(1000, *rows, import_id=first) == before
    told = b"".join(book.told(PROBLEMS.name))
    assert b"Other" in told
    assert b"zora@" not in told


@pytest.mark.parametrize("existing", ["fill", "overwrite", "skip"])
async def test_who_comes_in_a_later_import_is_new(book: Book, existing: str) -> None:
    await book.bring(1000, "Zora,zora@example.org,+49301234567,Engines")
    await book.erase("zora@example.org")
    counts = await book.bring(NOW, "Countess,zora@example.org,,", existing=existing)
    assert counts.rows == 1
    assert book.names() == ["Countess"]
    dump = book.dump()
    assert "e:zora@example.org" in dump
    assert "engines" not in dump
    await book.erase("zora@example.org")
    assert "zora" not in book.dump()


async def test_one_workspace_never_hears_of_erasures_in_another(book: Book, servers: Servers) -> None:
    store = Store(servers.dsn("importer"), "test")
    await store.open()
    other = Book(servers, store)
    await book.bring(1000, ZORA)
    await other.bring(1000, ZORA)
    await book.erase("zora@example.org")
    assert other.names() == ["Zora"]
    assert await other.erasures.erased(other.workspace, 1, ["e:zora@example.org"]) == set()
    assert await book.erasures.erased(book.workspace, 1, ["e:zora@example.org", "e:x@y.z"]) == {"e:zora@example.org"}
    foreign = await book.erasures.erase(other.workspace, book.id("zora@example.org"))
    assert foreign is None
    assert isinstance(await book.erasures.erase(book.workspace, book.id("zora@example.org")), Erased)
    await store.close()


async def test_the_read_model_forgets_an_erased_person_with_rejected_rows_that_name_them(servers: Servers) -> None:
    async with read_model(servers) as model:
        import_id = uuid4()
        zora = contact("Zora Lovelace", emails=(email("zora@own-domain.example"),), company="Zora & Sons")
        await model.show(zora, contact("Bob"))
        for index, text in enumerate(("x; ZORA@own-domain.example", "somebody else")):
            value = model.problems(import_id, text, index=index)
            await model.projector.keep_problems(record(PROBLEMS.name, value))
        gone = msgspec.structs.replace(contact(deleted=True, version=2), id=zora.id)
        await model.show(gone, import_id=UUID(int=0), erased=(zora.id,))
        assert await model.names() == ["Bob"]
        kept = await model.lookup.problems(model.workspace, import_id)
        assert [problem.cells for problem in kept.problems] == [("somebody else",)]
        with psycopg.connect(servers.postgres) as connection:
            tables = ("contacts", "entries", "counts", "problems")
            left = [
                str(row).lower()
                for table in tables
                for row in connection.execute(
                    f"select it::text from lookup.{table} as it where workspace = %s",
                    [model.workspace],
                )
            ]
        assert [row for row in left if "zora" in row or "own-domain" in row] == []
