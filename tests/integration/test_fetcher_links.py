"""Which contact an item of a connected account is, in PostgreSQL: moves, deletions, sweeps, and what they spare."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import crc32c
import msgspec
import pytest

from app.core.events import ProviderPage, SegmentHeader, Source, Sweep
from app.core.positions import position
from app.core.reading import segments
from app.core.reading.plan import Existing, Plan, Values
from tests.importing_kafka import plan as file_plan
from tests.integration.conftest import Servers
from workers.importer import results
from workers.importer.store import Merged, Store
from workers.importer.understanding import as_staged, understand

CONNECTION = uuid4()


@pytest.fixture(scope="module")
async def store(servers: Servers) -> AsyncIterator[Store]:
    made = Store(servers.dsn("importer"), "test")
    await made.open()
    yield made
    await made.close()


def person(number: int, email: str = "", name: str = "", **more: Any) -> dict[str, Any]:
    """An item as Google sends it."""
    return {
        "resourceName": f"people/c{number}",
        "names": [{"displayName": name or f"Person {number}"}],
        **({"emailAddresses": [{"value": email}]} if email else {}),
        **more,
    }


def gone(number: int) -> dict[str, Any]:
    return {"resourceName": f"people/c{number}", "metadata": {"deleted": True}}


class House:
    """A workspace; `page` brings one page of an account in, `file` some rows of a file."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.workspace = uuid4()
        self.imports: dict[int, UUID] = {}

    async def page(
        self,
        second: int,
        index: int,
        items: list[dict[str, Any]],
        *,
        existing: Existing = "overwrite",
        sweep: Sweep | None = None,
        stream: str = "connections",
        connection: UUID = CONNECTION,
        source: Source = "google",
    ) -> Merged:
        data = b"" if sweep else msgspec.json.encode(items)
        plan = Plan(values=Values(phone_region="DE"), existing=existing, labels=())
        page = ProviderPage(connection=connection, account="a1", stream=stream, sweep=sweep)
        header = self._header(second, index, data, plan, source=source, page=page)
        reading = segments.read(data, header)
        keys = await self.store.identities(header, reading.links)
        people = [each._replace(match_key=keys.get(each.row, each.match_key)) for each in reading.people]
        return await self._merge(header, reading._replace(people=people))

    async def file(self, second: int, rows: list[str]) -> Merged:
        data = "".join(f"{row}\r\n" for row in ["Name,E-mail,Phone,Company", *rows]).encode()
        header = self._header(second, 0, data, file_plan())
        return await self._merge(header, segments.read(data, header))

    async def _merge(self, header: SegmentHeader, reading: segments.Reading) -> Merged:
        understood = understand(header, None, reading)
        merged = await self.store.merge(header, understood.existing, understood.batch, reading=reading)
        if merged.at is None:
            return merged
        same = {each.id: as_staged(each, merged.alike.get(each.id), merged.at) for each in understood.staged}
        return merged._replace(found={**same, **merged.found})

    def _header(self, second: int, index: int, data: bytes, plan: Plan, **more: Any) -> SegmentHeader:
        return SegmentHeader(
            workspace=self.workspace,
            import_id=self.imports.setdefault(second, uuid4()),
            index=index,
            order_second=second,
            start=0,
            end=len(data),
            first_line=1,
            crc32c=crc32c.crc32c(data),
            plan=plan,
            **more,
        )


def shown(merged: Merged) -> dict[str, str]:
    """Match key -> name ("" is deleted) of everything that is told."""
    return {stored.contact.match_key: stored.contact.values[0] for stored in merged.found.values()}


async def test_who_gets_another_address_leaves_the_contact_of_the_old_one_and_it_goes(store: Store) -> None:
    house = House(store)
    await house.page(100, 0, [person(1, "old@example.org", "Ada")])
    moved = await house.page(200, 0, [person(1, "new@example.org", "Ada")])
    assert shown(moved) == {"e:new@example.org": "Ada", "e:old@example.org": ""}
    old = next(each for each in moved.found.values() if each.contact.match_key == "e:old@example.org")
    assert old.contact.deletion == position(100, 0, 0)
    assert old.contact.sources == ()


async def test_what_also_came_from_a_file_stays_and_only_loses_the_account(store: Store) -> None:
    house = House(store)
    await house.file(50, ["Ada,old@example.org,,"])
    await house.page(100, 0, [person(1, "old@example.org", "Ada")])
    moved = await house.page(200, 0, [person(1, "new@example.org", "Ada")])
    old = next(each for each in moved.found.values() if each.contact.match_key == "e:old@example.org")
    assert old.contact.values[0] == "Ada"
    assert old.contact.sources == (50,)


async def test_a_segment_that_is_told_again_tells_who_parted_too(store: Store) -> None:
    house = House(store)
    await house.page(100, 0, [person(1, "old@example.org", "Ada")])
    first = await house.page(200, 0, [person(1, "new@example.org", "Ada")])
    assert shown(await house.page(200, 0, [person(1, "new@example.org", "Ada")])) == shown(first)


async def test_an_older_segment_that_comes_late_cannot_take_an_item_back(store: Store) -> None:
    house = House(store)
    await house.page(200, 0, [person(1, "new@example.org", "Ada")])
    late = await house.page(100, 0, [person(1, "old@example.org", "Ada")])
    assert shown(late) == {"e:old@example.org": ""}


async def test_a_contact_that_another_item_is_too_stays_as_it_is(store: Store) -> None:
    house = House(store)
    await house.page(100, 0, [person(1, "both@example.org", "Ada"), person(2, "both@example.org", "Ada")])
    moved = await house.page(200, 0, [person(1, "new@example.org", "Ada")])
    assert shown(moved) == {"e:new@example.org": "Ada"}


async def test_deletions_at_the_source_are_only_counted_unless_somebody_asked_for_them(store: Store) -> None:
    house = House(store)
    await house.page(100, 0, [person(1, "a@example.org"), person(2, "b@example.org")])
    assert shown(await house.page(200, 0, [gone(2)])) == {}
    counted = await house.page(200, 1, [], sweep=Sweep(full=False))
    assert (counted.gone, counted.deleted, shown(counted)) == (1, 0, {})
    again = await house.page(300, 0, [], sweep=Sweep(full=False))
    assert again.gone == 0
    carried_out = await house.page(400, 0, [], sweep=Sweep(full=False, delete=True))
    assert (carried_out.deleted, shown(carried_out)) == (1, {"e:b@example.org": ""})


async def test_a_full_pass_finds_who_was_not_seen_in_it(store: Store) -> None:
    house = House(store)
    await house.page(100, 0, [person(1, "a@example.org"), person(2, "b@example.org"), person(3)])
    await house.page(100, 1, [person(4, "other@example.org")], stream="others")
    await house.page(200, 0, [person(1, "a@example.org")])
    swept = await house.page(200, 1, [], sweep=Sweep(full=True, unread=("others",), delete=True))
    assert (swept.gone, swept.deleted) == (2, 2)
    assert sorted(shown(swept)) == ["e:b@example.org", "i:google\x1fa1\x1fc3"]


async def test_a_sweep_that_comes_twice_does_nothing_twice(store: Store) -> None:
    house = House(store)
    await house.page(100, 0, [person(1, "a@example.org")])
    first = await house.page(200, 0, [], sweep=Sweep(full=True, delete=True))
    second = await house.page(200, 0, [], sweep=Sweep(full=True, delete=True))
    assert (second.gone, second.deleted, shown(second)) == (first.gone, first.deleted, shown(first))
    assert [each.version for each in second.found.values()] == [2]


async def test_a_sweep_touches_no_other_account_and_no_other_workspace(store: Store) -> None:
    house, neighbour = House(store), House(store)
    other = uuid4()
    for one in (house, neighbour):
        await one.page(100, 0, [person(1, "a@example.org"), person(2, "mine@example.org")])
    await house.page(110, 0, [person(7, "a@example.org")], connection=other)
    swept = await house.page(200, 0, [], sweep=Sweep(full=True, delete=True))
    assert shown(swept) == {"e:a@example.org": "Person 7", "e:mine@example.org": ""}
    kept = await neighbour.page(300, 0, [], sweep=Sweep(full=False, delete=True))
    assert kept.deleted == 0


async def test_who_is_found_in_another_address_book_has_moved_and_is_not_gone(store: Store) -> None:
    for order in ((0, 1), (1, 0)):
        house = House(store)
        await house.page(100, 0, [person(1, "a@example.org")], stream="others")
        pages = [
            lambda house: house.page(200, 0, [person(1, "a@example.org")]),
            lambda house: house.page(200, 1, [gone(1)], stream="others"),
        ]
        for number in order:
            await pages[number](house)
        swept = await house.page(200, 2, [], sweep=Sweep(full=False, delete=True))
        assert (swept.gone, shown(swept)) == (0, {}), order


async def test_who_comes_back_after_a_deletion_is_there_again(store: Store) -> None:
    house = House(store)
    await house.page(100, 0, [person(1, "a@example.org", "Ada")])
    await house.page(200, 0, [], sweep=Sweep(full=True, delete=True))
    back = await house.page(300, 0, [person(1, "a@example.org", "Ada Again")])
    assert shown(back) == {"e:a@example.org": "Ada Again"}
    assert next(iter(back.found.values())).contact.sources == (300,)


async def test_a_change_without_an_address_is_found_by_its_link(store: Store) -> None:
    house = House(store)
    whole = {"id": "AAA=", "displayName": "Ada", "emailAddresses": [{"address": "ada@example.org"}]}
    await house.page(100, 0, [whole], source="microsoft")
    changed = await house.page(200, 0, [{"id": "AAA=", "jobTitle": "Countess"}], source="microsoft")
    assert shown(changed) == {"e:ada@example.org": "Ada"}
    assert changed.counts.updated == 1


async def test_ids_that_differ_in_their_letters_case_are_two_items(store: Store) -> None:
    house = House(store)
    items = [{"id": "AAa=", "displayName": "Ada"}, {"id": "AAA=", "displayName": "Bob"}]
    merged = await house.page(100, 0, items, source="microsoft")
    assert merged.counts.created == 2


async def test_an_id_that_was_merged_into_another_leaves_one_contact(store: Store) -> None:
    house = House(store)
    await house.page(100, 0, [person(1, "a@example.org"), person(2, "b@example.org")])
    await house.page(200, 0, [person(2, "a@example.org", previousResourceNames=["people/c1"])])
    swept = await house.page(200, 1, [], sweep=Sweep(full=False, delete=True))
    assert swept.gone == 0
    assert shown(await house.page(300, 0, [person(2, "a@example.org")])) == {"e:a@example.org": "Person 2"}


async def test_what_came_from_an_account_that_was_lost_as_a_source_is_still_said_to_be_from_it(store: Store) -> None:
    house = House(store)
    await house.file(50, ["Ada,old@example.org,,"])
    google = person(1, "old@example.org", "Ada", organizations=[{"name": "Engines"}])
    await house.page(100, 0, [google], existing="fill")
    moved = await house.page(200, 0, [person(1, "new@example.org", "Ada")])
    old = next(each for each in moved.found.values() if each.contact.match_key == "e:old@example.org")
    told = results.contact_out(old, await store.sources(house.workspace, results.seconds([old])))
    assert [source.source for source in told["sources"]] == ["file"]
    assert {field: origin.source for field, origin in told["origins"].items()} == {"name": "file", "company": "google"}
